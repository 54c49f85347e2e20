// A run's ending says on stderr what failed and how to go on, for the verbs that run plans, and whether what the plan
// expects was found.
//
// Threading: the main thread.
// Invariants: whatever failed is on stderr, with its reason, whether or not progress is shown.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "experiments/results/expectations.hpp"
#include "experiments/results/table.hpp"
#include "experiments/runner/runner.hpp"

namespace violet::cli {

struct ReproduceFlags;

// The command that goes on with an interrupted run of `plan`, for a shell.
std::string resume_command(const std::string& plan, const std::vector<std::string>& overrides);
// Likewise, where `run` measures the plan of `old` again: its own plan.toml says neither --no-trace nor what defaults were.
std::string resume_command(const ReproduceFlags& flags, const std::filesystem::path& old,
                           const std::filesystem::path& run);
// Says on stderr what failed and that `resume` goes on; the exit code of the verb.
int run_ending(const RunOutcome& outcome, const std::string& resume);

// Says on stderr which expectations that must hold failed, and how many musts are not shown either way. kRegression where
// one failed, else kOk.
int expectations_ending(std::span<const results::JudgedExpectation> judged);

// Judges what the plan of a run expects: a table on stdout where it is text, as JSON and CSV are whole without it, and the
// ending above.
int expectations_of(const std::filesystem::path& run, results::Format format);

}  // namespace violet::cli
