// A runner measures a plan: every cell, every repetition, interleaved, into a run directory. In which order a round of one
// repetition each has the cells is drawn anew for every round, from the seed.
//
// Threading: the main thread, which becomes the guest lcore.
// Cells whose interval has to become narrow (results/until_ci.hpp) are repeated after the plan's repetitions, in rounds of
// one repetition of each that is still wide, whatever the plan's order.
// Invariants: a finished repetition is durable before the next begins. Signals end the run
// as interruption.hpp says, after the repetition in hand or at once; either way the run can be resumed. A cell that fails
// is reported with its reason and the others still run; one whose operations carried wrong data is
// kept and counts as failed. When results cannot be written any more the run ends.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/plans/plan.hpp"
#include "experiments/results/progress.hpp"
#include "experiments/results/run_directory.hpp"

namespace violet {

struct RunOptions {
  std::filesystem::path runs_root = "runs";
  // How often a repetition that the host disturbed (results/retries.hpp) is repeated. All are kept.
  unsigned retry_disturbed = 0;
  std::filesystem::path resume;  // A run directory to go on with; empty: a new one.
  std::string dataset_dir;
  results::Fact revision{{}, "the caller does not say"};  // Of the program.
  std::string command_line;
  results::ProgressMode progress = results::ProgressMode::kAuto;
};

struct RunOutcome {
  std::filesystem::path directory = {};
  bool interrupted = false;
  bool was_finished = false;  // Before: nothing was measured and nothing changed.
  std::size_t finished = 0;   // Repetitions in the directory, earlier ones included.
  // Another program read results.sqlite to the end: some of it lies in results.sqlite-wal beside it.
  bool in_write_ahead_log = false;
  std::vector<std::string> failures = {};  // "cell: reason"
};

// Error when nothing could be run at all (environment, run directory).
Result<RunOutcome> run_plan(const plans::Plan& plan, const RunOptions& options);

// Seconds that the plan takes: set-up, warm-up and measuring of all repetitions. Plans that count
// operations are estimated at `kAssumedRate` operations a second.
double estimated_seconds(const plans::Plan& plan);
// The same where every cell is repeated as often as until_ci_percent lets it be, without retries.
double most_seconds(const plans::Plan& plan);
inline constexpr double kAssumedRate = 500'000;

}  // namespace violet
