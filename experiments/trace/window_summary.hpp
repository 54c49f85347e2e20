// Percentiles of exposure windows.
//
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/clock.hpp"

namespace violet {

struct WindowSummary {
  double mean_ns = 0;
  double p50_ns = 0;
  double p90_ns = 0;
  double p99_ns = 0;
  double p999_ns = 0;
  double max_ns = 0;
  std::uint64_t zero = 0;  // Unmaps with no window at all.
};

// By nearest rank; all zero when there are no windows.
WindowSummary summarise_windows(std::vector<Ticks> windows, double ns_per_tick);

}  // namespace violet
