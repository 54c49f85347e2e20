#include <gtest/gtest.h>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet::pool_test {
namespace {

constexpr std::uint32_t kPage = 4096;

TEST(Pool, ARecycledPageIsMappedOnceForBothDirections) {
  StrategyRig rig({.strategy = "pool"});
  const auto page = rig.buffer(kPage);
  const auto first = rig.strategy->map(0, page, DmaDirection::kFromDevice, 0);
  EXPECT_EQ(first->granted, Permissions::kReadWrite);
  EXPECT_EQ(first->direction, DmaDirection::kFromDevice);
  rig.strategy->unmap(*first, 0);
  const DmaBuffer part{{page.phys.value + 0x80}, 64};
  const auto second = rig.strategy->map(0, part, DmaDirection::kToDevice, 0);
  EXPECT_EQ(second->iova.value, first->iova.value + 0x80);
  rig.strategy->unmap(*second, 0);
  EXPECT_EQ(rig.guest.counters.map_requests, 1u);
  EXPECT_EQ(rig.guest.counters.unmap_requests, 0u);
  EXPECT_TRUE(rig.reaches(0, first->iova));
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), kPage);
  rig.strategy->drain();
  EXPECT_FALSE(rig.reaches(0, first->iova));
}

TEST(Pool, WhatItHasNoRoomForIsStrict) {
  StrategyRig rig({.strategy = "pool", .settings = {{"pages", std::int64_t{2}}}});
  const auto a = rig.strategy->map(0, rig.buffer(2 * kPage), DmaDirection::kToDevice, 0);
  const auto late = rig.buffer(kPage);
  for (int i = 0; i < 3; ++i) {
    const auto b = rig.strategy->map(0, late, DmaDirection::kToDevice, 0);
    EXPECT_EQ(b->granted, Permissions::kRead);
    rig.strategy->unmap(*b, 0);
    EXPECT_FALSE(rig.reaches(0, b->iova));
  }
  EXPECT_EQ(rig.guest.counters.map_requests, 4u);
  rig.strategy->unmap(*a, 0);
  EXPECT_TRUE(rig.reaches(0, a->iova));
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), 2 * kPage);
}

TEST(Pool, ABrokenDeviceMakesMapsFail) {
  StrategyRig rig({.strategy = "pool"});
  const auto page = rig.buffer(kPage);
  const auto a = rig.strategy->map(0, page, DmaDirection::kToDevice, 0);
  rig.strategy->unmap(*a, 0);
  rig.guest.device.stop();
  EXPECT_FALSE(rig.strategy->map(0, rig.buffer(kPage), DmaDirection::kToDevice, 0));
  EXPECT_FALSE(rig.strategy->map(0, page, DmaDirection::kToDevice, 0));
}

}  // namespace
}  // namespace violet::pool_test
