// The registry of IOTLB designs makes an IOTLB by the name that a device, plan, test or bench
// gives. A new design is one header that fulfils IotlbCache, one value of IotlbDesign, one line in
// iotlbs.cpp and one in designs.hpp; the compiler and a test miss what is forgotten.
//
// Threading: immutable.
#pragma once

#include <memory>

#include "engine/base/registry.hpp"
#include "engine/iotlb/iotlb.hpp"

namespace violet {

struct IotlbInfo : RegistryEntry {
  IotlbDesign design;
  bool wait_free_hits;
  std::unique_ptr<IotlbControl> (*make)(const IotlbConfig&, Quiescence&);
};

// What a plan gets that names none, and what the scorecard judges: the first of the registry.
inline constexpr const char* kDefaultIotlb = "generation-domain";

Registry<IotlbInfo> iotlbs();

}  // namespace violet
