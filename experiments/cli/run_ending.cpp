#include "experiments/cli/run_ending.hpp"

#include <fmt/core.h>

#include <cstdio>

#include "engine/base/counted.hpp"
#include "experiments/cli/verbs.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/results/table.hpp"

namespace violet::cli {

std::string resume_command(const std::string& plan, const std::vector<std::string>& overrides) {
  std::string command = "./violet run " + quoted(plan);
  for (const auto& text : overrides) command += " --set " + quoted(text);
  return command + " --resume";
}

std::string resume_command(const ReproduceFlags& flags, const std::filesystem::path& old,
                           const std::filesystem::path& run) {
  std::string command = "./violet reproduce " + quoted(old.string());
  if (flags.retry_disturbed > 0) {
    command += fmt::format(" --retry-disturbed {}", flags.retry_disturbed);
  }
  if (!flags.trace) command += " --no-trace";
  return command + " --resume " + quoted(run.string());
}

int run_ending(const RunOutcome& outcome, const std::string& resume) {
  for (const auto& failure : outcome.failures)
    tell("violet: {}\n", results::printable_lines(failure));
  if (outcome.was_finished) {
    tell("violet: {} was finished before: there was nothing to resume, and nothing was changed\n",
         outcome.directory.string());
  }
  if (outcome.in_write_ahead_log) {
    tell(
        "violet: another program holds {} open, so a part of the results lies in "
        "results.sqlite-wal "
        "beside it: move and copy the two together\n",
        (outcome.directory / "results.sqlite").string());
  }
  if (!outcome.interrupted) return outcome.failures.empty() ? kOk : kRunFailed;
  tell("violet: interrupted after {}; {} goes on\n", counted(outcome.finished, "repetition"),
       results::printable(resume));
  return outcome.finished == 0 ? kInterruptedAtOnce : kInterrupted;
}

int expectations_ending(std::span<const results::JudgedExpectation> judged) {
  std::size_t open = 0;
  for (const auto& one : judged) {
    if (one.expectation.importance != results::Importance::kMust) continue;
    const bool settled = one.fulfilment == results::Fulfilment::kHolds ||
                         one.fulfilment == results::Fulfilment::kFails;
    open += settled ? 0 : 1;
    if (one.fulfilment != results::Fulfilment::kFails) continue;
    tell("violet: a must failed: {}\n", results::printable(one.expectation.claim));
  }
  if (open > 0) {
    tell(
        "violet: {} that must hold {} neither shown nor refuted; more repetitions (--set "
        "repetitions=N) or a quieter host may tell\n",
        counted(open, "expectation"), open == 1 ? "is" : "are");
  }
  return results::must_failed(judged) ? kRegression : kOk;
}

int expectations_of(const std::filesystem::path& directory, results::Format format) {
  const auto run = results::read_run(directory);
  if (!run) return complain(run.error());
  const auto judged = results::judge_expectations(*run);
  if (judged.empty()) return kOk;
  if (format == results::Format::kText) {
    const auto table = results::expectations_table(judged);
    const int printed = print("\n" + results::render_text(table, results::style_for(1)));
    if (printed != kOk) return printed;
  }
  return expectations_ending(judged);
}

}  // namespace violet::cli
