// A verdict tells whether one metric of two cells differs, by how much, and how sure that is.
//
// Threading: pure functions.
// Invariants: there are three verdicts of equal standing.
//   better, worse: the 95 % interval of the ratio excludes 1, and the test rejects after Holm's correction for
//     every comparison that is judged together.
//   no difference: the interval lies within the margin of equivalence. Absence of evidence is none.
//   inconclusive: neither. It says how large a difference had to be to be seen (`visible`).
// Cells of one run are compared by their repetitions. Cells of two runs are held against what equal runs differ by as
// well (RunNoise), because two processes differ in more than their repetitions show; where that is not known there
// is no verdict.
// Methods: rank_tests.hpp. Interleaved cells of one run are tested as pairs and as independent samples, the smaller p
// is doubled: pairs cancel what a repetition shares, but 9 of them never reach p < .0039. Of cells that were not repeated
// as often as each other, as by --until-ci, those repetitions are taken that both have: the others saw another host, and
// a cell is no slower for having been measured once it was slow. Medians are of all. Fewer pairs than kFewestPairs are
// independent samples, which what they share makes only less likely to differ. A comparison whose
// values cannot give p < .05 in any arrangement (constants, 3 against 3) is no test and does not count as one
// (Tarone 1990).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "experiments/results/rank_tests.hpp"
#include "experiments/results/samples.hpp"

namespace violet::results {

inline constexpr double kSignificant = 0.05;  // Of everything that is judged together.

enum class Verdict { kBetter, kWorse, kNoDifference, kInconclusive };
const char* to_text(Verdict verdict);

// How much the medians of equal runs scatter: a standard deviation known from so many degrees of freedom.
struct RunNoise {
  std::optional<double> of_logarithm;  // None: a median was not positive.
  std::optional<double> of_value;      // In the metric's unit. None: not known.
  double freedom = 0;                  // Infinite: stated by the user.
  std::string source;                  // "5 equal runs of this cell"

  // The relative difference that two equal runs stay below in 95 % of all cases.
  std::optional<double> floor() const;
};
// `percent`: what a user says that equal runs may differ by.
RunNoise stated_noise(double percent);

enum class Arms { kOneRun, kTwoRuns };

struct Judgement {
  Arms arms = Arms::kOneRun;
  Pairing pairing = Pairing::kIndependent;
  std::optional<RunNoise> noise;         // Of two runs.
  double threshold_percent = 5;          // Worse by more is a regression.
  std::optional<double> margin_percent;  // Of equivalence; none: the threshold.
  double clock_step_ns = 1;              // Of the coarser clock; histograms hold whole nanoseconds.
  double margin() const { return margin_percent.value_or(threshold_percent) / 100; }
};

struct Difference {
  std::string cell;     // Label; of cells of two runs the baseline's.
  std::string against;  // The baseline's label when both are of one run.
  // The runs' own name where they agree, as two runs of one version do; else today's.
  std::string metric, unit;
  Estimate baseline, contender;            // Medians.
  Estimate baseline_mean, contender_mean;  // Of the same values.
  // Hodges and Lehmann's, contender over baseline. The interval holds what equal runs differ by.
  std::optional<Estimate> ratio;
  const char* test = "none";          // Its name.
  double p = 1;                       // Of this comparison alone.
  double adjusted_p = 1;              // After Holm's correction.
  std::size_t tests = 0;              // That were judged together; 0: none could be.
  double a12 = 0.5;                   // Chance that the contender's value is the larger one.
  std::optional<double> noise_floor;  // Relative: of equal runs (RunNoise).
  std::optional<double>
      visible;  // Relative: a smaller difference cannot be seen. None: no size can.
  Verdict verdict = Verdict::kInconclusive;
  std::string reason;
  bool regression = false;  // Worse by more than the threshold.
  std::string withheld;  // Why there may be no verdict, whatever the numbers say; empty: there may.
  // Median shares of the two cells' measured time that injected costs took, in per cent. None: not known.
  std::optional<double> baseline_injected, contender_injected;

  Samples baseline_samples, contender_samples;  // All, of which `baseline` and `contender` are.
  // What judge() needs once more: of cells of one interleaved run those of the repetitions that both have.
  Samples baseline_tested, contender_tested;
  Judgement how;
  double least_p = 1;
};

// Contender over baseline, as every table, picture and verdict has it: of the repetitions that both have where cells took
// turns, and pairs of these from kFewestPairs on.
std::optional<Estimate> ratio_of(Samples baseline, Samples contender, Pairing pairing);
// Judged as the only comparison; judge() does it again for several.
Difference compare_samples(const Samples& baseline, const Samples& contender, const Judgement& how);
// All comparisons that a reader sees at once: corrects their p-values and decides.
void judge(std::span<Difference* const> differences);

}  // namespace violet::results
