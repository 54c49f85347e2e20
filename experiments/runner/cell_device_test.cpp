#include "experiments/runner/cell_device.hpp"

#include <gtest/gtest.h>

namespace violet {
namespace {

plans::Cell cell() {
  plans::Cell cell;
  cell.iotlb_entries = 64;
  cell.iotlb_ways = 4;
  cell.iotlb_replacement = "lru";
  cell.iotlb_indexing = "dense";
  cell.queue_size = 256;
  return cell;
}

TEST(DeviceConfig, EveryAxisOfTheIotlbReachesTheDevice) {
  const plans::Limits limits{3, 17, 5, 64};
  plans::Cell other = cell();
  other.iotlb_entries = 128;
  other.iotlb_ways = 2;
  other.iotlb_replacement = "random";
  other.iotlb_indexing = "mixed";
  const auto a = device_config_of(cell(), limits).value();
  const auto b = device_config_of(other, limits).value();
  EXPECT_EQ(a.iotlb.entries, 64u);
  EXPECT_EQ(b.iotlb.entries, 128u);
  EXPECT_EQ(a.iotlb.ways, 4u);
  EXPECT_EQ(b.iotlb.ways, 2u);
  EXPECT_EQ(a.iotlb.replacement, IotlbConfig::Replacement::kLru);
  EXPECT_EQ(b.iotlb.replacement, IotlbConfig::Replacement::kRandom);
  EXPECT_EQ(a.iotlb.indexing, IotlbConfig::Indexing::kDense);
  EXPECT_EQ(b.iotlb.indexing, IotlbConfig::Indexing::kMixed);
}

TEST(DeviceConfig, LimitsReachTheDevice) {
  const auto config = device_config_of(cell(), {3, 17, 5, 64}).value();
  EXPECT_EQ(config.limits.domains, 3u);
  EXPECT_EQ(config.limits.mappings_per_domain, 17u);
  EXPECT_EQ(config.limits.memory_bytes, std::size_t{5} << 20);
}

TEST(DeviceConfig, UnknownWordsAreRefused) {
  plans::Cell odd = cell();
  odd.iotlb_indexing = "sparse";
  EXPECT_FALSE(device_config_of(odd, {}));
}

}  // namespace
}  // namespace violet
