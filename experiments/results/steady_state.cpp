#include "experiments/results/steady_state.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/base/check.hpp"
#include "experiments/results/statistics.hpp"

namespace violet::results {
namespace {

constexpr std::size_t kAround = 10;       // Values on either side that one is held against.
constexpr double kOutlying = 3 * 1.4826;  // MADs: three standard deviations, were they normal.
constexpr std::size_t kShortest = 4;      // Values of a segment.
constexpr double kPenalty = 15;           // Times the logarithm of the length, for each change.
constexpr double kFinest = 0.005;  // Of the mean: no segment is more alike in itself than so.

std::vector<double> without_outliers(std::span<const double> rates) {
  std::vector<double> clean(rates.begin(), rates.end());
  for (std::size_t i = 0; i < rates.size(); ++i) {
    const std::size_t begin = i - std::min(i, kAround);
    const auto near = rates.subspan(begin, std::min(rates.size(), i + kAround + 1) - begin);
    const double middle = median(near);
    if (std::abs(rates[i] - middle) > kOutlying * median_absolute_deviation(near)) {
      clean[i] = middle;
    }
  }
  return clean;
}

// Sums from the beginning, so that those of any part are a difference.
class PartSums {
 public:
  explicit PartSums(std::span<const double> values) : sums_(values.size() + 1) {
    double all = 0;
    for (const double value : values) all += value;
    centre_ = all / static_cast<double>(values.size());  // Squares of small numbers cancel less.
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double away = values[i] - centre_;
      sums_[i + 1] = {sums_[i].first + away, sums_[i].second + away * away};
    }
    least_variance_ = std::max(kFinest * kFinest * centre_ * centre_, 1e-300);
  }
  RateSegment segment(std::size_t begin, std::size_t end) const {
    const auto count = static_cast<double>(end - begin);
    const double away = (sums_[end].first - sums_[begin].first) / count;
    const double squares = (sums_[end].second - sums_[begin].second) / count;
    return {begin, end, centre_ + away, std::sqrt(std::max(0.0, squares - away * away))};
  }
  // Twice the negative logarithm of the likelihood, but for what all divisions have in common.
  double cost(std::size_t begin, std::size_t end) const {
    const RateSegment part = segment(begin, end);
    const double variance = std::max(part.deviation * part.deviation, least_variance_);
    return static_cast<double>(end - begin) * std::log(variance);
  }

 private:
  std::vector<std::pair<double, double>> sums_;
  double centre_ = 0, least_variance_ = 0;
};

}  // namespace

std::vector<RateSegment> rate_segments(std::span<const double> rates) {
  VIOLET_CHECK(!rates.empty());
  const std::size_t n = rates.size();
  const PartSums sums(without_outliers(rates));
  const double penalty = kPenalty * std::log(static_cast<double>(n));
  // The cheapest division of the first `end` values, and where its last segment begins.
  std::vector<double> cheapest(n + 1, INFINITY);
  std::vector<std::size_t> last(n + 1, 0);
  cheapest[0] = -penalty;
  for (std::size_t end = std::min(n, kShortest); end <= n; ++end) {
    for (std::size_t begin = 0; begin + kShortest <= end || begin == 0; ++begin) {
      const double all = cheapest[begin] + sums.cost(begin, end) + penalty;
      if (all >= cheapest[end]) continue;
      cheapest[end] = all;
      last[end] = begin;
    }
  }
  std::vector<RateSegment> segments;
  for (std::size_t end = n; end > 0; end = last[end]) {
    segments.push_back(sums.segment(last[end], end));
  }
  std::reverse(segments.begin(), segments.end());
  return segments;
}

std::optional<std::size_t> steady_from(std::span<const double> rates) {
  VIOLET_CHECK(rates.size() >= kFewestForSteady);
  const auto segments = rate_segments(rates);
  const RateSegment& last = segments.back();
  const double alike = std::max(kSteadyTolerance * last.mean, last.deviation);
  std::size_t from = last.begin;
  for (auto one = segments.rbegin(); one != segments.rend(); ++one) {
    if (std::abs(one->mean - last.mean) > alike) break;
    from = one->begin;
  }
  const double latest = (1 - kSteadyEnd) * static_cast<double>(rates.size());
  if (static_cast<double>(from) > latest) return std::nullopt;
  return from;
}

}  // namespace violet::results
