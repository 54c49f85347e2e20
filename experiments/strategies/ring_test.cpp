#include <gtest/gtest.h>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet::ring_test {
namespace {

using protocol::Type;

constexpr std::uint32_t kPage = 4096;

RigOptions with(std::int64_t burst, std::int64_t table_pages = 64) {
  return {.strategy = "ring",
          .settings = {{"burst", burst}, {"table_pages", table_pages}, {"idle_us", 50.0}}};
}

TEST(Ring, EntriesFollowOneAnotherAndABurstIsOneInvalidation) {
  StrategyRig rig(with(8));
  std::vector<DmaMapping> all;
  for (std::uint64_t i = 0; i < 8; ++i) {
    all.push_back(
        *rig.strategy->map(0, {{0x800000 + i * 0x10000}, kPage}, DmaDirection::kFromDevice, 0));
    EXPECT_EQ(all[i].iova.value, all[0].iova.value + i * kPage);
  }
  for (std::size_t i = 0; i < 7; ++i) rig.strategy->unmap(all[i], 0);
  EXPECT_EQ(rig.requests(Type::kUnmap), 0u);
  EXPECT_TRUE(rig.reaches(0, all[0].iova));
  rig.strategy->unmap(all[7], 0);
  EXPECT_EQ(rig.requests(Type::kUnmap), 1u);
  for (const auto& mapping : all) EXPECT_FALSE(rig.reaches(0, mapping.iova));
  EXPECT_EQ(rig.guest.counters.iova_allocations, 0u);
}

TEST(Ring, ABurstEndsWhenNothingComes) {
  StrategyRig rig(with(200));
  const auto mapping = rig.strategy->map(0, rig.buffer(kPage), DmaDirection::kToDevice, 0);
  rig.strategy->unmap(*mapping, 0);
  rig.advance(49'000);
  EXPECT_TRUE(rig.reaches(0, mapping->iova));
  rig.advance(2'000);
  EXPECT_FALSE(rig.reaches(0, mapping->iova));
}

TEST(Ring, AFullTableEndsTheBurstAndWrapsAround) {
  StrategyRig rig(with(200, 16));
  const auto buffer = rig.buffer(4 * kPage);
  std::vector<Iova> used;
  for (int i = 0; i < 4; ++i) {
    const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
    rig.strategy->unmap(*mapping, 0);
    used.push_back(mapping->iova);
  }
  EXPECT_EQ(rig.guest.counters.flushes, 0u);
  EXPECT_EQ(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->iova, used[0]);
  EXPECT_EQ(rig.guest.counters.flushes, 1u);
  EXPECT_FALSE(rig.reaches(0, used[3]));
  EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
}

// Or a single buffer that a driver keeps would leave all others to the allocator.
TEST(Ring, AnEntryInUseForLongIsPassedOver) {
  StrategyRig rig(with(200, 16));
  const auto buffer = rig.buffer(4 * kPage);
  const auto kept = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  for (unsigned i = 0; i < 20; ++i) {
    const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
    EXPECT_EQ(mapping->iova.value, kept->iova.value + (1 + i % 3) * 4 * kPage);
    rig.strategy->unmap(*mapping, 0);
  }
  EXPECT_EQ(rig.guest.counters.iova_allocations, 0u);
  EXPECT_EQ(rig.guest.counters.flushes, 6u);
}

TEST(Ring, ATableFullOfWhatIsInUseLeavesTheRestToTheAllocator) {
  StrategyRig rig(with(4, 16));
  const auto buffer = rig.buffer(8 * kPage);
  ASSERT_TRUE(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0));
  const auto b = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  const auto c = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  EXPECT_EQ(rig.guest.counters.iova_allocations, 1u);
  rig.strategy->unmap(*c, 0);
  EXPECT_FALSE(rig.reaches(0, c->iova));
  rig.strategy->unmap(*b, 0);
  EXPECT_EQ(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->iova, b->iova);
  EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
}

TEST(Ring, AListIsOneEntry) {
  StrategyRig rig(with(1));
  const DmaBuffer list[] = {{{0x800100}, 100}, {{0x900000}, 2 * kPage}};
  DmaMapping out[2];
  ASSERT_TRUE(rig.strategy->map_list(1, list, DmaDirection::kToDevice, 0, out));
  EXPECT_EQ(rig.guest.device.translate({1}, out[1].iova, Access::kRead), list[1].phys);
  rig.strategy->unmap_list(out, 0);
  EXPECT_EQ(rig.requests(Type::kUnmap), 1u);
  EXPECT_EQ(rig.guest.device.mappings({2}), 0u);
}

TEST(Ring, ABrokenDeviceMakesMapsFailAndUsesNoEntryAgain) {
  StrategyRig rig(with(1));
  const auto buffer = rig.buffer(kPage);
  const auto a = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  rig.guest.device.stop();
  rig.strategy->unmap(*a, 0);
  EXPECT_FALSE(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0));
  EXPECT_TRUE(rig.reaches(0, a->iova));
}

}  // namespace
}  // namespace violet::ring_test
