#include "engine/base/quiescence.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

namespace violet {
namespace {

TEST(EpochQuiescence, Q1_OfflineReadersAreNotWaitedFor) {
  EpochQuiescence quiescence;
  ASSERT_TRUE(quiescence.add_reader("nic"));
  EXPECT_TRUE(quiescence.passed(quiescence.start()));
}

TEST(EpochQuiescence, Q1_AnOnlineReaderHoldsTheGracePeriod) {
  EpochQuiescence quiescence;
  const auto reader = quiescence.add_reader("nic").value();
  quiescence.online(reader);
  const auto token = quiescence.start();
  EXPECT_FALSE(quiescence.passed(token));
  EXPECT_EQ(quiescence.laggard(token), reader);
  quiescence.quiescent(reader);
  EXPECT_TRUE(quiescence.passed(token));
  EXPECT_EQ(quiescence.laggard(token), std::nullopt);
}

TEST(EpochQuiescence, AddReaderBeyondTheLimitIsAnErrorThatNamesIt) {
  EpochQuiescence quiescence(1);
  ASSERT_TRUE(quiescence.add_reader("first"));
  const auto second = quiescence.add_reader("second");
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("second"), std::string::npos);
}

// A cell is poisoned only after its grace period; a reader that still sees poison read freed memory.
TEST(EpochQuiescence, C6_NothingIsReusedUnderAReader) {
  constexpr int kRounds = 20000;
  constexpr std::uint64_t kPoison = 0xdead;
  EpochQuiescence quiescence;
  const auto reader = quiescence.add_reader("reader").value();
  std::array<std::atomic<std::uint64_t>, 2> cells{};
  std::atomic<std::atomic<std::uint64_t>*> published{&cells[0]};
  std::atomic<bool> stop{false};
  std::atomic<int> poisoned_reads{0};

  std::thread thread([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      const ReaderSection section(quiescence, reader);
      for (int i = 0; i < 8; ++i) {
        auto* cell = published.load(std::memory_order_acquire);
        if (cell->load(std::memory_order_relaxed) == kPoison) poisoned_reads.fetch_add(1);
      }
    }
  });
  for (int round = 0; round < kRounds; ++round) {
    auto& old = cells[static_cast<std::size_t>(round % 2)];
    auto& next = cells[static_cast<std::size_t>((round + 1) % 2)];
    next.store(1, std::memory_order_relaxed);
    published.store(&next, std::memory_order_release);
    const auto token = quiescence.start();
    while (!quiescence.passed(token)) std::this_thread::yield();
    old.store(kPoison, std::memory_order_relaxed);
  }
  stop.store(true);
  thread.join();
  EXPECT_EQ(poisoned_reads.load(), 0);
}

}  // namespace
}  // namespace violet
