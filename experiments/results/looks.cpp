#include "experiments/results/looks.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/base/check.hpp"
#include "experiments/results/statistics.hpp"

namespace violet::results {

double chance_to_miss(const Looks& looks, double confidence) {
  VIOLET_CHECK(looks.last <= kMostLooks);
  // walks[s]: s of the values so far lie below the median, and every look held it.
  std::vector<double> walks(looks.last + 2, 0.0);
  walks[0] = 1;
  double missed = 0;
  for (std::size_t n = 1; n <= looks.last; ++n) {
    for (std::size_t below = n; below > 0; --below) {
      walks[below] = (walks[below] + walks[below - 1]) / 2;
    }
    walks[0] /= 2;
    if (n < looks.first) continue;
    const std::size_t rank = rank_of_interval(n, confidence);
    for (std::size_t out = 0; out < rank; ++out) {
      missed += walks[out] + walks[n - out];
      walks[out] = walks[n - out] = 0;
    }
  }
  return missed;
}

double confidence_of(const Looks& looks) {
  constexpr double kMissed = 1 - kConfidence;
  constexpr double kSteps =
      1e6;  // Told in six digits, so that every reader takes the very same ranks.
  if (looks.last <= looks.first || chance_to_miss(looks, kConfidence) <= kMissed) {
    return kConfidence;
  }
  auto low = static_cast<std::uint64_t>(kConfidence * kSteps);
  auto high = static_cast<std::uint64_t>(kSteps);
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    const bool holds = chance_to_miss(looks, static_cast<double>(middle) / kSteps) <= kMissed;
    (holds ? high : low) = middle;
  }
  return static_cast<double>(high) / kSteps;
}

}  // namespace violet::results
