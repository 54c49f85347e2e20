#include <gtest/gtest.h>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet::optimistic_test {
namespace {

using protocol::Type;

constexpr std::uint32_t kPage = 4096;

RigOptions with(std::int64_t quota, std::int64_t batch = 1, double keep_ms = 10.0) {
  return {.strategy = "optimistic",
          .settings = {{"quota", quota}, {"batch", batch}, {"keep_ms", keep_ms}}};
}

// Mapped and unmapped again, so that it is kept.
DmaMapping kept(StrategyRig& rig, DmaBuffer buffer,
                DmaDirection direction = DmaDirection::kToDevice) {
  const auto mapping = rig.strategy->map(0, buffer, direction, 0);
  VIOLET_CHECK(mapping.has_value());
  rig.strategy->unmap(*mapping, 0);
  return *mapping;
}

TEST(Optimistic, AnUnmapSendsNothingAndTheNextMapTakesTheMappingOver) {
  StrategyRig rig(with(256));
  const auto buffer = rig.buffer(kPage);
  const auto first = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  EXPECT_FALSE(first->kept);
  rig.strategy->unmap(*first, 0);
  EXPECT_EQ(rig.guest.counters.unmap_requests, 0u);
  EXPECT_EQ(rig.guest.counters.syncs, 1u);
  EXPECT_TRUE(rig.reaches(0, first->iova));  // The mapping itself is valid, and nobody uses it.
  const auto second = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  EXPECT_TRUE(second->kept);
  EXPECT_EQ(second->iova, first->iova);
  EXPECT_EQ(second->granted, Permissions::kRead);
  EXPECT_EQ(rig.guest.counters.map_requests, 1u);
  EXPECT_EQ(rig.guest.counters.maps, 2u);
  EXPECT_EQ(rig.guest.counters.unmaps, 1u);
}

TEST(Optimistic, OnlyTheSamePagesRightsAndEndpointAreTakenOver) {
  StrategyRig rig(with(256));
  const auto buffer = rig.buffer(2 * kPage);
  const auto first = kept(rig, {buffer.phys, kPage});
  for (const auto direction : {DmaDirection::kFromDevice, DmaDirection::kBidirectional}) {
    const auto other = rig.strategy->map(0, {buffer.phys, kPage}, direction, 0);
    EXPECT_FALSE(other->kept);
    EXPECT_NE(other->iova, first.iova);
  }
  EXPECT_FALSE(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->kept);  // Two pages.
  const DmaBuffer next{{buffer.phys.value + kPage}, kPage};
  EXPECT_FALSE(rig.strategy->map(0, next, DmaDirection::kToDevice, 0)->kept);
  EXPECT_FALSE(rig.strategy->map(1, {buffer.phys, kPage}, DmaDirection::kToDevice, 0)->kept);
  EXPECT_TRUE(rig.strategy->map(0, {buffer.phys, kPage}, DmaDirection::kToDevice, 0)->kept);
  // It is in use: a third user of the page gets a mapping of its own.
  EXPECT_FALSE(rig.strategy->map(0, {buffer.phys, kPage}, DmaDirection::kToDevice, 0)->kept);
}

TEST(Optimistic, AnotherPartOfTheSamePageIsTakenOverWithItsOwnOffset) {
  StrategyRig rig(with(256));
  const auto page = rig.buffer(kPage);
  const auto first = kept(rig, {page.phys, 100});
  const DmaBuffer part{{page.phys.value + 0x123}, 64};
  const auto second = rig.strategy->map(0, part, DmaDirection::kToDevice, 0);
  EXPECT_TRUE(second->kept);
  EXPECT_EQ(second->iova.value, first.iova.value + 0x123);
  EXPECT_EQ(rig.guest.device.translate({0}, second->iova, Access::kRead), part.phys);
}

TEST(Optimistic, TheNewestOfSeveralIsTakenOverFirst) {
  StrategyRig rig(with(256));
  const auto buffer = rig.buffer(kPage);
  const auto a = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  const auto b = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  rig.strategy->unmap(*a, 0);
  rig.strategy->unmap(*b, 0);
  EXPECT_EQ(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->iova, b->iova);
  EXPECT_EQ(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->iova, a->iova);
  EXPECT_EQ(rig.guest.counters.map_requests, 2u);
}

TEST(Optimistic, AListIsTakenOverWholeAndOnlyByItsEqual) {
  StrategyRig rig(with(256));
  const DmaBuffer list[] = {{{0x800100}, 100}, {{0x900000}, 2 * kPage}};
  const DmaBuffer swapped[] = {list[1], list[0]};
  DmaMapping out[2];
  ASSERT_TRUE(rig.strategy->map_list(0, list, DmaDirection::kToDevice, 0, out));
  const DmaMapping first[] = {out[0], out[1]};
  rig.strategy->unmap_list(out, 0);
  EXPECT_EQ(rig.guest.counters.unmap_requests, 0u);
  EXPECT_FALSE(rig.strategy->map(0, list[0], DmaDirection::kToDevice, 0)->kept);
  ASSERT_TRUE(rig.strategy->map_list(0, swapped, DmaDirection::kToDevice, 0, out));
  EXPECT_FALSE(out[0].kept);
  ASSERT_TRUE(rig.strategy->map_list(0, list, DmaDirection::kToDevice, 0, out));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(out[i].kept);
    EXPECT_EQ(out[i].iova, first[i].iova);
    EXPECT_EQ(rig.guest.device.translate({0}, out[i].iova, Access::kRead), list[i].phys);
  }
  rig.strategy->unmap_list(out, 0);
  rig.strategy->drain();
  EXPECT_FALSE(rig.reaches(0, first[1].iova));
}

