// A steady state is where a rate no longer changes but for its own noise: found in the rate of one repetition over time.
//
// Threading: pure function.
// Method: that of Barrett, Bolz-Tereick, Killick, Mount and Tratt, "Virtual Machine Warmup Blows Hot and Cold" (OOPSLA
// 2017). Outliers are replaced; the series is divided where mean or variance of a normal distribution change, by the least
// sum of costs with a penalty of 15 ln n for each change; a segment is as the last one where their means differ by no more
// than the last one's scatter; and the series is steady where all of its end is as the last segment. Ours: outliers by
// Hampel's rule (3 scaled MAD of the 21 values around); all divisions are tried (Jackson and others, IEEE Signal Processing
// Letters 2005), not pruned, as series are short; means within 5 % are alike; the end is the last quarter, as 500 of 2000
// are there.
// Limits: quadratic in the length; up to a few hundred values.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace violet::results {

inline constexpr std::size_t kFewestForSteady = 32;  // Values: less of a series tells nothing.
inline constexpr double kSteadyTolerance = 0.05;     // Of the last segment's mean.
inline constexpr double kSteadyEnd = 0.25;           // Of the series.

struct RateSegment {
  std::size_t begin = 0, end = 0;  // Half-open.
  double mean = 0, deviation = 0;
};
// The whole series, in order. At least one value; not negative.
std::vector<RateSegment> rate_segments(std::span<const double> rates);

// Where the steady state begins: 0 is that it was steady from the first value on. Nothing: it was not steady in the end.
// At least kFewestForSteady values.
std::optional<std::size_t> steady_from(std::span<const double> rates);

}  // namespace violet::results
