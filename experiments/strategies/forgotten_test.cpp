#include <gtest/gtest.h>

#include <set>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet::forgotten_test {
namespace {

constexpr std::uint32_t kPage = 4096;

TEST(Forgotten, AnUnmapSendsNothingAndTheDeviceStillWrites) {
  StrategyRig rig({.strategy = "forgotten"});
  const auto buffer = rig.buffer(kPage);
  const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kFromDevice, 0);
  rig.strategy->unmap(*mapping, 0);
  rig.strategy->drain();
  rig.advance(60'000'000'000);
  EXPECT_EQ(rig.guest.counters.unmap_requests, 0u);
  const std::byte evil{0x66};
  EXPECT_TRUE(rig.device_write(0, mapping->iova, {&evil, 1}));
  EXPECT_EQ(rig.bytes(buffer)[0], evil);
}

TEST(Forgotten, NoAddressComesBackAndBeyondTheMostTheOldestIsUnmapped) {
  StrategyRig rig({.strategy = "forgotten", .settings = {{"most", std::int64_t{100}}}});
  const auto buffer = rig.buffer(kPage);
  std::vector<Iova> used;
  for (int i = 0; i < 100; ++i) {
    const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
    rig.strategy->unmap(*mapping, 0);
    used.push_back(mapping->iova);
  }
  EXPECT_EQ(std::set(used.begin(), used.end()).size(), 100u);
  for (const Iova iova : used) EXPECT_TRUE(rig.reaches(0, iova));
  const auto one_more = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  rig.strategy->unmap(*one_more, 0);
  EXPECT_FALSE(rig.reaches(0, used[0]));
  EXPECT_FALSE(rig.reaches(0, used[63]));
  EXPECT_TRUE(rig.reaches(0, used[64]));
  EXPECT_TRUE(rig.reaches(0, one_more->iova));
  for (int i = 0; i < 1000; ++i) {
    const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
    EXPECT_TRUE(mapping);
    rig.strategy->unmap(*mapping, 0);
  }
  EXPECT_LE(rig.guest.device.mappings({1}), 101u);
  EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
}

}  // namespace
}  // namespace violet::forgotten_test
