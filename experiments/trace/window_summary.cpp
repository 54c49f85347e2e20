#include "experiments/trace/window_summary.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace violet {

WindowSummary summarise_windows(std::vector<Ticks> windows, double ns_per_tick) {
  if (windows.empty()) return {};
  std::sort(windows.begin(), windows.end());
  const auto count = static_cast<double>(windows.size());
  const auto rank = [&](double quantile) {
    const auto at = static_cast<std::size_t>(std::max(1.0, std::ceil(quantile * count))) - 1;
    return static_cast<double>(windows[at]) * ns_per_tick;
  };
  const double total =
      std::accumulate(windows.begin(), windows.end(), 0.0,
                      [](double sum, Ticks w) { return sum + static_cast<double>(w); });
  return {.mean_ns = total / count * ns_per_tick,
          .p50_ns = rank(0.5),
          .p90_ns = rank(0.9),
          .p99_ns = rank(0.99),
          .p999_ns = rank(0.999),
          .max_ns = rank(1.0),
          .zero = static_cast<std::uint64_t>(
              std::upper_bound(windows.begin(), windows.end(), Ticks{0}) - windows.begin())};
}

}  // namespace violet
