// Rank tests tell whether two samples differ, and by how much, without assuming a shape of their noise.
//
// Threading: pure functions.
// Invariants: null distributions are counted exactly, ties and all, over every arrangement of the pooled values
// (Mann-Whitney) or of the signs of the differences (Wilcoxon): no p is below what an arrangement can give. Estimates
// of a shift are Hodges and Lehmann's and their intervals invert the same tests, so that an interval and a test agree
// but for ties, where the interval is the wider one.
// Limits: Mann-Whitney is counted up to kExactSamples a side, Wilcoxon up to kExactPairs; both are approximated by a
// normal distribution beyond.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "experiments/results/statistics.hpp"

namespace violet::results {

inline constexpr std::size_t kExactSamples = 30;
inline constexpr std::size_t kExactPairs =
    100;  // Counting takes the cube of them, and from 1,024 on no double holds it.

struct MannWhitney {
  double u = 0;  // Of the first sample: pairs in which it is larger, ties a half.
  double p = 1;  // Two-sided: twice the smaller tail.
  double least_p =
      1;  // The smallest that any arrangement of these values gives; 1 when all are equal.
  bool exact = false;  // Else the normal approximation, corrected for ties and continuity.
  double a12 = 0.5;    // Vargha and Delaney's: chance that the first is larger.
};
MannWhitney mann_whitney(std::span<const double> first, std::span<const double> second);

// Of the differences contender - baseline of each pair; pairs that are equal keep their ranks (Pratt 1959).
struct SignedRank {
  double p = 1;
  double least_p = 1;
  bool exact = true;  // Else the normal approximation, corrected for ties and continuity.
};
SignedRank signed_rank(std::span<const double> baseline, std::span<const double> contender);

// Vargha and Delaney (2000): negligible, small (0.56), medium (0.64), large (0.71), either way.
const char* effect_name(double a12);

enum class Pairing { kIndependent, kInterleaved };
inline constexpr std::size_t kFewestPairs = 6;  // For an interval at kConfidence, and for p < .05.

// How far `contender` lies above `baseline`: the median of the differences of all pairs of values, or, for interleaved
// samples (as many in both, in one order), of the means of any two differences of a repetition. No interval
// where the samples are too few for `confidence`: 0.95 takes 4 and 4 values, or kFewestPairs.
Estimate shift_estimate(std::span<const double> baseline, std::span<const double> contender,
                        Pairing pairing, double confidence = kConfidence);
// The same of ratios; none when a value is not positive.
std::optional<Estimate> ratio_estimate(std::span<const double> baseline,
                                       std::span<const double> contender, Pairing pairing,
                                       double confidence = kConfidence);

}  // namespace violet::results