TEST(Optimistic, TheOldestGoesWhenTheQuotaIsFull) {
  StrategyRig rig(with(2));
  const auto a = kept(rig, rig.buffer(kPage));
  const auto b = kept(rig, rig.buffer(kPage));
  EXPECT_EQ(rig.guest.counters.unmap_requests, 0u);
  const auto kicks = rig.guest.counters.kicks;
  const auto c = kept(rig, rig.buffer(kPage));
  EXPECT_EQ(rig.guest.counters.unmap_requests, 1u);
  EXPECT_EQ(rig.guest.counters.kicks, kicks + 2);  // One of them for c's MAP.
  EXPECT_FALSE(rig.reaches(0, a.iova));
  EXPECT_TRUE(rig.reaches(0, b.iova));
  EXPECT_TRUE(rig.reaches(0, c.iova));
  // Its address is free again, and only now.
  EXPECT_EQ(rig.strategy->map(0, rig.buffer(kPage), DmaDirection::kToDevice, 0)->iova, a.iova);
}

TEST(Optimistic, ABatchIsTornDownWithOneWait) {
  StrategyRig rig(with(4, 3));
  std::vector<DmaMapping> all;
  for (int i = 0; i < 4; ++i) all.push_back(kept(rig, rig.buffer(kPage)));
  const auto syncs = rig.guest.counters.syncs;
  all.push_back(kept(rig, rig.buffer(kPage)));
  EXPECT_EQ(rig.guest.counters.syncs, syncs + 2);  // One of them for the MAP.
  EXPECT_EQ(rig.guest.counters.unmap_requests, 3u);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(rig.reaches(0, all[i].iova), i >= 3) << i;
}

TEST(Optimistic, WhatIsTooOldGoesTogether) {
  StrategyRig rig(with(256, 1, 5.0));
  const auto a = kept(rig, rig.buffer(kPage));
  rig.advance(1'000'000);
  const auto b = kept(rig, rig.buffer(kPage));
  const auto buffer = rig.buffer(kPage);
  const auto used = kept(rig, buffer);
  ASSERT_TRUE(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->kept);
  rig.advance(3'900'000);
  EXPECT_TRUE(rig.reaches(0, a.iova));
  rig.advance(200'000);
  EXPECT_FALSE(rig.reaches(0, a.iova));
  EXPECT_TRUE(rig.reaches(0, b.iova));
  const auto syncs = rig.guest.counters.syncs;
  rig.advance(1'000'000);
  EXPECT_EQ(rig.guest.counters.syncs, syncs + 1);
  EXPECT_FALSE(rig.reaches(0, b.iova));
  rig.advance(1'000'000'000);
  EXPECT_TRUE(rig.reaches(0, used.iova));  // In use, however old its mapping is.
  EXPECT_EQ(rig.guest.counters.syncs, syncs + 1);
}

TEST(Optimistic, CoherentMemoryIsStrict) {
  StrategyRig rig(with(256));
  const auto buffer = rig.buffer(kPage);
  const auto mapping = rig.strategy->map_coherent(0, buffer, 0);
  rig.strategy->unmap_coherent(*mapping, 0);
  EXPECT_FALSE(rig.reaches(0, mapping->iova));
}

TEST(Optimistic, DrainLeavesNothing) {
  StrategyRig rig(with(256));
  for (int i = 0; i < 200; ++i) kept(rig, rig.buffer(kPage));
  EXPECT_EQ(rig.guest.device.mappings({1}), 200u);
  rig.strategy->drain();
  EXPECT_EQ(rig.guest.device.mappings({1}), 0u);
  EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
}

TEST(Optimistic, WhatIsKeptGoesBeforeAMapFailsForWantOfAddresses) {
  RigOptions options = with(256);
  options.guest.device.input_range =
      IovaRange::of(0, 4 * kPage);  // Three: the first is never used.
  StrategyRig rig(options);
  for (int i = 0; i < 3; ++i) kept(rig, rig.buffer(kPage));
  EXPECT_TRUE(rig.strategy->map(0, rig.buffer(kPage), DmaDirection::kToDevice, 0));
  EXPECT_EQ(rig.guest.device.mappings({1}), 1u);
}

TEST(Optimistic, ABrokenDeviceMakesMapsFailAndFreesNothing) {
  StrategyRig rig(with(1));
  const auto buffer = rig.buffer(kPage);
  const auto a = kept(rig, buffer);
  const auto b = rig.strategy->map(0, rig.buffer(kPage), DmaDirection::kToDevice, 0);
  rig.guest.device.stop();
  rig.strategy->unmap(*b, 0);  // Tears a down, in vain.
  EXPECT_FALSE(rig.guest.driver->health());
  EXPECT_FALSE(rig.strategy->map(0, b->buffer, DmaDirection::kToDevice, 0));
  EXPECT_FALSE(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0));
  EXPECT_TRUE(rig.reaches(0, a.iova));
}

}  // namespace
}  // namespace violet::optimistic_test
