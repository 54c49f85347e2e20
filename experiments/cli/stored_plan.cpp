#include "experiments/cli/stored_plan.hpp"

#include <fmt/core.h>

#include <set>

#include "engine/base/files.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/results/table.hpp"
#include "experiments/runner/cell_check.hpp"
#include "experiments/runner/vocabulary.hpp"

namespace violet::cli {
namespace {

// A path may name another trace than it did.
Status check_traces(const Places& places, const plans::Plan& plan,
                    const results::Manifest& manifest) {
  std::set<std::string> seen;
  for (const plans::Cell& cell : plan.cells) {
    if (cell.dataset.empty() || !seen.insert(cell.dataset).second) continue;
    const auto then = manifest.traces.find(results::printable(cell.dataset));
    if (then == manifest.traces.end()) {
      tell(
          "violet: {}: the run does not say which content the trace had that it replayed; it may "
          "be another one\n",
          results::printable(cell.dataset));
      continue;
    }
    const auto now = check_of_trace(places.datasets, cell.dataset);
    if (!now) return tl::unexpected<Error>({now.error().message, ErrorKind::kUsage});
    if (*now == then->second) continue;
    return fail(ErrorKind::kUsage,
                "{}: this is not the trace that the run replayed (its check is {}, and was {}): "
                "put that one back; nothing was run",
                cell.dataset, *now, then->second);
  }
  return {};
}

}  // namespace

Result<plans::Plan> stored_plan(const Places& places, const std::filesystem::path& run,
                                const results::Manifest& manifest) {
  const auto json =
      read_whole_file(run / "resolved.json", results::kMostResolvedBytes, Links::kRefused);
  if (!json) {
    return fail(ErrorKind::kUsage, "{}: the run does not say what it measured",
                json.error().message);
  }
  VIOLET_TRY(const auto words, make_vocabulary(places.datasets));
  plans::Problems problems;
  auto plan = plans::parse_resolved(*json, (run / "resolved.json").string(), words, problems);
  if (!plan && manifest.plan_name.starts_with("guest-")) {
    return fail(ErrorKind::kUsage,
                "{} was recorded from a real guest and has no plan; its command was: {}",
                manifest.run_id, manifest.command_line);
  }
  if (!plan) {
    return fail(ErrorKind::kUsage, "the plan of {} cannot be run again:\n{}", manifest.run_id,
                plans::to_text(problems));
  }
  VIOLET_TRY(check_traces(places, *plan, manifest));
  // For the new run's own plan.toml, which others may read: never what a link leads to. What is measured is the resolved
  // one.
  if (auto text = read_whole_file(run / "plan.toml", plans::kLongestPlan, Links::kRefused)) {
    plan->text = *std::move(text);
  }
  return *std::move(plan);
}

}  // namespace violet::cli
