// A comparison tells whether runs, or cells of one run, differ: baseline, contender, ratio with interval, test, verdict.
//
// Threading: pure functions.
// Invariants: verdicts are verdict.hpp's, corrected for all comparisons of one call.
// Cells of two runs are matched on equal axes, and those without a partner are listed, never skipped silently.
// Runs whose lengths are no match (operations against seconds, or ten times as long) get no verdict
// but "inconclusive".
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/files.hpp"
#include "experiments/results/noise_history.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/results/table.hpp"
#include "experiments/results/verdict.hpp"

namespace violet::results {

struct CompareOptions {
  // Names as of samples_of(), of today or former. Empty: compared_samples().
  std::vector<std::string> metrics;
  std::optional<double> threshold_percent;  // Nothing: the baseline's plan says.
  std::optional<double> margin_percent;     // Of equivalence. Nothing: the threshold.
  std::vector<std::string> ignored_axes;    // Cells that differ in these alone are partners.
  std::optional<double> noise_percent;      // What equal runs differ by, instead of the history.
  NoiseHistory noise;
};

struct Contrast {
  std::string baseline, contender;  // Run ids, or a run and what is chosen of it.
  std::vector<Difference> differences;
  std::vector<std::string> only_in_baseline, only_in_contender;  // Labels of cells.
  std::vector<std::string> unmeasured;  // Labels of partners of which one has no repetition.
  std::vector<std::string> disturbed;   // Run and label of cells whose CPUs others had.
  std::vector<std::string> overloaded;  // "RUN: cell: overloaded in 2 of 5 repetitions"
  std::vector<std::string> warnings;    // What else differs: host, kernel, injected costs, lengths.
};

struct Comparison {
  std::vector<Contrast> contrasts;
  double threshold_percent = 0;
  double margin_percent = 0;
  std::size_t tests = 0;    // That were corrected together.
  bool regression() const;  // The command line then exits with 3.
  // Why the verdicts do not cover what was asked for; then it exits with 1. Empty: they do.
  std::string gap() const;
};

// The first run is the baseline of all others. Errors: fewer than two runs, one of them twice, an unknown metric, or axes
// ignored so that partners are ambiguous.
Result<Comparison> compare(std::span<const RunData> runs, const CompareOptions& options);

// Settings that name the baselines within a run, for example strategy=strict. Every other cell is held against the
// baseline that agrees with it in all other axes that vary. Errors: no such cell, or several for one.
using BaselineChoice = std::vector<std::pair<std::string, std::string>>;
// "strategy=strict,store=radix" or "strict costs.exit_ns=1500", in any order; a value alone is that of the one axis that
// has it in the run.
Result<BaselineChoice> baseline_choice(const RunData& run, const std::string& text);
Result<Comparison> compare_within(const RunData& run, const BaselineChoice& baseline,
                                  const CompareOptions& options);

// Whether other programs on the CPUs change it: times, rates, and means over time; not counts and shares.
bool follows_weather(std::string_view unit);

// Of two cells of the run.
Pairing pairing_of(const RunData& run);
// Two cells, of one run or of two, whatever their axes.
struct Arm {
  const RunData* run = nullptr;
  const CellData* cell = nullptr;
};
Result<Comparison> compare_cells(const Arm& baseline, const Arm& contender,
                                 const CompareOptions& options);
// By its number, from 1, or words of its label in any order.
Result<const CellData*> find_cell(const RunData& run, const std::string& wanted);

// Not judged yet: the metrics of two cells, for callers who judge() more than one pair together.
std::vector<Difference> differences_of(const Arm& baseline, const Arm& contender,
                                       const CompareOptions& options);

Table to_table(const Contrast& contrast);
// For text, a table a contrast and what to know about it; for programs one document.
std::string render(const Comparison& comparison, Format format, const TextStyle& style = {});
// The JSON in pieces, as of a report.
Status write_json(const Comparison& comparison, const WritePiece& write);

}  // namespace violet::results
