// reproduce: the plan that a run resolved and stored is measured again, and the two runs are compared.
#include <fmt/core.h>

#include <filesystem>

#include "experiments/cli/run_ending.hpp"
#include "experiments/cli/stored_plan.hpp"
#include "experiments/cli/verbs.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/runner/runner.hpp"

namespace violet::cli {
namespace {

// What makes the new run another experiment than the old one, or its numbers no match; it is run all the same.
void say_differences(const results::Manifest& old, const Places& places) {
  const auto say = [&](const std::string& text) {
    tell("violet: {}: {}\n", results::printable(old.run_id), results::printable(text));
  };
  if (old.outcome != "finished") {
    say(fmt::format("it is {}: cells or repetitions that it lacks are not compared", old.outcome));
  }
  const std::string then = old.git_revision.text(), now = places.revision.text();
  if (then != now) {
    say(
        fmt::format("was made by revision {}, this program is revision {}: what differs may be the "
                    "program's doing",
                    then, now));
  } else if (old.build.known() && old.build.value != results::build_id().value) {
    say("was made by another build of the same revision: what differs may be the compiler's doing");
  }
  const auto here = results::host_manifest();
  if (old.host.text() != here.host.text() || old.cpu_model.text() != here.cpu_model.text()) {
    say(fmt::format("was made on {}, {}, and this is {}, {}: only ratios within each run compare",
                    old.host.text(), old.cpu_model.text(), here.host.text(),
                    here.cpu_model.text()));
  }
}

}  // namespace

int reproduce_verb(const Places& places, const ReproduceFlags& flags) {
  const auto found = find_run(places, flags.run);
  if (!found) return complain(found.error());
  // `latest` leads to the new run as soon as there is one.
  const auto directory = std::filesystem::canonical(*found);
  const auto old = results::read_manifest(directory);
  if (!old) return complain(old.error());
  auto plan = stored_plan(places, directory, *old);
  if (!plan) return complain(plan.error());
  for (const auto& note : plan->notes) tell("violet: {}\n", note);
  if (!flags.trace) plan->run.trace_mib = 0;
  say_differences(*old, places);
  std::filesystem::path resume;
  if (!flags.resume.empty()) {
    const auto interrupted = find_run(places, flags.resume);
    if (!interrupted) return complain(interrupted.error());
    resume = std::filesystem::canonical(*interrupted);
    if (resume == directory) {
      return complain({fmt::format("--resume {}: this is the run to reproduce: name the new one, "
                                   "which was interrupted",
                                   flags.resume),
                       ErrorKind::kUsage});
    }
  }
  const auto outcome = run_plan(*plan, {.runs_root = places.runs,
                                        .retry_disturbed = flags.retry_disturbed,
                                        .resume = resume,
                                        .dataset_dir = places.datasets,
                                        .revision = places.revision,
                                        .command_line = places.command_line,
                                        .progress = flags.progress});
  if (!outcome) return complain(outcome.error());
  const int ending = run_ending(*outcome, resume_command(flags, directory, outcome->directory));
  if (outcome->interrupted) return ending;
  CompareFlags comparison;
  comparison.runs = {directory.string(), outcome->directory.string()};
  comparison.format = flags.format;
  const int compared = compare_verb(places, comparison);
  const int expected = expectations_of(outcome->directory, flags.format);
  if (ending != kOk) return ending;
  return compared != kOk ? compared : expected;
}

}  // namespace violet::cli
