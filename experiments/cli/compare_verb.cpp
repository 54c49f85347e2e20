#include "experiments/results/compare.hpp"

#include <fmt/core.h>

#include "experiments/cli/verbs.hpp"
#include "experiments/results/report.hpp"

namespace violet::cli {

int compare_verb(const Places& places, const CompareFlags& flags) {
  std::vector<results::RunData> runs;
  for (const auto& name : flags.runs) {
    const auto path = find_run(places, name);
    if (!path) return complain(path.error());
    auto data = results::read_run(*path);
    if (!data) return complain(data.error());
    runs.push_back(std::move(*data));
  }
  results::CompareOptions options;
  options.metrics = flags.metrics;
  options.threshold_percent = flags.threshold_percent;
  options.ignored_axes = flags.ignored_axes;
  const auto comparison = results::compare(runs, options);
  if (!comparison) return complain(comparison.error());
  const int printed = print(results::render(*comparison, flags.format, results::style_for(1)));
  if (printed != kOk) return printed;
  const std::string gap = comparison->gap();
  if (!gap.empty()) tell("violet: {}\n", gap);
  if (!comparison->regression()) return gap.empty() ? kOk : kRunFailed;
  tell("violet: worse by more than the threshold of {} %\n", comparison->threshold_percent);
  return kRegression;
}

int report_verb(const Places& places, const ReportFlags& flags) {
  const auto path = find_run(places, flags.run);
  if (!path) return complain(path.error());
  const auto data = results::read_run(*path);
  if (!data) return complain(data.error());
  results::ReportOptions shown{flags.summary.metrics};
  if (shown.columns == std::vector<std::string>{"all"}) shown.columns.clear();
  const auto report = results::report(*data, shown);
  if (flags.format != results::Format::kText)
    return print(results::render(*data, report, flags.format));
  return print_summary(*data, report, flags.summary, flags.notes);
}

}  // namespace violet::cli
