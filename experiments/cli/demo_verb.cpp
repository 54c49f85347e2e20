// demo: the main job. Runs the bundled plan `demo`, prints a table that a newcomer understands, what it
// teaches, and where to go from there.
#include <fmt/core.h>

#include <string>
#include <vector>

#include "experiments/cli/conclusions.hpp"
#include "experiments/cli/open_gui.hpp"
#include "experiments/cli/plan_loading.hpp"
#include "experiments/cli/run_ending.hpp"
#include "experiments/cli/verbs.hpp"
#include "experiments/results/report.hpp"
#include "experiments/runner/runner.hpp"

namespace violet::cli {
namespace {

std::string where_next(const results::RunData& run) {
  const std::string name = run.directory.filename().string();
  return fmt::format(
      "Files: {}\n"
      "  results.sqlite, results.json, hlog/ (HdrHistogram logs), trace.events, manifest.json\n"
      "Next:\n"
      "  ./violet gui {}\n"
      "      see it: churn, latency, exposure, lessons\n"
      "  ./violet report {}\n"
      "      this table again; --metrics all, --notes\n"
      "  ./violet run placements         the same strategies where a kick costs an exit\n"
      "  ./violet compare RUN latest     did a change make it better?\n"
      "  ./violet list strategies        what else there is, with its parameters\n"
      "  ./violet runs                   what runs there are, and what they take on disk\n",
      run.directory.string(), name, name);
}

}  // namespace

int demo_verb(const Places& places, const DemoFlags& flags) {
  const auto plan = load_named_plan(places, places.plans + "/demo.toml", flags.overrides);
  if (!plan) return complain(plan.error());
  const auto outcome = run_plan(*plan, {.runs_root = places.runs,
                                        .resume = {},
                                        .dataset_dir = places.datasets,
                                        .revision = places.revision,
                                        .command_line = places.command_line,
                                        .progress = flags.progress});
  if (!outcome) return complain(outcome.error());
  if (outcome->interrupted && outcome->finished == 0) {  // There is nothing to show.
    return run_ending(*outcome, resume_command("demo", flags.overrides));
  }
  const auto data = results::read_run(outcome->directory);
  if (!data) return complain(data.error());
  std::string below = "\nWhat this shows\n";
  for (const auto& conclusion : conclusions_of(*data)) below += "  " + conclusion + "\n";
  const auto report = results::report(*data, {.columns = {}, .rows = false});
  const int printed = print_summary(*data, report, {}, false, below + "\n" + where_next(*data));
  const int ending = run_ending(*outcome, resume_command("demo", flags.overrides));
  if (printed != kOk || outcome->interrupted) return printed != kOk ? printed : ending;
  if (display_is_there()) open_gui(places, outcome->directory.string());
  return ending;
}

}  // namespace violet::cli
