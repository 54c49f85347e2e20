#include "experiments/workloads/lag_trend.hpp"

#include <algorithm>

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

std::optional<Ticks> LagTrend::median_between(Ticks begin, Ticks end) const {
  std::vector<Ticks> lags;
  for (const Lag& one : kept_) {
    if (one.at >= begin && one.at < end) lags.push_back(one.lag);
  }
  if (lags.size() < kFewest) return std::nullopt;
  const auto middle = lags.begin() + static_cast<std::ptrdiff_t>(lags.size() / 2);
  std::nth_element(lags.begin(), middle, lags.end());
  return *middle;
}

std::optional<LagTrend::Verdict> LagTrend::verdict(Ticks begin, Ticks end) const {
  constexpr std::size_t kQuarters = 4;
  const Ticks length = end - begin;
  std::array<double, kQuarters> medians{};
  for (std::size_t i = 0; i < kQuarters; ++i) {
    const auto median =
        median_between(begin + length * i / kQuarters, begin + length * (i + 1) / kQuarters);
    if (!median) return std::nullopt;
    medians[i] = static_cast<double>(*median);
  }
  const bool rises = std::adjacent_find(medians.begin(), medians.end(),
                                        [](double a, double b) { return a >= b; }) == medians.end();
  const double missing = (medians.back() - medians.front()) / (0.75 * static_cast<double>(length));
  return Verdict{rises && missing > kMissingShare, 1 - missing};
}

}  // namespace violet
