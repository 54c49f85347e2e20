// Statistics stand behind every table and verdict: percentiles, spread, intervals, tests, noise.
//
// Threading: pure functions; random choices come from a seed and are the same everywhere.
// Invariants: nothing is dropped: outliers are named and stay in. Samples are in any order and finite.
// Methods: intervals are percentile-bootstrap intervals. BCa would correct for skew, but its
// acceleration is the jackknife's, which is degenerate for a median, so the simpler one is used. They
// are too narrow for few samples (at 5 repetitions they hold about 93 % instead of 95 %).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "experiments/hdr/hdr_histogram.hpp"

namespace violet::results {

inline constexpr std::size_t kResamples = 2000;
inline constexpr double kConfidence = 0.95;

// Hyndman and Fan's type 7 (linear between order statistics), the default of NumPy and R. `percent` in
// [0, 100]; not a number for no samples.
double percentile(std::span<const double> samples, double percent);
double median(std::span<const double> samples);
// Median of the absolute deviations from the median, not scaled.
double median_absolute_deviation(std::span<const double> samples);

struct Interval {
  double low = 0;
  double high = 0;
};

struct Estimate {
  double value = 0;
  std::optional<Interval> interval;  // None for fewer than two samples.
  std::size_t samples = 0;
};

Estimate median_estimate(std::span<const double> samples, std::uint64_t seed);
Estimate percentile_estimate(std::span<const double> samples, double percent, std::uint64_t seed);
// Of the values of all repetitions together; whole repetitions are resampled, because the values within
// one are not independent of each other. Resolution is that of the histograms' buckets.
Estimate percentile_estimate(std::span<const HdrHistogram* const> repetitions, double percent,
                             std::uint64_t seed);

struct MannWhitney {
  double u = 0;        // Of the first sample: pairs in which it is larger, ties a half.
  double p = 1;        // Two-sided.
  bool exact = false;  // Else the normal approximation, corrected for ties and continuity.
  double a12 = 0.5;    // Vargha and Delaney's: chance that the first is larger.
};
// Exact without ties up to 30 samples a side.
MannWhitney mann_whitney(std::span<const double> first, std::span<const double> second);
// Vargha and Delaney (2000): negligible, small (0.56), medium (0.64), large (0.71), either way.
const char* effect_name(double a12);

enum class Pairing { kIndependent, kInterleaved };
// Median of `contender` over median of `baseline`. kInterleaved resamples pairs, so that what both arms
// of a repetition share cancels out; the samples must be as many. None if a median is not positive.
std::optional<Estimate> median_ratio(std::span<const double> baseline,
                                     std::span<const double> contender, Pairing pairing,
                                     std::uint64_t seed);

struct Outlier {
  std::size_t index;
  double value;
  double
      deviations;  // From the median, in 1.4826 MAD: standard deviations if the data were normal.
};
// More than `limit` deviations away. Where more than half of the samples are equal, the mean absolute
// deviation takes the place of the MAD (Iglewicz and Hoaglin 1993).
std::vector<Outlier> outliers(std::span<const double> samples, double limit = 3);

// How far two positive values are apart, relative to the smaller: 1 is twice or half, so that a value
// that falls to a tenth differs as much as one that grows tenfold. Infinite when one is not positive.
double relative_difference(double a, double b);

// What noise_floor() says where some samples are 0 and others are not: no ratio of such medians means anything.
inline constexpr double kUnboundedNoise = 1e6;

// The relative difference of two medians that this host shows although nothing differs: samples of one
// configuration are drawn at random into two arms again and again, and 95 % of the differences are
// smaller. Each group is one configuration. Nothing for groups of fewer than 4 samples.
std::optional<double> noise_floor(std::span<const std::vector<double>> groups, std::uint64_t seed);

}  // namespace violet::results
