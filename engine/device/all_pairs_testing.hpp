// A test on all pairs runs for every registered store with every registered IOTLB, by their names.
//
//     class Burst : public OnAllPairs {};
//     INSTANTIATE_TEST_SUITE_P(Pairs, Burst, testing::ValuesIn(all_pairs()), pair_name);
//     TEST_P(Burst, ...) { Rig rig; ... }
//
// Threading: as test_rig.hpp.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "engine/base/identifier_testing.hpp"
#include "engine/device/test_rig.hpp"
#include "engine/iotlb/iotlbs.hpp"
#include "engine/store/stores.hpp"

namespace violet {

inline std::ostream& operator<<(std::ostream& out, const DevicePair& pair) {
  return out << pair.store << " with " << pair.iotlb;
}

inline std::vector<DevicePair> all_pairs() {
  std::vector<DevicePair> pairs;
  for (const auto& store : stores().names()) {
    for (const auto& iotlb : iotlbs().names()) pairs.push_back({store, iotlb});
  }
  return pairs;
}

inline std::string pair_name(const testing::TestParamInfo<DevicePair>& tested) {
  return identifier_of(tested.param.store + "_" + tested.param.iotlb);
}

class OnAllPairs : public testing::TestWithParam<DevicePair> {
 protected:
  struct Rig : violet::Rig {
    explicit Rig(const DeviceConfig& config = rig_config(), bool negotiate_all = true,
                 Probe probe = {})
        : violet::Rig(GetParam(), config, negotiate_all, probe) {}
  };
};

}  // namespace violet
