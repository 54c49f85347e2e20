#include "experiments/results/compare.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "experiments/cli/verbs.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/summary.hpp"
#include "experiments/results/time_report.hpp"

namespace violet::cli {

namespace {

// Each RUN or RUN:CELL as given, read.
struct Operands {
  std::vector<results::RunData> runs;
  std::vector<std::string> cells;  // Of each run; empty: all.
  bool name_cells() const {
    return std::any_of(cells.begin(), cells.end(), [](const auto& one) { return !one.empty(); });
  }
};

Status read_operand(const Places& places, const std::string& text, Operands& operands) {
  auto path = find_run(places, text);
  const std::size_t colon = text.rfind(':');
  std::string cell;
  if (!path && colon != std::string::npos) {
    path = find_run(places, text.substr(0, colon));
    cell = text.substr(colon + 1);
  }
  if (!path) return tl::unexpected<Error>(path.error());
  if (colon != std::string::npos && cell.empty() && text.ends_with(':')) {
    return fail(ErrorKind::kUsage,
                "'{}': write a cell's number or words of its label behind the ':'", text);
  }
  VIOLET_TRY(auto run, results::read_run(*path));
  operands.runs.push_back(std::move(run));
  operands.cells.push_back(std::move(cell));
  return {};
}

results::CompareOptions options_of(const CompareFlags& flags) {
  results::CompareOptions options;
  options.threshold_percent = flags.threshold_percent;
  options.margin_percent = flags.margin_percent;
  options.noise_percent = flags.noise_percent;
  options.ignored_axes = flags.ignored_axes;
  return options;
}

// Those that the report shows, where every run has them; "all": none are named, which is all.
std::vector<std::string> metrics_of(const std::vector<results::RunData>& runs,
                                    const std::vector<std::string>& asked) {
  if (asked == std::vector<std::string>{"all"}) return {};
  if (!asked.empty()) return asked;
  auto metrics = results::answering_metrics(runs.front());
  for (const results::RunData& run : runs) {
    const auto theirs = results::answering_metrics(run);
    std::erase_if(metrics, [&](const std::string& name) {
      return std::find(theirs.begin(), theirs.end(), name) == theirs.end();
    });
  }
  return metrics;
}

// What equal runs beside the baseline differ by.
results::NoiseHistory history_for(const std::vector<results::RunData>& runs) {
  std::set<std::string> contenders;
  const auto& baseline = runs.front();
  for (const results::RunData& run : runs) {
    const std::string& id = run.manifest.run_id;
    if (id != baseline.manifest.run_id) contenders.insert(id);
  }
  std::vector<const results::RunData*> known;
  for (const results::RunData& run : runs) known.push_back(&run);
  const auto root = std::filesystem::absolute(baseline.directory).parent_path();
  return results::noise_history(root, baseline.manifest, contenders, known);
}

Result<results::Comparison> compare_operands(const Operands& operands, const CompareFlags& flags) {
  const auto& [runs, cells] = operands;
  results::CompareOptions options = options_of(flags);
  options.metrics = metrics_of(runs, flags.metrics);
  if (!flags.baseline.empty()) {
    if (runs.size() != 1 || operands.name_cells()) {
      return fail(ErrorKind::kUsage, "--baseline compares the cells of one run: give one RUN");
    }
    VIOLET_TRY(const auto choice, results::baseline_choice(runs.front(), flags.baseline));
    return results::compare_within(runs.front(), choice, options);
  }
  if (runs.size() < 2) {
    return fail(
        ErrorKind::kUsage,
        "one run alone: add --baseline strategy=strict to compare its cells, or a second RUN");
  }
  options.noise = history_for(runs);
  if (operands.name_cells()) {
    if (runs.size() != 2 || cells[0].empty() || cells[1].empty()) {
      return fail(ErrorKind::kUsage, "give RUN:CELL twice to compare two cells");
    }
    VIOLET_TRY(const auto* const a, results::find_cell(runs[0], cells[0]));
    VIOLET_TRY(const auto* const b, results::find_cell(runs[1], cells[1]));
    return results::compare_cells({&runs[0], a}, {&runs[1], b}, options);
  }
  return results::compare(runs, options);
}

}  // namespace

int compare_verb(const Places& places, const CompareFlags& flags) {
  Operands operands;
  for (const auto& text : flags.runs) {
    const Status read = read_operand(places, text, operands);
    if (!read) return complain(read.error());
  }
  const auto comparison = compare_operands(operands, flags);
  if (!comparison) return complain(comparison.error());
  operands = {};  // Of thousands of cells they take as much as what is printed of them.
  const int printed =
      flags.format == results::Format::kJson
          ? print([&](const WritePiece& write) { return results::write_json(*comparison, write); })
          : print(results::render(*comparison, flags.format, results::style_for(1)));
  if (printed != kOk) return printed;
  const std::string gap = comparison->gap();
  const int covered = gap.empty() ? static_cast<int>(kOk) : complain({gap});
  if (!comparison->regression()) return covered;
  tell("violet: worse by more than the threshold of {} %\n", comparison->threshold_percent);
  return kRegression;
}

namespace {

// Where the time went, instead of how fast.
int print_breakdown(const results::RunData& run, const ReportFlags& flags) {
  if (flags.format != results::Format::kText) {
    const auto table = results::time_rows(run);
    return table ? print(results::render(*table, flags.format)) : complain(table.error());
  }
  const auto tables = results::time_tables(run);
  if (!tables) return complain(tables.error());
  return print(results::render_breakdown(
      results::report(run, {.columns = {}, .rows = false}), *tables,
      {.notes = flags.notes, .style = results::style_for(STDOUT_FILENO)}));
}

}  // namespace

int report_verb(const Places& places, const ReportFlags& flags) {
  const auto path = find_run(places, flags.run);
  if (!path) return complain(path.error());
  const auto data = results::read_run(*path);
  if (!data) return complain(data.error());
  if (flags.breakdown) return print_breakdown(*data, flags);
  const bool for_people = flags.format == results::Format::kText;
  results::ReportOptions shown{flags.summary.metrics, !for_people};
  if (shown.columns == std::vector<std::string>{"all"}) shown.columns.clear();
  const auto report = results::report(*data, shown);
  if (!for_people) return print_for_programs(*data, report, flags.format);
  return print_summary(*data, report, flags.summary, flags.notes);
}

}  // namespace violet::cli
