// Statistics stand behind every table and verdict: percentiles, medians and means with intervals, outliers.
//
// Threading: pure functions.
// Invariants: nothing is dropped: outliers are named and stay in. Samples are in any order and finite.
// Methods: the interval of a median lies between two of the values themselves (order statistics, whose chance to
// hold it is binomial): at least 95 % for every distribution of independent values, and none is given for fewer than
// 6, whose whole range holds the median less often. The interval of a mean is Student's, which is right for
// normal values and too narrow for skewed ones: `verdict_study` prints how often each holds what it should.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace violet::results {

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
  std::optional<Interval> interval;  // None where the samples are too few for one.
  std::size_t samples = 0;
};

inline constexpr std::size_t kFewestForInterval = 6;  // Of a median, at kConfidence.
// More than kConfidence where the interval is one of several looks at values that grow in number (looks.hpp).
Estimate median_estimate(std::span<const double> samples, double confidence = kConfidence);
// The k-th smallest and the k-th largest of n values are that interval's ends. 0: there is none.
std::size_t rank_of_interval(std::size_t n, double confidence);
// Values that it takes for one.
std::size_t fewest_for_interval(double confidence);
// No interval for fewer than 3 samples.
Estimate mean_estimate(std::span<const double> samples);

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

}  // namespace violet::results
