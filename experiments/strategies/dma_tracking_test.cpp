#include <gtest/gtest.h>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet::dma_tracking_test {
namespace {

constexpr std::uint32_t kPage = 4096;

RigOptions each_second() { return {.strategy = "dma-tracking", .settings = {{"interval_s", 1.0}}}; }

TEST(DmaTracking, APageIsPinnedOnceAndUsesAreNotes) {
  StrategyRig rig(each_second());
  const auto pages = rig.buffer(2 * kPage);
  const auto a = rig.strategy->map(0, pages, DmaDirection::kToDevice, 0);
  EXPECT_EQ(rig.guest.counters.map_requests, 2u);
  EXPECT_EQ(rig.guest.counters.syncs, 1u);
  const auto b = rig.strategy->map(0, {{pages.phys.value + 100}, 64}, DmaDirection::kFromDevice, 0);
  EXPECT_EQ(b->iova.value, a->iova.value + 100);
  rig.strategy->unmap(*a, 0);
  rig.strategy->unmap(*b, 0);
  EXPECT_EQ(rig.guest.counters.map_requests, 2u);
  EXPECT_EQ(rig.guest.counters.unmap_requests, 0u);
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), 2 * kPage);
  ASSERT_TRUE(rig.strategy->map(1, pages, DmaDirection::kToDevice, 0));
  EXPECT_EQ(rig.guest.counters.map_requests, 4u);  // Each domain has its table.
}

TEST(DmaTracking, WhatWasNotUsedInARoundIsUnpinned) {
  StrategyRig rig(each_second());
  const auto used = rig.buffer(kPage), idle = rig.buffer(kPage), again = rig.buffer(kPage);
  const auto a = rig.strategy->map(0, used, DmaDirection::kToDevice, 0);
  const auto b = rig.strategy->map(0, idle, DmaDirection::kToDevice, 0);
  const auto c = rig.strategy->map(0, again, DmaDirection::kToDevice, 0);
  rig.strategy->unmap(*b, 0);
  rig.strategy->unmap(*c, 0);
  rig.advance(1);
  rig.advance(1'010'000'000);  // A second chance for all.
  EXPECT_TRUE(rig.reaches(0, b->iova));
  rig.strategy->unmap(*rig.strategy->map(0, again, DmaDirection::kToDevice, 0), 0);
  rig.advance(1'010'000'000);
  EXPECT_TRUE(rig.reaches(0, a->iova));  // In use.
  EXPECT_FALSE(rig.reaches(0, b->iova));
  EXPECT_TRUE(rig.reaches(0, c->iova));
  rig.advance(1'010'000'000);
  EXPECT_FALSE(rig.reaches(0, c->iova));
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), kPage);
  // And pinned again when it is needed, where it was.
  EXPECT_EQ(rig.strategy->map(0, idle, DmaDirection::kToDevice, 0)->iova, b->iova);
  EXPECT_TRUE(rig.reaches(0, b->iova));
  EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
}

TEST(DmaTracking, ABrokenDeviceMakesMapsFail) {
  StrategyRig rig(each_second());
  rig.guest.device.stop();
  EXPECT_FALSE(rig.strategy->map(0, rig.buffer(kPage), DmaDirection::kToDevice, 0));
}

}  // namespace
}  // namespace violet::dma_tracking_test
