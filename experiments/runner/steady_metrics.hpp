// Steady metrics say whether a repetition's rate was steady in the end, since when, and how long the warm-up was.
//
// Threading: pure function.
// Invariants: a rate that is a trace's own, or too short a series, is not known to be steady or not.
#pragma once

#include <span>
#include <vector>

#include "experiments/results/records.hpp"
#include "experiments/runner/rate_series.hpp"

namespace violet {

// `slices` from the beginning of the warm-up to the end of what was measured.
std::vector<results::Metric> steady_metrics(std::span<const RateSlice> slices, Ticks warm_up,
                                            bool paced);

}  // namespace violet
