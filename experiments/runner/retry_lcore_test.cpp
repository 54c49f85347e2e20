// A neighbour on the engine's CPU: what it disturbs is repeated, and nothing is lost.
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "dataplane/eal/eal.hpp"
#include "engine/base/clock.hpp"
#include "engine/base/test_folder_testing.hpp"
#include "experiments/plans/plan.hpp"
#include "experiments/results/retries.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/runner/cores.hpp"
#include "experiments/runner/cpu_wait.hpp"
#include "experiments/runner/runner.hpp"
#include "experiments/runner/vocabulary.hpp"

namespace violet {
namespace {

// The checkout: the test is built from it.
const std::filesystem::path kRoot =
    std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();

// Another process that never sleeps, on one CPU.
class Neighbour {
 public:
  explicit Neighbour(unsigned cpu) : child_(::fork()) {
    if (child_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    ::sched_setaffinity(0, sizeof(set), &set);
    for (;;) cpu_pause();
  }
  ~Neighbour() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

 private:
  pid_t child_;
};

// Beyond the plan's repetitions, too; retries have numbers behind all that there may be. EAL starts once in
// a process: this run has one of its own, and comes before that of the process itself.
TEST(RetryDisturbed, RetriesWhatIsRepeatedUntilItIsNarrow) {
  if (!cpu_waits()) GTEST_SKIP() << "this kernel does not say how long threads wait for a CPU";
  const auto words = make_vocabulary((kRoot / "datasets").string()).value();
  plans::Problems problems;
  const auto plan = plans::parse_plan(
      "[plan]\nname = 'retry'\n[axes]\nstrategy = 'strict'\n[run]\nrepetitions = 1\n"
      "until_ci_percent = 0.001\nmost_repetitions = 6\n"
      "warmup_operations = 100\nduration_s = 0.4\n[cores]\nallow_oversubscribed = true\n",
      "retry.toml", {}, words, problems);
  ASSERT_TRUE(plan) << plans::to_text(problems);
  const TestFolder folder;
  const auto cores = choose_cores(plan->cores, allowed_cpus()).value();
  const pid_t child = ::fork();
  if (child == 0) {
    const Neighbour neighbour(cores.engine);
    RunOptions options;
    options.runs_root = folder.path();
    options.retry_disturbed = 1;
    options.progress = results::ProgressMode::kNever;
    const auto outcome = run_plan(*plan, options);
    ::_exit(outcome && outcome->finished == 12 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  const auto run = results::read_run(folder.path() / "latest");
  ASSERT_TRUE(run) << run.error().message;
  const results::CellData& cell = run->cells.at(0);
  ASSERT_EQ(cell.repetitions.size(), 12U);
  for (std::uint32_t i = 0; i < 12; ++i) {
    EXPECT_EQ(cell.repetitions[i].repetition, i);
    EXPECT_EQ(cell.repetitions[i].retry_of,
              i < 6 ? std::nullopt : std::optional<std::uint32_t>(i - 6));
  }
  EXPECT_EQ(results::counted_repetitions(cell).size(), 6U);
  EXPECT_EQ(run->manifest.until_ci->cells.at(cell.cell.id).repetitions, 6U);
}

TEST(RetryDisturbed, RepeatsWhatANeighbourDisturbedAndKeepsAll) {
  if (!cpu_waits()) GTEST_SKIP() << "this kernel does not say how long threads wait for a CPU";
  const auto words = make_vocabulary((kRoot / "datasets").string()).value();
  plans::Problems problems;
  const auto plan = plans::parse_plan(
      "[plan]\nname = 'retry'\n[axes]\nstrategy = 'strict'\n[run]\nrepetitions = 1\n"
      "warmup_operations = 100\nduration_s = 0.4\n[cores]\nallow_oversubscribed = true\n",
      "retry.toml", {}, words, problems);
  ASSERT_TRUE(plan) << plans::to_text(problems);
  const TestFolder folder;
  const auto cores = choose_cores(plan->cores, allowed_cpus()).value();
  const Neighbour neighbour(cores.engine);
  RunOptions options;
  options.runs_root = folder.path();
  options.retry_disturbed = 2;
  options.progress = results::ProgressMode::kNever;
  const auto outcome = run_plan(*plan, options);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->finished, 3U);

  const auto run = results::read_run(outcome->directory);
  ASSERT_TRUE(run) << run.error().message;
  const results::CellData& cell = run->cells.at(0);
  ASSERT_EQ(cell.repetitions.size(), 3U);
  using Retried = std::optional<std::uint32_t>;
  const Retried of[] = {std::nullopt, 0, 0};
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(cell.repetitions[i].repetition, i);
    EXPECT_EQ(cell.repetitions[i].retry_of, of[i]);
    EXPECT_NE(results::what_disturbed(cell.repetitions[i]), "");
  }
  // All were disturbed: the first counts.
  const auto counted = results::counted_repetitions(cell);
  ASSERT_EQ(counted.size(), 1U);
  EXPECT_EQ(counted[0].record, &cell.repetitions[0]);
}

}  // namespace
}  // namespace violet
