#include "experiments/runner/cpu_wait.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "engine/base/test_folder_testing.hpp"

namespace violet {
namespace {

std::string stat_of(const std::string& id, const std::string& name, int cpu) {
  std::string text = id + " (" + name + ") S";
  for (int field = 4; field < 39; ++field) text += " 0";
  return text + " " + std::to_string(cpu) + " 0 0";
}

class CpuWait : public ::testing::Test {
 protected:
  CpuWait() { std::ofstream(folder_.path() / "stat") << "70 (violet) S 1 70"; }
  void thread(const std::string& id, const std::string& name, const std::string& schedstat,
              int cpu = 0) const {
    const auto path = folder_.path() / "task" / id;
    std::filesystem::create_directories(path);
    std::ofstream(path / "comm") << name << "\n";
    std::ofstream(path / "stat") << stat_of(id, name, cpu) << "\n";
    if (!schedstat.empty()) std::ofstream(path / "schedstat") << schedstat << "\n";
  }
  TestFolder folder_;
};

TEST_F(CpuWait, KnowsTheLcoresAmongTheThreads) {
  thread("70", "violet", "900 30 4", 0);
  thread("71", "eal-intr-thread", "800 5000 4", 1);
  thread("72", "lcore-worker-1", "900 40 4", 1);
  thread("73", "dpdk-worker2", "900 50 4", 2);
  thread("74", "odd ) name", "700 6000 4", 0);  // The recorder.
  EXPECT_EQ(cpu_waits(folder_.path()), (CpuWaits{{70, {900, 30, 0, true}},
                                                 {71, {800, 5000, 1, false}},
                                                 {72, {900, 40, 1, true}},
                                                 {73, {900, 50, 2, true}},
                                                 {74, {700, 6000, 0, false}}}));
}

TEST_F(CpuWait, IsUnknownWhereTheKernelDoesNotSay) {
  thread("70", "violet", "");
  EXPECT_FALSE(cpu_waits(folder_.path()));
  EXPECT_FALSE(cpu_waits(folder_.path() / "nothing"));
}

TEST_F(CpuWait, IsTheShareOfTheLcoreThatWaitedLongest) {
  const CpuWaits before{{1, {0, 100, 0, true}}, {2, {0, 0, 1, true}}};
  const CpuWaits after{{1, {0, 100 + 20'000'000, 0, true}}, {2, {0, 300'000'000, 1, true}}};
  EXPECT_DOUBLE_EQ(longest_wait(before, after, 2), 0.15);
  EXPECT_DOUBLE_EQ(longest_wait(after, after, 2), 0);
  EXPECT_DOUBLE_EQ(longest_wait(before, after, 0.1), 1);
}

// A sibling lcore on one CPU, a recorder: what this process does to itself is no other program's doing.
TEST_F(CpuWait, LeavesOutWhatThreadsOfTheProcessTookOfEachOther) {
  const CpuWaits before;
  const CpuWaits after{{1, {500'000'000, 500'000'000, 0, true}},
                       {2, {490'000'000, 510'000'000, 0, true}},
                       {3, {10'000'000, 0, 0, false}},
                       {4, {700'000'000, 300'000'000, 1, true}}};
  EXPECT_DOUBLE_EQ(longest_wait(before, after, 1), 0.3);
  const CpuWaits alone{{1, after.at(1)}, {2, after.at(2)}, {3, after.at(3)}};
  EXPECT_DOUBLE_EQ(longest_wait(before, alone, 1), 0);
}

// One slice in a repetition of less than a millisecond is no neighbour.
TEST_F(CpuWait, ASliceIsNone) {
  EXPECT_DOUBLE_EQ(longest_wait({}, {{1, {0, 2'900'000, 0, true}}}, 0.0003), 0);
}

}  // namespace
}  // namespace violet
