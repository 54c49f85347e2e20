// A comparison tells whether runs differ: baseline, contender, ratio with interval, test, verdict.
//
// Threading: pure functions.
// Invariants: better or worse is said only when the medians differ by more than the noise floor, the
// 95 % interval of their ratio excludes 1, the Mann-Whitney test rejects at 5 % and the effect is at
// least medium. Less than the floor is no difference; anything else is inconclusive, with the reason.
// Cells are matched on equal axes, and those without a partner are listed, never skipped silently.
// Runs whose lengths are no match (operations against seconds, or ten times as long) get no verdict
// but "inconclusive".
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "experiments/results/run_directory.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/results/statistics.hpp"
#include "experiments/results/table.hpp"

namespace violet::results {

enum class Verdict { kBetter, kWorse, kNoDifference, kInconclusive };
const char* to_text(Verdict verdict);

struct CompareOptions {
  // Names as of samples_of(), of today or former. Empty: every metric that has a better direction, and p50 and p99.
  std::vector<std::string> metrics;
  std::optional<double> threshold_percent;  // Nothing: the baseline's plan says.
  std::vector<std::string> ignored_axes;    // Cells that differ in these alone are partners.
  std::uint64_t seed = 1;
};

struct Judgement {
  Pairing pairing = Pairing::kIndependent;
  double known_noise_floor = 0;  // Relative; the samples' own noise is taken into account besides.
  double threshold_percent = 5;
  std::uint64_t seed = 1;
};

struct Difference {
  std::string cell;  // The baseline's label.
  // The runs' own name where they agree, as two runs of one version do; else today's.
  std::string metric, unit;
  Estimate baseline, contender;
  std::optional<Estimate> ratio;  // Contender over baseline.
  MannWhitney test;               // First: the contender.
  double noise_floor = 0;
  Verdict verdict = Verdict::kInconclusive;
  std::string reason;
  bool regression = false;  // Worse by more than the threshold.
};

// One metric of two cells, for example of two strategies within a run.
Difference compare_samples(const Samples& baseline, const Samples& contender, const Judgement& how);

struct Contrast {
  std::string baseline, contender;  // Run ids.
  std::vector<Difference> differences;
  std::vector<std::string> only_in_baseline, only_in_contender;  // Labels of cells.
  std::vector<std::string> unmeasured;  // Labels of partners of which one has no repetition.
  std::vector<std::string> warnings;    // What else differs: host, kernel, injected costs, lengths.
};

struct Comparison {
  std::vector<Contrast> contrasts;
  double threshold_percent = 0;
  bool regression() const;  // The command line then exits with 3.
  // Why the verdicts do not cover what was asked for; then it exits with 1. Empty: they do.
  std::string gap() const;
};

// The first run is the baseline of all others. Errors: fewer than two runs, an unknown metric, or axes
// ignored so that partners are ambiguous.
Result<Comparison> compare(std::span<const RunData> runs, const CompareOptions& options);

Table to_table(const Contrast& contrast);
// For text, a table a contrast and what to know about it; for programs one document.
std::string render(const Comparison& comparison, Format format, const TextStyle& style = {});

}  // namespace violet::results
