// The registry of IOTLB designs: one line each. A new design is one header that fulfils the concept of
// iotlb.hpp and one line here; the typed tests, the oracle, the fuzzer, the canary and the bench follow.
//
// Threading: compile time only.
#pragma once

#include "engine/base/type_list.hpp"
#include "engine/iotlb/generation_device.hpp"
#include "engine/iotlb/generation_domain.hpp"
#include "engine/iotlb/generation_ranges.hpp"
#include "engine/iotlb/locked_iotlb.hpp"
#include "engine/iotlb/shared_versioned.hpp"
#include "engine/iotlb/targeted.hpp"

namespace violet {

using Iotlbs = TypeList<LockedIotlb,            //
                        GenerationDeviceIotlb,  //
                        GenerationDomainIotlb,  //
                        GenerationRangesIotlb,  //
                        TargetedIotlb,          //
                        SharedVersionedIotlb>;

// What a plan gets that names none, and what the scorecard judges.
using DefaultIotlb = GenerationDomainIotlb;

}  // namespace violet
