#include <gtest/gtest.h>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet::shared_test {
namespace {

constexpr std::uint32_t kPage = 4096;

TEST(Shared, UsersOfTheSamePagesShareUntilTheLastHasGone) {
  StrategyRig rig({.strategy = "shared"});
  const auto page = rig.buffer(kPage);
  const DmaBuffer head{page.phys, 100}, tail{{page.phys.value + 0x800}, 64};
  const auto a = rig.strategy->map(0, head, DmaDirection::kToDevice, 0);
  const auto b = rig.strategy->map(0, tail, DmaDirection::kToDevice, 0);
  EXPECT_EQ(rig.guest.counters.map_requests, 1u);
  EXPECT_EQ(b->iova.value, a->iova.value + 0x800);
  EXPECT_FALSE(a->persistent);
  EXPECT_TRUE(b->persistent);
  EXPECT_EQ(rig.guest.device.translate({0}, b->iova, Access::kRead), tail.phys);
  rig.strategy->unmap(*a, 0);
  EXPECT_EQ(rig.guest.counters.unmap_requests, 0u);
  EXPECT_TRUE(rig.reaches(0, a->iova));
  const auto c = rig.strategy->map(0, head, DmaDirection::kToDevice, 0);
  EXPECT_EQ(c->iova, a->iova);
  rig.strategy->unmap(*b, 0);
  rig.strategy->unmap(*c, 0);
  EXPECT_EQ(rig.guest.counters.unmap_requests, 1u);
  EXPECT_FALSE(rig.reaches(0, a->iova));
  // The address is free at once.
  EXPECT_EQ(rig.strategy->map(0, head, DmaDirection::kToDevice, 0)->iova, a->iova);
}

TEST(Shared, OnlyTheSamePagesRightsAndDomainAreShared) {
  StrategyRig rig({.strategy = "shared"});
  const auto pages = rig.buffer(2 * kPage);
  const DmaBuffer one{pages.phys, kPage};
  ASSERT_TRUE(rig.strategy->map(0, one, DmaDirection::kToDevice, 0));
  EXPECT_FALSE(rig.strategy->map(0, one, DmaDirection::kFromDevice, 0)->persistent);
  EXPECT_FALSE(rig.strategy->map(0, pages, DmaDirection::kToDevice, 0)->persistent);
  EXPECT_FALSE(rig.strategy->map(1, one, DmaDirection::kToDevice, 0)->persistent);
  EXPECT_FALSE(rig.strategy->map_coherent(0, one, 0)->persistent);
  EXPECT_TRUE(rig.strategy->map(0, one, DmaDirection::kToDevice, 0)->persistent);
}

TEST(Shared, AListIsSharedByItsEqual) {
  StrategyRig rig({.strategy = "shared"});
  const DmaBuffer list[] = {{{0x800100}, 100}, {{0x900000}, 2 * kPage}};
  DmaMapping a[2], b[2];
  ASSERT_TRUE(rig.strategy->map_list(0, list, DmaDirection::kToDevice, 0, a));
  ASSERT_TRUE(rig.strategy->map_list(0, list, DmaDirection::kToDevice, 0, b));
  EXPECT_EQ(a[1].iova, b[1].iova);
  rig.strategy->unmap_list(a, 0);
  EXPECT_EQ(rig.guest.device.translate({0}, b[0].iova, Access::kRead), list[0].phys);
  rig.strategy->unmap_list(b, 0);
  EXPECT_EQ(rig.guest.device.mappings({1}), 0u);
}

TEST(Shared, AnApproximateLookUpFindsTheNewestOnly) {
  StrategyRig rig({.strategy = "shared", .settings = {{"found", std::int64_t{2}}}});
  const auto a = rig.buffer(kPage), b = rig.buffer(kPage), c = rig.buffer(kPage);
  const auto map = [&](DmaBuffer buffer) {
    return *rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  };
  const auto first = map(a);
  map(b);
  const auto joined = map(a);
  EXPECT_TRUE(joined.persistent);
  const auto third = map(c);  // Now b and c are found.
  EXPECT_TRUE(map(b).persistent);
  const auto again = map(a);
  EXPECT_FALSE(again.persistent);
  EXPECT_NE(again.iova, first.iova);
  EXPECT_TRUE(map(a).persistent);
  rig.strategy->unmap(first, 0);
  rig.strategy->unmap(joined, 0);
  EXPECT_FALSE(rig.reaches(0, first.iova));
  EXPECT_TRUE(rig.reaches(0, again.iova));
  rig.strategy->unmap(third, 0);
  EXPECT_FALSE(rig.reaches(0, third.iova));
  EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
}

TEST(Shared, ABrokenDeviceMakesMapsFailAndFreesNothing) {
  StrategyRig rig({.strategy = "shared"});
  const auto buffer = rig.buffer(kPage);
  const auto a = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  rig.guest.device.stop();
  rig.strategy->unmap(*a, 0);
  EXPECT_FALSE(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0));
  EXPECT_TRUE(rig.reaches(0, a->iova));
}

}  // namespace
}  // namespace violet::shared_test
