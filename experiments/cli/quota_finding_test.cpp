#include "experiments/cli/quota_finding.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "engine/base/test_folder_testing.hpp"

namespace violet::cli {
namespace {

// Of a cgroup with this cpu.max, on a machine of two CPUs.
Finding finding_of(const char* cpu_max) {
  const TestFolder folder;
  std::filesystem::create_directories(folder.path() / "a");
  std::ofstream(folder.path() / "self") << "0::/a\n";
  std::ofstream(folder.path() / "a" / "cpu.max") << cpu_max << "\n";
  return quota_finding(cpu_quota({folder.path(), folder.path() / "self"}), 2);
}

TEST(QuotaFinding, BelowTheCpusIsAWarningWithTheFigures) {
  const Finding found = finding_of("150000 100000");
  EXPECT_FALSE(found.good);
  EXPECT_TRUE(found.state.starts_with("1.5 CPUs, by ")) << found.state;
  EXPECT_TRUE(found.state.ends_with("/a")) << found.state;
  EXPECT_TRUE(found.means.starts_with("below the 2 usable CPUs: ")) << found.means;
  EXPECT_NE(found.means.find("throttled_periods"), std::string::npos) << found.means;
}

TEST(QuotaFinding, OfAllCpusOrNoneAtAllIsNoWarning) {
  const Finding enough = finding_of("200000 100000");
  EXPECT_TRUE(enough.good);
  EXPECT_EQ(enough.means, "no less than the CPUs that are usable");
  const Finding none = finding_of("max 100000");
  EXPECT_TRUE(none.good);
  EXPECT_EQ(none.state, "none");
}

}  // namespace
}  // namespace violet::cli
