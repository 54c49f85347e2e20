#include <gtest/gtest.h>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet::async_test {
namespace {

constexpr std::uint32_t kPage = 4096;

// A device that executes when the test lets it.
RigOptions slow(std::int64_t outstanding = 64) {
  return {.strategy = "async", .settings = {{"outstanding", outstanding}}};
}

TEST(Async, AnUnmapKicksAndDoesNotWait) {
  StrategyRig rig(slow());
  const auto buffer = rig.buffer(kPage);
  const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  rig.guest.device.set_poll_by_itself(false);
  const auto syncs = rig.guest.counters.syncs, kicks = rig.guest.counters.kicks;
  rig.strategy->unmap(*mapping, 0);
  EXPECT_EQ(rig.guest.counters.syncs, syncs);
  EXPECT_EQ(rig.guest.counters.kicks, kicks + 1);
  EXPECT_TRUE(rig.reaches(0, mapping->iova));
  EXPECT_EQ(rig.guest.driver->in_flight(), 1u);
  rig.guest.device.poll();
  EXPECT_FALSE(rig.reaches(0, mapping->iova));
}

TEST(Async, TheAddressComesBackWithTheAnswerAndNoSooner) {
  StrategyRig rig(slow());
  const auto buffer = rig.buffer(kPage);
  const auto first = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  rig.guest.device.set_poll_by_itself(false);
  rig.strategy->unmap(*first, 0);
  rig.advance(1'000'000'000);
  rig.guest.device.set_poll_by_itself(true);
  const auto second = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  EXPECT_NE(second->iova, first->iova);  // Allocated before the answer.
  rig.guest.device.set_poll_by_itself(false);
  rig.strategy->unmap(*second, 0);
  rig.guest.device.poll();
  rig.advance(1000);  // Looks at the used ring.
  rig.guest.device.set_poll_by_itself(true);
  EXPECT_EQ(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->iova, second->iova);
}

TEST(Async, WithTooManyOutstandingTheNextWaitsForAll) {
  StrategyRig rig(slow(3));
  const auto buffer = rig.buffer(kPage);
  std::vector<DmaMapping> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(*rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0));
  }
  const auto syncs = rig.guest.counters.syncs;
  rig.guest.device.set_poll_by_itself(false);
  for (int i = 0; i < 3; ++i) rig.strategy->unmap(all[std::size_t(i)], 0);
  EXPECT_EQ(rig.guest.counters.syncs, syncs);
  rig.guest.device.set_poll_by_itself(true);
  rig.strategy->unmap(all[3], 0);
  for (const auto& mapping : all) EXPECT_FALSE(rig.reaches(0, mapping.iova));
  EXPECT_EQ(rig.guest.driver->in_flight(), 0u);
}

TEST(Async, ABrokenDeviceMakesMapsFailAndFreesNothing) {
  StrategyRig rig(slow(1));
  const auto buffer = rig.buffer(kPage);
  const auto a = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  rig.guest.device.stop();
  rig.strategy->unmap(*a, 0);
  EXPECT_FALSE(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0));
  EXPECT_FALSE(rig.guest.driver->health());
  rig.strategy->drain();
  EXPECT_TRUE(rig.reaches(0, a->iova));
}

}  // namespace
}  // namespace violet::async_test
