// A run's trace takes what the plan allows it, and a run without one says so.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "engine/base/test_folder_testing.hpp"
#include "experiments/plans/plan.hpp"
#include "experiments/runner/runner.hpp"
#include "experiments/runner/trace_files.hpp"
#include "experiments/runner/vocabulary.hpp"

namespace violet::trace_budget_test {
namespace {

namespace fs = std::filesystem;
const fs::path kRoot = fs::path(__FILE__).parent_path().parent_path().parent_path();

// Two cells, two repetitions each, with so many MiB of trace; whether all of it went well.
bool measure_here(const fs::path& runs, const std::string& trace_mib) {
  const auto words = make_vocabulary((kRoot / "datasets").string());
  plans::Problems problems;
  const auto plan = plans::parse_plan(
      "[plan]\nname = 'test'\n[axes]\nstrategy = ['strict', 'lazy-percpu']\n"
      "workload = 'net-rx'\nplacement = 'samecore'\n[costs]\nexit_ns = 0\n"
      "[run]\nrepetitions = 2\nwarmup_s = 0\noperations = 5000\n"
      "trace_mib = " +
          trace_mib + "\n[cores]\nallow_oversubscribed = true\n",
      "test.toml", {}, *words, problems);
  const auto outcome = run_plan(*plan, {.runs_root = runs,
                                        .resume = {},
                                        .dataset_dir = (kRoot / "datasets").string(),
                                        .command_line = "test",
                                        .progress = results::ProgressMode::kNever});
  return outcome && outcome->failures.empty();
}

// EAL starts once in a process: each run has one of its own.
fs::path measure(const TestFolder& folder, const std::string& trace_mib) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(measure_here(folder.path(), trace_mib) ? 0 : 1);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  const auto runs = results::list_runs(folder.path());
  EXPECT_EQ(runs.size(), 1u);
  return runs.empty() ? fs::path() : runs.front();
}

TEST(TraceBudget, IsNotExceededAndSharedAmongTheCells) {
  const TestFolder folder;
  const fs::path run = measure(folder, "1");
  const auto events = EventTrace::open(run / "trace.events");
  const auto pyramids = PyramidFile::open(run / "trace.pyramid");
  ASSERT_TRUE(events) << events.error().message;
  ASSERT_TRUE(pyramids) << pyramids.error().message;
  EXPECT_LE(fs::file_size(run / "trace.events") + fs::file_size(run / "trace.pyramid"), 1u << 20);
  EXPECT_EQ(pyramids->sections().size(), 2u);
  for (std::size_t i = 0; i < pyramids->sections().size(); ++i) {
    const auto pyramid = pyramids->read(i);
    ASSERT_TRUE(pyramid) << pyramid.error().message;
    EXPECT_GT(pyramid->facts.events, 0u);
  }
  const auto manifest = results::read_manifest(run);
  ASSERT_TRUE(manifest && manifest->kept_trace);
  EXPECT_EQ(manifest->kept_trace->budget_mib, 1u);
  EXPECT_EQ(manifest->kept_trace->repetitions, 2u);
  EXPECT_GT(manifest->kept_trace->seen, manifest->kept_trace->kept);
  EXPECT_GT(manifest->kept_trace->kept, 0u);
}

TEST(TraceBudget, OfNothingLeavesNoTraceAndSaysSo) {
  const TestFolder folder;
  const fs::path run = measure(folder, "0");
  EXPECT_FALSE(fs::exists(run / "trace.events"));
  EXPECT_FALSE(fs::exists(run / "trace.pyramid"));
  const auto data = results::read_run(run);
  ASSERT_TRUE(data) << data.error().message;
  ASSERT_EQ(data->cells.size(), 2u);
  EXPECT_EQ(data->cells[0].repetitions.size(), 2u);
  ASSERT_TRUE(data->manifest.kept_trace);
  EXPECT_EQ(results::kept_text(*data->manifest.kept_trace), "no trace was kept: --no-trace");
}

}  // namespace
}  // namespace violet::trace_budget_test
