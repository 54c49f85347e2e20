#include <fmt/core.h>

#include <cstdio>
#include <filesystem>

#include "experiments/cli/dry_run.hpp"
#include "experiments/cli/plan_loading.hpp"
#include "experiments/cli/run_ending.hpp"
#include "experiments/cli/verbs.hpp"
#include "experiments/results/report.hpp"
#include "experiments/runner/runner.hpp"

namespace violet::cli {
namespace {

// For programs the problems of a plan are the answer, beside the words on stderr.
int dry_run(const Places& places, const RunFlags& flags) {
  const bool json = flags.format == results::Format::kJson;
  plans::Problems problems;
  const auto plan = load_named_plan(places, flags.plan, flags.overrides, &problems);
  if (!plan) {
    if (problems.empty()) problems.push_back({"", plan.error().message});
    if (json && print(problems_json(problems)) != kOk) return kRunFailed;
    return complain(plan.error());
  }
  const Estimates took{estimated_seconds(*plan), most_seconds(*plan)};
  return print(json ? dry_run_json(*plan, took) : dry_run_text(*plan, took));
}

int finish(const RunOutcome& outcome, const RunFlags& flags) {
  if (outcome.interrupted && outcome.finished == 0) {  // There is nothing to show.
    return run_ending(outcome, resume_command(flags.plan, flags.overrides));
  }
  const auto data = results::read_run(outcome.directory);
  if (!data) return complain(data.error());
  const bool for_people = flags.format == results::Format::kText;
  const auto report = results::report(*data, {.columns = {}, .rows = !for_people});
  const int printed = for_people ? print_summary(*data, report, {}, false)
                                 : print_for_programs(*data, report, flags.format);
  const int ending = run_ending(outcome, resume_command(flags.plan, flags.overrides));
  if (printed != kOk) return printed;
  // What was not measured completely says little about what was expected.
  return ending != kOk ? ending : expectations_ending(report.expectations);
}

}  // namespace

int run_verb(const Places& places, const RunFlags& flags) {
  if (flags.dry_run) return dry_run(places, flags);
  const auto plan = load_named_plan(places, flags.plan, flags.overrides);
  if (!plan) return complain(plan.error());
  RunOptions options{.runs_root = places.runs,
                     .retry_disturbed = flags.retry_disturbed,
                     .resume = {},
                     .dataset_dir = places.datasets,
                     .revision = places.revision,
                     .command_line = places.command_line,
                     .progress = flags.progress};
  if (flags.resume) {
    const auto run = find_run(places, flags.resume->empty() ? "latest" : *flags.resume);
    if (!run) return complain(run.error());
    options.resume = std::filesystem::canonical(*run);
  }
  const auto outcome = run_plan(*plan, options);
  if (!outcome) return complain(outcome.error());
  return finish(*outcome, flags);
}

}  // namespace violet::cli
