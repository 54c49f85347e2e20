#include <gtest/gtest.h>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet::link_test {
namespace {

using protocol::Type;

constexpr std::uint32_t kPage = 4096;

// Also neighbours in memory are linked one by one.
std::vector<DmaBuffer> neighbours(std::size_t count) {
  std::vector<DmaBuffer> list;
  for (std::size_t i = 0; i < count; ++i) list.push_back({{0x801000 + i * kPage}, kPage});
  return list;
}

TEST(Link, AListIsNMapsOneSyncAndOneUnmap) {
  for (const bool lazy : {false, true}) {
    StrategyRig rig({.strategy = "link", .settings = {{"lazy", lazy}}});
    const auto list = neighbours(7);
    std::vector<DmaMapping> out(7);
    ASSERT_TRUE(rig.strategy->map_list(0, list, DmaDirection::kToDevice, 0, out));
    EXPECT_EQ(rig.requests(Type::kMap), 7u);
    EXPECT_EQ(rig.guest.counters.syncs, 1u);
    rig.strategy->unmap_list(out, 0);
    EXPECT_EQ(rig.guest.counters.unmap_requests, 1u);
    EXPECT_EQ(rig.guest.counters.syncs, lazy ? 1u : 2u);
    EXPECT_EQ(rig.reaches(0, out[0].iova), lazy);
    rig.advance(11'000'000);
    EXPECT_EQ(rig.guest.device.mappings({1}), 0u);
  }
}

TEST(Link, AnAddressComesBackAfterTheFlushOnly) {
  StrategyRig rig({.strategy = "link"});
  const auto buffer = rig.buffer(kPage);
  const auto first = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  rig.strategy->unmap(*first, 0);
  const auto second = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  EXPECT_NE(second->iova, first->iova);
  rig.advance(11'000'000);
  EXPECT_EQ(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->iova, first->iova);
}

TEST(LinkKept, AnUnlinkWaitsAndThePageKeepsItsAddress) {
  StrategyRig rig({.strategy = "link-kept"});
  const auto page = rig.buffer(kPage);
  const auto first = rig.strategy->map(0, page, DmaDirection::kToDevice, 0);
  EXPECT_EQ(rig.guest.counters.syncs, 1u);
  rig.strategy->unmap(*first, 0);
  EXPECT_EQ(rig.guest.counters.syncs, 2u);
  EXPECT_FALSE(rig.reaches(0, first->iova));
  ASSERT_TRUE(rig.strategy->map(0, rig.buffer(kPage), DmaDirection::kToDevice, 0));
  EXPECT_EQ(rig.strategy->map(0, page, DmaDirection::kToDevice, 0)->iova, first->iova);
  EXPECT_EQ(rig.guest.counters.iova_allocations, 0u);
}

TEST(LinkKept, APageGoesWithItsLastUser) {
  StrategyRig rig({.strategy = "link-kept"});
  const auto pages = rig.buffer(3 * kPage);
  const DmaBuffer two{pages.phys, 2 * kPage}, part{{pages.phys.value + kPage + 0x100}, kPage};
  const auto a = rig.strategy->map(0, two, DmaDirection::kToDevice, 0);
  const auto b = rig.strategy->map(0, part, DmaDirection::kFromDevice, 0);  // The second and third.
  EXPECT_EQ(rig.requests(Type::kMap), 3u);
  EXPECT_FALSE(a->persistent);
  EXPECT_TRUE(b->persistent);
  EXPECT_EQ(b->iova.value - a->iova.value, part.phys.value - two.phys.value);
  rig.strategy->unmap(*a, 0);
  EXPECT_FALSE(rig.reaches(0, a->iova));
  EXPECT_TRUE(rig.reaches(0, {a->iova.value + kPage}));
  rig.strategy->unmap(*b, 0);
  EXPECT_EQ(rig.guest.device.mappings({1}), 0u);
  EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
}

TEST(LinkKept, APageInTheMiddleStaysForItsOtherUser) {
  StrategyRig rig({.strategy = "link-kept"});
  const auto pages = rig.buffer(3 * kPage);
  const DmaBuffer middle{{pages.phys.value + kPage}, 64};
  const auto a = rig.strategy->map(0, pages, DmaDirection::kToDevice, 0);
  const auto b = rig.strategy->map(0, middle, DmaDirection::kToDevice, 0);
  rig.guest.device.clear_log();
  rig.strategy->unmap(*a, 0);
  EXPECT_EQ(rig.requests(Type::kUnmap), 2u);
  EXPECT_TRUE(rig.reaches(0, b->iova));
  EXPECT_FALSE(rig.reaches(0, {b->iova.value + kPage}));
  rig.strategy->unmap(*b, 0);
  EXPECT_EQ(rig.guest.device.mappings({1}), 0u);
  EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
}

TEST(LinkKept, ABrokenDeviceMakesMapsFail) {
  StrategyRig rig({.strategy = "link-kept"});
  const auto page = rig.buffer(kPage);
  const auto a = rig.strategy->map(0, page, DmaDirection::kToDevice, 0);
  rig.guest.device.stop();
  rig.strategy->unmap(*a, 0);
  EXPECT_FALSE(rig.strategy->map(0, page, DmaDirection::kToDevice, 0));
  EXPECT_TRUE(rig.reaches(0, a->iova));
}

}  // namespace
}  // namespace violet::link_test
