// A report shows what one run measured: what was run, on what, the table with its spread, and what to distrust.
//
// Threading: pure functions.
// Invariants: whatever weakens the result is said: shared cores, dropped events, no governor,
// unfinished repetitions. A missing number is shown as missing. An outlier is named where there are repetitions
// enough to call it one, and stays in.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/base/files.hpp"
#include "experiments/results/break_even.hpp"
#include "experiments/results/expectations.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/results/table.hpp"

namespace violet::results {

struct ReportOptions {
  // Names as of samples_of(), in order. Empty: every metric; mean, p50 and p99 of every histogram.
  std::vector<std::string> columns;
  bool rows = true;  // Off: the table has none, for who shows a summary.
};

struct Report {
  std::vector<std::string> head;      // "plan demo (0badcafe), 12 cells, 5 repetitions"
  Table table;                        // A row a cell, a column a metric: for programs.
  std::vector<std::string> warnings;  // What changes what one may conclude, the gravest first.
  std::vector<std::string> notes;     // What else is odd: outliers, what was not available.
  bool says_injected = false;
  std::vector<BreakEven> break_evens;            // Of a run that sweeps the exit.
  std::vector<JudgedExpectation> expectations;   // Of a plan that has some.
  std::optional<Table> until_ci = std::nullopt;  // Of a run that repeated its cells by a rule.
  std::size_t enough_for_interval = kFewestForInterval;  // Repetitions.
};

Report report(const RunData& run, const ReportOptions& options = {});
// For programs: the table, with all that is said beside it in JSON. As text, the table too.
std::string render(const RunData& run, const Report& report, Format format,
                   const TextStyle& style = {});
// The JSON in pieces: of thousands of cells it is a hundred megabytes. Errors: those of `write`.
Status write_json(const RunData& run, const Report& report, const WritePiece& write);

// For people: the head, the tables of a summary, at most kMostWarnings warnings, and last what the plan expected.
inline constexpr std::size_t kMostWarnings = 6;
struct ReadingOptions {
  bool notes = false;  // Every warning and note.
  TextStyle style = {};
};
std::string render_summary(const Report& report, const std::vector<Table>& tables,
                           const ReadingOptions& options = {});
// The same for tables of where the time went (time_report.hpp), without what answers other questions.
std::string render_breakdown(const Report& report, const std::vector<Table>& tables,
                             const ReadingOptions& options = {});

// Whether the program that made the run counted the time that injected costs took (kInjectedShare).
bool says_injected(const RunData& run);
inline constexpr const char* kInjectedNote =
    "injected: the share of the measured time that was spun on purpose (costs of the plan), all "
    "lcores together; per CPU: "
    "operations over the CPUs that the lcores have, whose number stands behind the placement.";

// Axes with more than one value among the cells of a run.
std::vector<std::string> varying_axes(const RunData& run);
// "no such setting" is an empty text.
std::string axis_text(const CellRecord& cell, const std::string& axis);

}  // namespace violet::results
