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

// What is next has been overdue for so long then; 0 while nothing is due.
Ticks LagTrend::lag_at(Ticks time) const {
  const auto next = std::lower_bound(kept_.begin(), kept_.end(), time,
                                     [](const Lag& one, Ticks at) { return one.at < at; });
  if (next == kept_.end()) return 0;
  const Ticks due = next->at - std::min(next->at, next->lag);
  return time > due ? time - due : 0;
}

std::optional<LagTrend::Verdict> LagTrend::verdict(Ticks begin, Ticks end) const {
  constexpr std::size_t kQuarters = 4, kMoments = 65;  // Of a quarter.
  const bool any = std::any_of(kept_.begin(), kept_.end(),
                               [&](const Lag& one) { return one.at >= begin && one.at < end; });
  if (!any) return std::nullopt;
  const double step = static_cast<double>(end - begin) / (kQuarters * kMoments);
  std::array<double, kQuarters> medians{};
  for (std::size_t quarter = 0; quarter < kQuarters; ++quarter) {
    std::array<Ticks, kMoments> lags{};
    for (std::size_t i = 0; i < kMoments; ++i) {
      const double since = (static_cast<double>(quarter * kMoments + i) + 0.5) * step;
      lags[i] = lag_at(begin + static_cast<Ticks>(since));
    }
    std::nth_element(lags.begin(), lags.begin() + kMoments / 2, lags.end());
    medians[quarter] = static_cast<double>(lags[kMoments / 2]);
  }
  const bool rises = std::adjacent_find(medians.begin(), medians.end(),
                                        [](double a, double b) { return a >= b; }) == medians.end();
  const double missing =
      (medians.back() - medians.front()) / (0.75 * static_cast<double>(end - begin));
  return Verdict{rises && missing > kMissingShare, 1 - missing};
}

}  // namespace violet
