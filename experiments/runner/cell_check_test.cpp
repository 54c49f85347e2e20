// What a cell cannot do is a problem of the plan, with the key that is to blame, before anything runs.
#include "experiments/runner/cell_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "datasets/importers.hpp"
#include "engine/base/test_folder_testing.hpp"
#include "experiments/runner/vocabulary.hpp"
#include "experiments/workloads/workloads.hpp"

namespace violet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::filesystem::path kCheckout =
    std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();

// Of a plan with these lines behind its name; "" when it can run.
std::string plan_problems(const std::string& lines, const std::vector<std::string>& set = {}) {
  const auto words = make_vocabulary((kCheckout / "datasets").string());
  EXPECT_TRUE(words) << (words ? "" : words.error().message);
  plans::Problems problems;
  const auto plan =
      plans::parse_plan("[plan]\nname = 't'\n" + lines, "t.toml", set, *words, problems);
  EXPECT_EQ(plan.has_value(), problems.empty());
  return plans::to_text(problems);
}

std::string imported(const TestFolder& folder, const std::string& log) {
  const auto path = folder.path() / "a.log";
  std::ofstream(path) << log;
  const auto report = datasets::import_trace(path.string(), folder.path().string());
  EXPECT_TRUE(report) << (report ? "" : report.error().message);
  return report ? report->trace : std::string();
}

constexpr const char* kMapsWithoutUnmap =
    "7@1.000000:virtio_iommu_attach domain=1 endpoint=8\n"
    "7@1.000010:virtio_iommu_map domain=1 virt_start=0x1000 virt_end=0x1fff phys_start=0x5000 "
    "flags=3\n"
    "7@1.000020:virtio_iommu_map domain=1 virt_start=0x2000 virt_end=0x2fff phys_start=0x6000 "
    "flags=3\n";

TEST(CellCheck, AnAllocatorThatMakesNoSenseUnderAStrategyIsRefusedWithTheReason) {
  EXPECT_THAT(plan_problems("[axes]\nstrategy = 'ring'\niova = 'chunk'\n"),
              AllOf(HasSubstr("t.toml:4:12: key 'axes.strategy'"), HasSubstr("chunk"),
                    HasSubstr("the strategy has tables of its own")));
  EXPECT_THAT(plan_problems("[axes]\nstrategy = 'off'\niova = 'free-list'\n"),
              HasSubstr("no address is translated"));
  EXPECT_EQ(plan_problems("[axes]\nstrategy = '*'\niova = ['rcache', 'rbtree']\n"), "");
  EXPECT_EQ(
      plan_problems("[axes]\nstrategy = ['strict', 'lazy-percpu', 'optimistic']\niova = '*'\n"),
      "");
}

TEST(CellCheck, SettingsThatAWorkloadCannotUseAreNamedWithTheirPlace) {
  EXPECT_EQ(plan_problems("[axes]\nworkload = 'net-rx'\n[workload.net-rx]\nring = 1000\n"),
            "t.toml:6:8: key 'workload.net-rx.ring': expected a power of two, found 1000\n");
  EXPECT_EQ(plan_problems("[axes]\nworkload = 'net-tx'\n", {"workload.net-tx.ring=1000"}),
            "--set workload.net-tx.ring=1000: key 'workload.net-tx.ring': expected a power of two, "
            "found 1000\n");
  EXPECT_THAT(plan_problems("[axes]\nworkload = 'nvme-4k'\n", {"workload.nvme-4k.io_bytes=1000"}),
              HasSubstr("'workload.nvme-4k.io_bytes': expected a multiple of 512, found 1000"));
  EXPECT_THAT(
      plan_problems("[axes]\nworkload = 'nvme-4k'\n", {"workload.nvme-4k.io_bytes=1048576"}),
      HasSubstr("expected at most 520192 with 128 commands in flight on a disk of 64 MiB, found "
                "1048576"));
  EXPECT_EQ(plan_problems("[axes]\nworkload = 'nvme-4k'\n",
                          {"workload.nvme-4k.io_bytes=1048576", "workload.nvme-4k.depth=63",
                           "limits.guest_memory_mib=512"}),
            "");
}

TEST(CellCheck, AStrategyThatKeepsSomethingOfADomainCannotReassign) {
  EXPECT_THAT(plan_problems("[axes]\nworkload = 'reassign'\nstrategy = 'registered'\n"),
              HasSubstr("it keeps something of the domain that an endpoint leaves"));
  EXPECT_EQ(plan_problems("[axes]\nworkload = 'reassign'\nstrategy = ['strict', 'lazy-percpu']\n"),
            "");
}

