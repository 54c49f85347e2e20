// What a cell's memory lies on, and why it lies on nothing better, is in its record.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "engine/base/huge_pages.hpp"
#include "experiments/plans/plan.hpp"
#include "experiments/runner/metrics.hpp"
#include "experiments/runner/repetition.hpp"
#include "experiments/runner/vocabulary.hpp"

namespace violet {
namespace {

// The checkout: the test is built from it.
const std::filesystem::path kRoot =
    std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();

constexpr std::uint64_t kGuestBytes = std::uint64_t{64} << 20;

class Memory : public testing::Test {
 protected:
  Memory() {
    const auto words = make_vocabulary((kRoot / "datasets").string()).value();
    plans::Problems problems;
    plan_ = plans::parse_plan(
                "[plan]\nname = 'memory'\n[axes]\nstrategy = 'strict'\n[run]\nrepetitions = 1\n"
                "operations = 100\n[limits]\nguest_memory_mib = 64\n"
                "[cores]\nallow_oversubscribed = true\n",
                "memory.toml", {}, words, problems)
                .value();
    cores_ = choose_cores(plan_.cores, allowed_cpus()).value();
  }
  ~Memory() override { ::unsetenv("VIOLET_NO_HUGEPAGES"); }

  Eal& eal() {
    static Eal* started = Eal::start({.cpus = cores_.lcore_cpus()}).value();
    return *started;
  }

  results::RepetitionRecord run() {
    auto testbed = Testbed::create({.eal = eal(),
                                    .cores = cores_,
                                    .cell = plan_.cells.front(),
                                    .limits = plan_.limits,
                                    .dataset_dir = (kRoot / "datasets").string(),
                                    .seed = 1})
                       .value();
    return run_repetition(*testbed, {.run = plan_.run, .recorder = {}}).value();
  }

  // How the warning begins where the guest's memory lies on small pages.
  std::string small_guest() {
    const std::string both = eal().huge_pages() ? "" : " and DPDK's own memory";
    return "the guest's 64 MiB" + both + " lie on 4 KiB pages";
  }

  plans::Plan plan_;
  CoreMap cores_;
};

std::optional<double> value_of(const results::RepetitionRecord& record, std::string_view name) {
  for (const auto& metric : record.metrics) {
    if (metric.name == name) return metric.value;
  }
  return std::nullopt;
}

// The warning that begins so; empty: there is none.
std::string said_of(const results::RepetitionRecord& record, std::string_view beginning) {
  for (const auto& text : record.warnings) {
    if (text.starts_with(beginning)) return text;
  }
  return {};
}

TEST_F(Memory, OfTheGuestOnSmallPagesSaysWhy) {
  eal();  // Before they are forbidden.
  ::setenv("VIOLET_NO_HUGEPAGES", "1", 1);
  const auto record = run();
  EXPECT_EQ(value_of(record, "guest_memory_hugepages"), 0);
  EXPECT_EQ(said_of(record, "the guest's"), small_guest() + ", because VIOLET_NO_HUGEPAGES is set");
}

TEST_F(Memory, OfTheGuestOnHugePagesIsNotWarnedOf) {
  eal();
  if (!map_huge_pages(kGuestBytes)) GTEST_SKIP() << "this host gives no 64 MiB of hugepages";
  const auto record = run();
  const std::string said = said_of(record, "the guest's");
  if (said.find("fewer hugepages") != std::string::npos) GTEST_SKIP() << "others took them";
  EXPECT_EQ(value_of(record, "guest_memory_hugepages"), 100);
  EXPECT_EQ(said, "");
}

TEST_F(Memory, ThatOthersReservedIsTakenAndTheRecordSaysSo) {
  eal();
  const std::uint64_t available = available_huge_page_bytes();
  if (available < kHugePageBytes * 2) GTEST_SKIP() << "this host has no hugepage left";
  const std::uint64_t reserved = available / kHugePageBytes * kHugePageBytes - kHugePageBytes;
  void* const taken = ::mmap(nullptr, reserved, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  if (taken == MAP_FAILED) GTEST_SKIP() << "another program took them meanwhile";
  const auto record = run();
  ::munmap(taken, reserved);
  if (value_of(record, "guest_memory_hugepages") == 100) GTEST_SKIP() << "this host makes more";
  EXPECT_EQ(value_of(record, "guest_memory_hugepages"), 0);
  const std::string said = said_of(record, "the guest's");
  EXPECT_TRUE(said.starts_with(small_guest())) << said;
  EXPECT_TRUE(said.ends_with(", because fewer hugepages than 64 MiB are free and not reserved"))
      << said;
}

TEST_F(Memory, OfDpdkIsStampedAndSaysWhy) {
  const auto record = run();
  EXPECT_EQ(value_of(record, "eal_memory_hugepages"), eal().huge_pages() ? 100 : 0);
  const bool alone = !eal().huge_pages() && value_of(record, "guest_memory_hugepages") == 100;
  EXPECT_EQ(
      said_of(record, "DPDK's own memory"),
      alone ? "DPDK's own memory lies on 4 KiB pages, because " + eal().against_huge_pages() : "");
}

}  // namespace
}  // namespace violet
