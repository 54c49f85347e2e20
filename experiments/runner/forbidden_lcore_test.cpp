// A whole run where the user forbids hugepages: it takes none, and its results say so and why.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/base/huge_pages.hpp"
#include "engine/base/test_folder_testing.hpp"
#include "experiments/plans/plan.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/runner/runner.hpp"
#include "experiments/runner/vocabulary.hpp"

namespace violet {
namespace {

// The checkout: the test is built from it.
const std::filesystem::path kRoot =
    std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();

// Whether this process has a mapping on hugepages, touched (HugePages_Free) or only reserved (HugePages_Rsvd). The
// host's own counters are everybody's.
bool maps_huge_pages() {
  std::ifstream file("/proc/self/smaps");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmFlags:") && (line + " ").find(" ht ") != std::string::npos) return true;
  }
  return false;
}

TEST(Forbidden, HugePagesAreNotTakenAndTheResultsSaySo) {
  ::unsetenv("VIOLET_NO_HUGEPAGES");
  if (const auto memory = map_huge_pages(kHugePageBytes)) {
    ASSERT_TRUE(maps_huge_pages()) << "what this test looks for cannot be seen here";
  }
  ::setenv("VIOLET_NO_HUGEPAGES", "1", 1);
  const auto words = make_vocabulary((kRoot / "datasets").string()).value();
  plans::Problems problems;
  const auto plan = plans::parse_plan(
      "[plan]\nname = 'forbidden'\n[axes]\nstrategy = 'strict'\n[run]\nrepetitions = 1\n"
      "warmup_operations = 100\nduration_s = 0.2\n[cores]\nallow_oversubscribed = true\n",
      "forbidden.toml", {}, words, problems);
  ASSERT_TRUE(plan) << plans::to_text(problems);
  const TestFolder folder;
  RunOptions options;
  options.runs_root = folder.path();
  options.progress = results::ProgressMode::kNever;
  std::atomic<bool> over = false, seen = false;
  std::thread watch([&] {
    while (!over) {
      if (maps_huge_pages()) seen = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  const auto outcome = run_plan(*plan, options);
  over = true;
  watch.join();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_FALSE(seen) << "neither EAL nor the guest may have any";

  const auto run = results::read_run(outcome->directory);
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_FALSE(run->manifest.hugepages.known()) << run->manifest.hugepages.value;
  EXPECT_EQ(run->manifest.hugepages.because, "VIOLET_NO_HUGEPAGES is set");
  const auto& record = run->cells.at(0).repetitions.at(0);
  int stamps = 0;
  for (const auto& metric : record.metrics) {
    if (!metric.name.ends_with("_memory_hugepages")) continue;
    ++stamps;
    EXPECT_EQ(metric.value, 0) << metric.name;
  }
  EXPECT_EQ(stamps, 2);
  const std::string said =
      "the guest's 256 MiB and DPDK's own memory lie on 4 KiB pages, because VIOLET_NO_HUGEPAGES "
      "is "
      "set";
  EXPECT_EQ(std::count(record.warnings.begin(), record.warnings.end(), said), 1) << said;
}

}  // namespace
}  // namespace violet