// One of several values of an axis: only that one is to blame.
TEST(CellCheck, AWrongValueOfAListIsFound) {
  EXPECT_EQ(plan_problems("[axes]\nworkload = 'net-rx'\n[workload.net-rx]\nring = [256, 300]\n"),
            "t.toml:6:14: key 'workload.net-rx.ring': expected a power of two, found 300\n");
}

TEST(CellCheck, BuffersThatCannotFitAreRefused) {
  EXPECT_THAT(plan_problems("[axes]\nworkload = 'net-rx'\n",
                            {"workload.net-rx.ring=4096", "workload.net-rx.buffer_bytes=65536"}),
              HasSubstr("key 'limits.guest_memory_mib': expected at least 512 for the buffers of "
                        "net-rx, found 256"));
}

// What a workload says it needs is what the plan asks for: at its ranges' ends every default is possible.
TEST(CellCheck, EveryWorkloadCanRunWithItsDefaults) {
  for (const auto& info : workloads()) {
    EXPECT_EQ(plan_problems("[axes]\nworkload = '" + info.name + "'\n"), "") << info.name;
  }
}

TEST(CellCheck, ATraceWithoutAnUnmapHasNoOperation) {
  const TestFolder folder;
  const auto trace = imported(folder, kMapsWithoutUnmap);
  EXPECT_THAT(plan_problems("[axes]\nworkload = 'trace:" + trace + "'\n"),
              AllOf(HasSubstr("t.toml:4:12: key 'axes.workload': expected a trace with unmaps"),
                    HasSubstr(trace + " has none")));
}

TEST(CellCheck, ATraceAsksForMemoryAndDomainsAndForTimesWhenItIsPaced) {
  plans::Cell cell;
  cell.dataset = "t";
  const plans::Limits limits{.domains = 4, .mappings = 1, .memory_mib = 1, .guest_memory_mib = 100};
  TraceFacts facts{
      .unmaps = 1, .memory_bytes = 36u << 20, .endpoints = 4, .domains = 4, .has_times = false};
  EXPECT_FALSE(trace_problem(cell, limits, facts));
  cell.pace = plans::Pace::kPaced;
  EXPECT_EQ(trace_problem(cell, limits, facts)->key, "axes.pace");
  cell.pace = plans::Pace::kClosed;
  cell.timers = plans::Timers::kWorkload;
  EXPECT_EQ(trace_problem(cell, limits, facts)->key, "axes.timers");
  facts.has_times = true;
  EXPECT_FALSE(trace_problem(cell, limits, facts));
  facts.memory_bytes += 1;
  EXPECT_EQ(trace_problem(cell, limits, facts)->key, "limits.guest_memory_mib");
  EXPECT_THAT(trace_problem(cell, limits, facts)->message, HasSubstr("at least 101, found 100"));
  facts = {.unmaps = 1, .memory_bytes = 0, .endpoints = 5, .domains = 5, .has_times = true};
  EXPECT_EQ(trace_problem(cell, limits, facts)->key, "limits.domains");
  facts.endpoints = kMostEndpoints + 1;
  EXPECT_EQ(trace_problem(cell, limits, facts)->key, "axes.workload");
}

TEST(CellCheck, AGuestHasNoMoreMemoryThanItsHost) {
  const plans::Limits limits{.domains = 4, .mappings = 1, .memory_mib = 1, .guest_memory_mib = 100};
  EXPECT_FALSE(memory_problem(limits, 100));
  ASSERT_TRUE(memory_problem(limits, 99));
  EXPECT_EQ(memory_problem(limits, 99)->key, "limits.guest_memory_mib");
  EXPECT_THAT(memory_problem(limits, 99)->message, HasSubstr("at most 99, which this machine has"));
  EXPECT_THAT(plan_problems("", {"limits.guest_memory_mib=1048576"}),
              AllOf(HasSubstr("limits.guest_memory_mib"), HasSubstr("which this machine has")));
}

// A plan may name a trace thousands of times.
TEST(CellCheck, ATraceIsReadOnce) {
  const TestFolder folder;
  const auto words = make_vocabulary((kCheckout / "datasets").string());
  const auto path = (folder.path() / "a.vtrace.zst").string();
  const auto missing = words->trace_problem(path);
  EXPECT_NE(missing, "");
  std::filesystem::copy_file(kCheckout / "datasets/bundled/blk-randread-strict.vtrace.zst", path);
  EXPECT_EQ(words->trace_problem(path), missing);
  EXPECT_EQ(make_vocabulary((kCheckout / "datasets").string())->trace_problem(path), "");
}

}  // namespace
}  // namespace violet
