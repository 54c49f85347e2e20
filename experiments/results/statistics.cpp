#include "experiments/results/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "experiments/results/student.hpp"

namespace violet::results {
namespace {

constexpr double kNormalMad = 1.4826;       // MAD to standard deviation, for normal data.
constexpr double kNormalMeanAd = 1.253314;  // Mean absolute deviation to the same.
constexpr std::size_t kMostCounted = 1000;  // Samples whose binomial tails are summed.

double sorted_percentile(std::span<const double> sorted, double percent) {
  if (sorted.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double at = std::clamp(percent, 0.0, 100.0) / 100 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  if (below + 1 >= sorted.size()) return sorted.back();
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[below + 1] - sorted[below]);
}

std::vector<double> sorted_copy(std::span<const double> samples) {
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

}  // namespace

double percentile(std::span<const double> samples, double percent) {
  return sorted_percentile(sorted_copy(samples), percent);
}

double median(std::span<const double> samples) { return percentile(samples, 50); }

double median_absolute_deviation(std::span<const double> samples) {
  const double centre = median(samples);
  std::vector<double> deviations(samples.begin(), samples.end());
  for (double& value : deviations) value = std::abs(value - centre);
  return median(deviations);
}

// The largest k so that fewer than k of n values lie below the median with a chance of at most one tail; the k-th
// smallest and the k-th largest value then hold it between them.
std::size_t rank_of_interval(std::size_t n, double confidence) {
  if (n > kMostCounted) {  // The normal approximation, and no underflow.
    const double away = student_t(1 - confidence, INFINITY) * std::sqrt(static_cast<double>(n)) / 2;
    return static_cast<std::size_t>(std::max(0.0, static_cast<double>(n) / 2 - away));
  }
  const double tail = (1 - confidence) / 2;
  double chance = std::exp2(-static_cast<double>(n)), sum = 0;  // Of none below, then one, two, ...
  std::size_t k = 0;
  while (k < n && sum + chance <= tail) {
    sum += chance;
    chance *= static_cast<double>(n - k) / static_cast<double>(k + 1);
    ++k;
  }
  return k;
}

std::size_t fewest_for_interval(double confidence) {
  std::size_t n = 1;
  while (n <= kMostCounted && rank_of_interval(n, confidence) == 0) ++n;
  return n;
}

Estimate median_estimate(std::span<const double> samples, double confidence) {
  const auto sorted = sorted_copy(samples);
  Estimate estimate{sorted_percentile(sorted, 50), {}, sorted.size()};
  const std::size_t k = rank_of_interval(sorted.size(), confidence);
  if (k > 0) estimate.interval = Interval{sorted[k - 1], sorted[sorted.size() - k]};
  return estimate;
}

Estimate mean_estimate(std::span<const double> samples) {
  if (samples.empty()) return {std::numeric_limits<double>::quiet_NaN(), {}, 0};
  const auto n = static_cast<double>(samples.size());
  const double mean = std::accumulate(samples.begin(), samples.end(), 0.0) / n;
  Estimate estimate{mean, {}, samples.size()};
  if (samples.size() < 3) return estimate;
  double squares = 0;
  for (const double value : samples) squares += (value - mean) * (value - mean);
  const double away = student_t(1 - kConfidence, n - 1) * std::sqrt(squares / (n - 1) / n);
  estimate.interval = Interval{mean - away, mean + away};
  return estimate;
}

std::vector<Outlier> outliers(std::span<const double> samples, double limit) {
  std::vector<Outlier> found;
  if (samples.size() < 3) return found;
  const double centre = median(samples);
  double scale = kNormalMad * median_absolute_deviation(samples);
  if (scale == 0) {
    double sum = 0;
    for (const double value : samples) sum += std::abs(value - centre);
    scale = kNormalMeanAd * sum / static_cast<double>(samples.size());
  }
  if (scale == 0) return found;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double deviations = (samples[i] - centre) / scale;
    if (std::abs(deviations) > limit) found.push_back({i, samples[i], deviations});
  }
  return found;
}

double relative_difference(double a, double b) {
  if (a <= 0 || b <= 0) return std::numeric_limits<double>::infinity();
  return std::max(a / b, b / a) - 1;
}

}  // namespace violet::results
