#include "experiments/workloads/lag_trend.hpp"

#include <algorithm>
#include <span>

namespace violet {

void LagTrend::reset() {
  kept_.clear();
  seen_ = 0;
  stride_ = 1;
}

void LagTrend::thin_out() {
  for (std::size_t i = 0; 2 * i < kept_.size(); ++i) kept_[i] = kept_[2 * i];
  kept_.resize((kept_.size() + 1) / 2);
  stride_ *= 2;
}

namespace {

double median_of(std::span<Ticks> lags) {
  const auto middle = lags.begin() + static_cast<std::ptrdiff_t>(lags.size() / 2);
  std::nth_element(lags.begin(), middle, lags.end());
  return static_cast<double>(*middle);
}

}  // namespace

std::optional<LagTrend::Verdict> LagTrend::verdict(Ticks begin, Ticks end) const {
  constexpr std::size_t kQuarters = 4;
  std::vector<Ticks> lags;
  for (const Lag& one : kept_) {
    if (one.at >= begin && one.at < end) lags.push_back(one.lag);
  }
  if (lags.size() < kQuarters * kFewest) return std::nullopt;
  std::array<double, kQuarters> medians{};
  for (std::size_t i = 0; i < kQuarters; ++i) {
    const std::size_t from = lags.size() * i / kQuarters, to = lags.size() * (i + 1) / kQuarters;
    medians[i] = median_of(std::span(lags).subspan(from, to - from));
  }
  const bool rises = std::adjacent_find(medians.begin(), medians.end(),
                                        [](double a, double b) { return a >= b; }) == medians.end();
  const double missing =
      (medians.back() - medians.front()) / (0.75 * static_cast<double>(end - begin));
  return Verdict{rises && missing > kMissingShare, 1 - missing};
}

}  // namespace violet
