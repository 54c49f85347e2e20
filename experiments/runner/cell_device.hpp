// A cell's device configuration follows from the cell's axes and the plan's limits.
//
// Threading: pure functions.
// Invariants: every axis of the IOTLB and every limit of the engine ends up here.
#pragma once

#include "engine/base/result.hpp"
#include "engine/device/config.hpp"
#include "experiments/plans/plan.hpp"

namespace violet {

// Without endpoints. Error for a word that no IOTLB knows.
Result<DeviceConfig> device_config_of(const plans::Cell& cell, const plans::Limits& limits);

}  // namespace violet
