// A pipeline is the load of `pipelined` and `viewer`: a driver that keeps requests with the device.
//
// Threading: lcore 0, with the engine running on lcore 1.
#pragma once

#include <cstddef>

#include "experiments/scorecard/sidecore.hpp"

namespace violet::scorecard {

inline constexpr unsigned kInFlight = 32;

// UNMAPs and MAPs in turns, kInFlight with the device. False when one was refused.
bool run_pipeline(Sidecore& sidecore, Churn& churn, std::size_t requests);

}  // namespace violet::scorecard
