#include <gtest/gtest.h>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet::lazy_global_test {
namespace {

constexpr std::uint32_t kPage = 4096;

TEST(LazyGlobal, TheListIsOfAllDomainsAndCpusAndTheNextOneFlushesIt) {
  StrategyRig rig(
      {.strategy = "lazy-global", .settings = {{"entries", std::int64_t{3}}}, .cpus = 2});
  const auto buffer = rig.buffer(kPage);
  const auto a = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  const auto b = rig.strategy->map(1, buffer, DmaDirection::kToDevice, 1);
  const auto c = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 1);
  const auto d = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  const auto syncs = rig.guest.counters.syncs;
  rig.strategy->unmap(*a, 0);
  rig.strategy->unmap(*b, 1);
  rig.strategy->unmap(*c, 1);
  EXPECT_EQ(rig.guest.counters.syncs, syncs);
  EXPECT_TRUE(rig.reaches(0, a->iova));  // A device that is not kicked has not seen it.
  rig.strategy->unmap(*d, 0);
  EXPECT_EQ(rig.guest.counters.flushes, 1u);
  for (const auto& mapping : {a, c, d}) EXPECT_FALSE(rig.reaches(0, mapping->iova));
  EXPECT_FALSE(rig.reaches(1, b->iova));
  // The last one waits for the next flush; the first is free.
  EXPECT_EQ(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->iova, a->iova);
}

TEST(LazyGlobal, TheTimerRunsFromTheFirst) {
  StrategyRig rig({.strategy = "lazy-global"});
  const auto buffer = rig.buffer(kPage);
  const auto a = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  const auto b = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  rig.strategy->unmap(*a, 0);
  rig.advance(9'000'000);
  rig.strategy->unmap(*b, 0);
  EXPECT_EQ(rig.guest.counters.flushes, 0u);
  rig.advance(1'100'000);
  EXPECT_EQ(rig.guest.counters.flushes, 1u);
  EXPECT_FALSE(rig.reaches(0, b->iova));
  rig.advance(1'000'000'000);
  EXPECT_EQ(rig.guest.counters.flushes, 1u);
}

TEST(LazyGlobal, WhatIsParkedIsFreedBeforeAMapFailsForWantOfAddresses) {
  RigOptions options{.strategy = "lazy-global"};
  options.guest.device.input_range =
      IovaRange::of(0, 4 * kPage);  // Three: the first is never used.
  StrategyRig rig(options);
  const auto buffer = rig.buffer(kPage);
  for (int i = 0; i < 10; ++i) {
    const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
    ASSERT_TRUE(mapping);
    rig.strategy->unmap(*mapping, 0);
  }
}

TEST(LazyGlobal, ABrokenDeviceFreesNothing) {
  StrategyRig rig({.strategy = "lazy-global", .settings = {{"entries", std::int64_t{1}}}});
  const auto buffer = rig.buffer(kPage);
  const auto a = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  const auto b = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  rig.guest.device.stop();
  rig.strategy->unmap(*a, 0);
  rig.strategy->unmap(*b, 0);  // Flushes, in vain.
  EXPECT_FALSE(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0));
  EXPECT_TRUE(rig.reaches(0, a->iova));
}

}  // namespace
}  // namespace violet::lazy_global_test
