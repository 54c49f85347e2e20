// A cell's device configuration follows from the cell's axes and the plan's limits.
//
// Threading: pure functions.
// Invariants: every axis of the IOTLB and every limit of the engine ends up here.
#pragma once

#include "engine/base/registry.hpp"
#include "engine/device/config.hpp"
#include "experiments/plans/plan.hpp"

namespace violet {

struct ReplacementInfo : RegistryEntry {
  IotlbConfig::Replacement value;
};
Registry<ReplacementInfo> iotlb_replacements();

struct IndexingInfo : RegistryEntry {
  IotlbConfig::Indexing value;
};
Registry<IndexingInfo> iotlb_indexings();

// Without endpoints. Error for a word that no IOTLB knows.
Result<DeviceConfig> device_config_of(const plans::Cell& cell, const plans::Limits& limits);

}  // namespace violet
