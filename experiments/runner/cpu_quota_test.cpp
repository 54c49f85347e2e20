#include "experiments/runner/cpu_quota.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "engine/base/test_folder_testing.hpp"

namespace violet {
namespace {

class Quota : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    const auto at = folder_.path() / path;
    std::filesystem::create_directories(at.parent_path());
    std::ofstream(at) << text;
  }
  CgroupPlaces places() const { return {folder_.path() / "mount", folder_.path() / "self"}; }

  TestFolder folder_;
};

TEST_F(Quota, OfNobodyIsNone) {
  EXPECT_FALSE(cpu_quota(places()).has_value());
  EXPECT_FALSE(throttled_periods(places()).has_value());
  write("self", "0::/user.slice\n");
  write("mount/user.slice/cpu.max", "max 100000\n");
  EXPECT_FALSE(cpu_quota(places()).has_value());
}

TEST_F(Quota, OfTheSecondVersionIsTheLeastUpToTheRoot) {
  write("self", "0::/user.slice/run.scope\n");
  write("mount/user.slice/run.scope/cpu.max", "150000 100000\n");
  write("mount/user.slice/cpu.max", "50000 100000\n");
  const auto quota = cpu_quota(places());
  ASSERT_TRUE(quota.has_value());
  EXPECT_EQ(quota->cpus, 0.5);
  EXPECT_TRUE(quota->group.ends_with("user.slice")) << quota->group;
}

TEST_F(Quota, OfTheFirstVersionAndAContainersRoot) {
  write("self", "4:cpu,cpuacct:/docker/0123\n3:cpuset:/x\n");
  write("mount/cpu,cpuacct/cpu.cfs_quota_us", "100000\n");
  write("mount/cpu,cpuacct/cpu.cfs_period_us", "50000\n");
  ASSERT_TRUE(cpu_quota(places()).has_value());
  EXPECT_EQ(cpu_quota(places())->cpus, 2);
  write("mount/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  EXPECT_FALSE(cpu_quota(places()).has_value());
}

TEST_F(Quota, ThrottledPeriodsAreCountedOrNotKnown) {
  write("self", "0::/a\n");
  write("mount/a/cpu.stat", "usage_usec 12\nuser_usec 10\nsystem_usec 2\n");
  EXPECT_FALSE(throttled_periods(places()).has_value());
  write("mount/a/cpu.stat", "usage_usec 12\nnr_periods 100\nnr_throttled 0\nthrottled_usec 0\n");
  EXPECT_EQ(throttled_periods(places()), 0u);
  write("mount/cpu.stat", "nr_throttled 7\n");
  EXPECT_EQ(throttled_periods(places()), 7u);
}

}  // namespace
}  // namespace violet
