#include "dataplane/eal/eal.hpp"

#include <gtest/gtest.h>
#include <rte_eal.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>

#include "dataplane/eal/rcu_quiescence.hpp"
#include "engine/base/clock.hpp"

namespace violet {
namespace {

// Two lcores wherever the host has two CPUs; on one CPU both share it.
Eal& eal() {
  static Eal* started = [] {
    const auto cpus = allowed_cpus();
    const unsigned second = cpus.size() > 1 ? cpus[1] : cpus[0];
    auto result = Eal::start({.cpus = {cpus[0], second}});
    if (!result) ADD_FAILURE() << result.error().message;
    return result.value();
  }();
  return *started;
}

TEST(Eal, StartsOnceAndSaysSoTheSecondTime) {
  EXPECT_EQ(eal().cpus().size(), 2u);
  const auto second = Eal::start({});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("once"), std::string::npos);
}

// Neither in DPDK's own runtime directory, which may be read-only, nor in ours.
TEST(Eal, LeavesNoFolderBehind) {
  eal();
  EXPECT_FALSE(std::filesystem::exists(rte_eal_get_runtime_dir())) << rte_eal_get_runtime_dir();
  EXPECT_EQ(std::getenv("RUNTIME_DIRECTORY"), nullptr);
}

TEST(Eal, SaysWhyItRunsWithoutHugePages) {
  EXPECT_EQ(eal().huge_pages(), eal().against_huge_pages().empty());
}

TEST(Eal, RunsABodyOnAWorker) {
  std::atomic<int> ran{0};
  ASSERT_TRUE(eal().launch(1, [&] { ran = 7; }));
  eal().join(1);
  EXPECT_EQ(ran.load(), 7);
}

TEST(RcuQuiescence, Q1_OnlineReaderHoldsAndIsNamed) {
  eal();
  auto quiescence = RcuQuiescence::create(4).value();
  const auto reader = quiescence->add_reader("blk").value();
  quiescence->online(reader);
  const auto token = quiescence->start();
  EXPECT_FALSE(quiescence->passed(token));
  ASSERT_EQ(quiescence->laggard(token), reader);
  EXPECT_EQ(quiescence->reader_name(reader), "blk");
  quiescence->offline(reader);
  EXPECT_TRUE(quiescence->passed(token));
}

// C6 on lcores: a cell is poisoned after its grace period; the reading lcore must never see poison.
TEST(RcuQuiescence, C6_NothingIsReusedUnderAnLcore) {
  auto quiescence = RcuQuiescence::create(4).value();
  const auto reader = quiescence->add_reader("reader").value();
  std::array<std::atomic<std::uint64_t>, 2> cells{};
  std::atomic<std::atomic<std::uint64_t>*> published{&cells[0]};
  std::atomic<bool> stop{false};
  std::atomic<int> poisoned{0};
  ASSERT_TRUE(eal().launch(1, [&] {
    while (!stop.load(std::memory_order_relaxed)) {
      const ReaderSection section(*quiescence, reader);
      for (int i = 0; i < 8; ++i) {
        poisoned += published.load(std::memory_order_acquire)->load(std::memory_order_relaxed) == 1;
      }
    }
  }));
  const Ticks end = now_ticks() + ns_to_ticks(200'000'000);
  for (std::size_t round = 0; now_ticks() < end; ++round) {
    cells[(round + 1) % 2].store(0, std::memory_order_relaxed);
    published.store(&cells[(round + 1) % 2], std::memory_order_release);
    const auto token = quiescence->start();
    while (!quiescence->passed(token)) cpu_pause();
    cells[round % 2].store(1, std::memory_order_relaxed);
  }
  stop = true;
  eal().join(1);
  EXPECT_EQ(poisoned.load(), 0);
}

}  // namespace
}  // namespace violet
