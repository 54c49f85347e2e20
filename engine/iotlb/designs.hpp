// A visit calls a function with an IOTLB under its own type, in the few places that compile a
// reader's half for each design.
//
// Threading: set-up.
// Invariants: the object is of the type that design() says, or derived from it.
// Limits: whoever includes this compiles every design.
#pragma once

#include "engine/iotlb/generation_device.hpp"
#include "engine/iotlb/generation_domain.hpp"
#include "engine/iotlb/generation_ranges.hpp"
#include "engine/iotlb/iotlb.hpp"
#include "engine/iotlb/locked_iotlb.hpp"
#include "engine/iotlb/shared_versioned.hpp"
#include "engine/iotlb/targeted.hpp"

namespace violet {

// What visit(I&) returns, for the type I of the IOTLB.
template <class Visit>
auto visit_design(IotlbControl& iotlb, Visit&& visit) {
  switch (iotlb.design()) {
    case IotlbDesign::kLocked:
      return visit(design_cast<LockedIotlb>(iotlb));
    case IotlbDesign::kGenerationDevice:
      return visit(design_cast<GenerationDeviceIotlb>(iotlb));
    case IotlbDesign::kGenerationDomain:
      return visit(design_cast<GenerationDomainIotlb>(iotlb));
    case IotlbDesign::kGenerationRanges:
      return visit(design_cast<GenerationRangesIotlb>(iotlb));
    case IotlbDesign::kTargetedAck:
      return visit(design_cast<TargetedIotlb>(iotlb));
    case IotlbDesign::kSharedVersioned:
      break;
  }
  return visit(design_cast<SharedVersionedIotlb>(iotlb));
}

}  // namespace violet
