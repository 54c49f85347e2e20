// The combinations of store and IOTLB that the device's typed tests run over.
//
// Threading: compile time only.
// Limits: every store and every protocol, not all pairs (generation-device is generation-domain with one
// counter); the simulation runs every store with every IOTLB.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "engine/device/test_rig.hpp"

namespace violet {

using TestedRigs =
    testing::Types<Rig<RadixStore, DefaultIotlb>, Rig<RadixStore, GenerationRangesIotlb>,
                   Rig<RadixStore, SharedVersionedIotlb>, Rig<IntervalStore, LockedIotlb>,
                   Rig<RadixStore, TargetedIotlb>>;

}  // namespace violet
