// A percentile is known from so many values that, as a rule, three lie beyond it: fewer, and it is the largest value under
// another name. Everything that shows percentiles of durations goes by this.
//
// Threading: pure function.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace violet {

// How many values it takes: 6 for the median, 300 for the 99th, 30,000 for the 99.99th.
inline std::uint64_t operations_for(double percent) {
  constexpr double kBeyond = 3, kRounding = 1e-6;
  const double beyond = std::max(1 - percent / 100, 1e-9);
  return static_cast<std::uint64_t>(std::ceil(kBeyond / beyond - kRounding));
}

}  // namespace violet
