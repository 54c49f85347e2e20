// A report shows what one run measured: what was run, on what, the table with its spread, and what to distrust.
//
// Threading: pure functions.
// Invariants: whatever weakens the result is said: shared cores, dropped events, no governor,
// unfinished repetitions, outliers. A missing number is shown as missing.
#pragma once

#include <string>
#include <vector>

#include "experiments/results/run_directory.hpp"
#include "experiments/results/table.hpp"

namespace violet::results {

struct ReportOptions {
  // Names as of samples_of(), in order. Empty: every metric, p50 and p99 of every histogram.
  std::vector<std::string> columns;
};

struct Report {
  std::vector<std::string> head;  // "plan demo (0badcafe), 12 cells, 5 repetitions"
  Table table;                    // A row a cell, a column a metric.
  std::vector<std::string> warnings;
};

Report report(const RunData& run, const ReportOptions& options = {});
// The table alone for NDJSON and CSV.
std::string render(const RunData& run, const Report& report, Format format,
                   const TextStyle& style = {});

// Axes with more than one value among the cells of a run.
std::vector<std::string> varying_axes(const RunData& run);
// "no such setting" is an empty text.
std::string axis_text(const CellRecord& cell, const std::string& axis);

}  // namespace violet::results
