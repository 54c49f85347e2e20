#include "experiments/runner/cpu_wait.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "engine/base/test_folder_testing.hpp"

namespace violet {
namespace {

class CpuWait : public ::testing::Test {
 protected:
  CpuWait() { std::ofstream(folder_.path() / "stat") << "70 (violet) S 1 70"; }
  void thread(const std::string& id, const std::string& name, const std::string& schedstat) const {
    const auto path = folder_.path() / "task" / id;
    std::filesystem::create_directories(path);
    std::ofstream(path / "comm") << name << "\n";
    if (!schedstat.empty()) std::ofstream(path / "schedstat") << schedstat << "\n";
  }
  TestFolder folder_;
};

TEST_F(CpuWait, IsThatOfTheLcoresAlone) {
  thread("70", "violet", "900 30 4");
  thread("71", "eal-intr-thread", "900 5000 4");
  thread("72", "lcore-worker-1", "900 40 4");
  thread("73", "dpdk-worker2", "900 50 4");
  thread("74", "violet", "900 6000 4");  // The recorder.
  EXPECT_EQ(cpu_waits(folder_.path()), (CpuWaits{{70, 30}, {72, 40}, {73, 50}}));
}

TEST_F(CpuWait, IsUnknownWhereTheKernelDoesNotSay) {
  thread("70", "violet", "");
  EXPECT_FALSE(cpu_waits(folder_.path()));
  EXPECT_FALSE(cpu_waits(folder_.path() / "nothing"));
}

TEST_F(CpuWait, IsTheShareOfTheLcoreThatWaitedLongest) {
  const CpuWaits before{{1, 100}, {2, 0}}, after{{1, 100 + 20'000'000}, {2, 300'000'000}};
  EXPECT_DOUBLE_EQ(longest_wait(before, after, 2), 0.15);
  EXPECT_DOUBLE_EQ(longest_wait(after, after, 2), 0);
  EXPECT_DOUBLE_EQ(longest_wait(before, after, 0.1), 1);
}

}  // namespace
}  // namespace violet
