// A summary answers what a reader asks of a run first, in tables of a few metrics that fit a terminal: how fast,
// what a map and an unmap cost, what that needs and what it exposes.
//
// Threading: pure functions.
// Invariants: cells that are compared by eye stand in one table: one for each workload and placement. Every number is a
// median over the repetitions, and a missing one is "n/a". Limits: without `metrics` at most kMostMetrics.
#pragma once

#include <string>
#include <vector>

#include "experiments/results/run_directory.hpp"
#include "experiments/results/table.hpp"

namespace violet::results {

struct SummaryOptions {
  static constexpr std::size_t kMostMetrics = 8;

  // As samples_of(). Empty: what answers; "all": every one.
  std::vector<std::string> metrics = {};
  // Words of a cell's label, in any order; empty: the strict cell of each table, if there is one.
  std::string baseline = {};
  std::string sort = {};   // A metric, best first; empty: the plan's order.
  bool transpose = false;  // A row a metric and a column a cell.
  bool bars = false;       // A bar of the first metric behind each row.
};

// Errors: a metric that no cell has, a baseline that no cell of any table matches.
Result<std::vector<Table>> summary(const RunData& run, const SummaryOptions& options = {});

// Cells that are compared by eye: those of one workload and placement.
struct TableGroup {
  std::string
      title;  // "workload net-rx, placement sidecore (2 CPUs)"; empty: all cells of the run.
  std::vector<const CellData*> cells;
};
// `axes`: those that vary (varying_axes()).
std::vector<TableGroup> groups_of(const RunData& run, const std::vector<std::string>& axes);

// The metrics of such a summary without `metrics`: at most kMostMetrics, of those that were measured.
std::vector<std::string> answering_metrics(const RunData& run);
// What people read instead of a metric's name: "requests per op.".
std::string metric_head(const std::string& name);

}  // namespace violet::results
