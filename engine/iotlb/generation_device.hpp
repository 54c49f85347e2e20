// The IOTLB generation-device keeps one counter for the device; every invalidation empties every
// reader's cache.
//
// The cheapest invalidation there is (one locked add) and the dearest aftermath: under a strict guest
// each UNMAP costs every endpoint its whole working set. What a "flush all" IOMMU command costs.
//
// Threading, memory order, wrap-around: generation_iotlb.hpp.
#pragma once

#include "engine/iotlb/generation_iotlb.hpp"

namespace violet {

class DeviceGeneration {
 public:
  static constexpr IotlbDesign kDesign = IotlbDesign::kGenerationDevice;

  GenerationCounter& of(DomainTag /*tag*/) { return counter_; }
  const GenerationCounter& of(DomainTag /*tag*/) const { return counter_; }

 private:
  GenerationCounter counter_;
};

using GenerationDeviceIotlb = GenerationIotlb<DeviceGeneration>;

}  // namespace violet
