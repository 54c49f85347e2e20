#include <gtest/gtest.h>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet::persistent_test {
namespace {

constexpr std::uint32_t kPage = 4096;

TEST(Persistent, AMappingIsMadeOnceAndUsedByWhoeverComes) {
  StrategyRig rig({.strategy = "persistent"});
  const auto buffer = rig.buffer(kPage);
  const auto first = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  EXPECT_TRUE(first->persistent);
  for (int i = 0; i < 10; ++i) {
    const auto again = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
    EXPECT_EQ(again->iova, first->iova);
    rig.strategy->unmap(*again, 0);
  }
  rig.strategy->unmap(*first, 0);
  rig.advance(3'600'000'000'000);
  EXPECT_TRUE(rig.reaches(0, first->iova));
  EXPECT_EQ(rig.guest.counters.map_requests, 1u);
  EXPECT_EQ(rig.guest.counters.unmap_requests, 0u);
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), kPage);
  // Other rights, another domain: their own.
  EXPECT_NE(rig.strategy->map(0, buffer, DmaDirection::kFromDevice, 0)->iova, first->iova);
  ASSERT_TRUE(rig.strategy->map(1, buffer, DmaDirection::kToDevice, 0));
  EXPECT_EQ(rig.guest.counters.map_requests, 3u);
}

TEST(Persistent, BeyondTheCapWhatIsIdleForLongestGoes) {
  StrategyRig rig({.strategy = "persistent", .settings = {{"cap_mib", std::int64_t{1}}}});
  std::vector<DmaMapping> all;
  for (std::uint64_t i = 0; i < 256; ++i) {
    all.push_back(
        *rig.strategy->map(0, {{0x800000 + i * kPage}, kPage}, DmaDirection::kToDevice, 0));
  }
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), 1u << 20);
  for (std::size_t i = 1; i < 256; ++i) rig.strategy->unmap(all[i], 0);
  EXPECT_EQ(rig.guest.counters.unmap_requests, 0u);
  const auto syncs = rig.guest.counters.syncs;
  ASSERT_TRUE(rig.strategy->map(0, {{0xa00000}, kPage}, DmaDirection::kToDevice, 0));
  EXPECT_EQ(rig.guest.counters.syncs, syncs + 2);  // Of the MAP, and of the batch.
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), (1u << 20) - (1u << 16));
  EXPECT_TRUE(rig.reaches(0, all[0].iova));  // In use.
  EXPECT_FALSE(rig.reaches(0, all[1].iova));
  EXPECT_FALSE(rig.reaches(0, all[17].iova));
  EXPECT_TRUE(rig.reaches(0, all[18].iova));
  rig.strategy->drain();
  EXPECT_EQ(rig.guest.device.mappings({1}), 2u);  // What is in use.
  EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
}

TEST(Persistent, WhatIsIdleGoesBeforeAMapFailsForWantOfAddresses) {
  RigOptions options{.strategy = "persistent"};
  options.guest.device.input_range =
      IovaRange::of(0, 4 * kPage);  // Three: the first is never used.
  StrategyRig rig(options);
  for (std::uint64_t i = 0; i < 10; ++i) {
    const auto mapping =
        rig.strategy->map(0, {{0x800000 + i * kPage}, kPage}, DmaDirection::kToDevice, 0);
    ASSERT_TRUE(mapping);
    rig.strategy->unmap(*mapping, 0);
  }
}

TEST(Persistent, ABrokenDeviceMakesMapsFail) {
  StrategyRig rig({.strategy = "persistent"});
  const auto buffer = rig.buffer(kPage);
  const auto a = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  rig.guest.device.stop();
  rig.strategy->unmap(*a, 0);
  rig.strategy->drain();
  EXPECT_FALSE(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0));
  EXPECT_FALSE(rig.strategy->map(0, rig.buffer(kPage), DmaDirection::kToDevice, 0));
}

}  // namespace
}  // namespace violet::persistent_test
