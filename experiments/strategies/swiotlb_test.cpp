#include <gtest/gtest.h>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet::swiotlb_test {
namespace {

constexpr std::uint32_t kPage = 4096;

RigOptions small(const char* when_full = "fail") {
  return {.strategy = "swiotlb",
          .settings = {{"pool_kib", std::int64_t{256}}, {"when_full", std::string(when_full)}}};
}

TEST(Swiotlb, ItsPoolIsMappedAtTheStartAndNothingIsSentAfterwards) {
  StrategyRig rig({.strategy = "swiotlb"});
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), std::uint64_t{16} << 20);  // A quarter of 64 MiB.
  const auto buffer = rig.buffer(100, 0x123);
  std::memset(rig.bytes(buffer).data(), 7, 100);
  const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kBidirectional, 0);
  EXPECT_EQ(mapping->iova.value % kPage, 0x123u);
  std::vector<std::byte> seen(100);
  ASSERT_TRUE(rig.device_read(0, mapping->iova, seen));
  EXPECT_EQ(seen[99], std::byte{7});
  ASSERT_TRUE(rig.device_write(0, mapping->iova, std::vector<std::byte>(100, std::byte{9})));
  EXPECT_EQ(rig.bytes(buffer)[0], std::byte{7});
  rig.strategy->sync_for_cpu(*mapping);
  EXPECT_EQ(rig.bytes(buffer)[0], std::byte{9});
  rig.strategy->unmap(*mapping, 0);
  EXPECT_EQ(rig.guest.counters.map_requests + rig.guest.counters.unmap_requests, 0u);
  EXPECT_EQ(rig.guest.counters.bytes_copied, 300u);
}

TEST(Swiotlb, WhatTheDeviceLeavesAloneIsTheBuffersOwn) {
  StrategyRig rig(small());
  const auto secret = rig.buffer(kPage), buffer = rig.buffer(kPage);
  std::memset(rig.bytes(secret).data(), 0x55, kPage);
  const auto filled = [&] {
    for (int i = 0; i < 64; ++i) {  // All slots once.
      rig.strategy->unmap(*rig.strategy->map(0, secret, DmaDirection::kToDevice, 0), 0);
    }
  };
  filled();
  std::memset(rig.bytes(buffer).data(), 1, kPage);
  const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kFromDevice, 0);
  rig.strategy->unmap(*mapping, 0);
  EXPECT_EQ(rig.bytes(buffer)[100], std::byte{1});
}

TEST(Swiotlb, AFullPoolMakesMapsFailAndAFreedSlotServesAgain) {
  StrategyRig rig(small());
  std::vector<DmaMapping> all;
  for (int i = 0; i < 64; ++i) {
    const auto mapping = rig.strategy->map(0, rig.buffer(kPage), DmaDirection::kToDevice, 0);
    ASSERT_TRUE(mapping) << i;
    for (const auto& other : all) ASSERT_NE(other.iova, mapping->iova);
    all.push_back(*mapping);
  }
  const auto late = rig.buffer(kPage);
  EXPECT_FALSE(rig.strategy->map(0, late, DmaDirection::kToDevice, 0));
  EXPECT_EQ(rig.guest.counters.map_failures, 1u);
  rig.strategy->unmap(all[40], 0);
  const auto mapping = rig.strategy->map(1, late, DmaDirection::kToDevice, 0);
  ASSERT_TRUE(mapping);
  EXPECT_EQ(mapping->iova, all[40].iova);  // Both domains have the pool at their first address.
  EXPECT_EQ(rig.guest.counters.bounce_fallbacks, 0u);
}

TEST(Swiotlb, ToldToItMapsWhenFull) {
  StrategyRig rig(small("strict"));
  for (int i = 0; i < 64; ++i) {
    ASSERT_TRUE(rig.strategy->map(0, rig.buffer(kPage), DmaDirection::kToDevice, 0)->persistent);
  }
  const auto mapping = rig.strategy->map(0, rig.buffer(kPage), DmaDirection::kToDevice, 0);
  EXPECT_FALSE(mapping->persistent);
  EXPECT_EQ(rig.guest.counters.bounce_fallbacks, 1u);
  rig.strategy->unmap(*mapping, 0);
  EXPECT_FALSE(rig.reaches(0, mapping->iova));
}

// Two halves of a page have slots of their own; a run crosses no segment.
TEST(Swiotlb, RunsOfSlotsStayInTheirSegment) {
  RigOptions options = small();
  options.settings[0].second = std::int64_t{512};
  StrategyRig rig(options);
  const auto half = rig.strategy->map(0, rig.buffer(2048), DmaDirection::kToDevice, 0);
  const auto other = rig.strategy->map(0, rig.buffer(2048, 2048), DmaDirection::kToDevice, 0);
  EXPECT_EQ(other->iova.value, half->iova.value + 2048);
  // 127 slots do not fit behind these two, so they come from the second segment.
  const auto large = rig.strategy->map(0, rig.buffer(127 * 2048), DmaDirection::kToDevice, 0);
  ASSERT_TRUE(large);
  EXPECT_EQ(large->iova.value, half->iova.value + 128 * 2048);
  EXPECT_FALSE(rig.strategy->map(0, rig.buffer(127 * 2048), DmaDirection::kToDevice, 0));
  rig.strategy->unmap(*half, 0);
  rig.strategy->unmap(*other, 0);
  EXPECT_TRUE(rig.strategy->map(0, rig.buffer(128 * 2048), DmaDirection::kToDevice, 0));
  // More than a segment is no buffer for swiotlb.
  EXPECT_FALSE(
      rig.strategy->map(0, rig.buffer(129 * 2048), DmaDirection::kToDevice, 0)->persistent);
}

TEST(Swiotlb, AListThatDoesNotFitLeavesNothingTaken) {
  StrategyRig rig(small());
  std::vector<DmaBuffer> list(65, rig.buffer(kPage));
  std::vector<DmaMapping> out(65);
  EXPECT_FALSE(rig.strategy->map_list(0, list, DmaDirection::kToDevice, 0, out));
  list.pop_back();
  out.pop_back();
  EXPECT_TRUE(rig.strategy->map_list(0, list, DmaDirection::kToDevice, 0, out));
}

// Though its first buffers had slots for a moment: none of them is of the pool when it is mapped.
TEST(Swiotlb, AListThatDoesNotFitIsMappedAndUnmappedAsAWhole) {
  StrategyRig rig(small("strict"));
  std::vector<DmaBuffer> list;
  for (int i = 0; i < 65; ++i) list.push_back(rig.buffer(kPage));
  for (const DmaBuffer& buffer : list) std::memset(rig.bytes(buffer).data(), 1, kPage);
  std::vector<DmaMapping> out(65);
  ASSERT_TRUE(rig.strategy->map_list(0, list, DmaDirection::kFromDevice, 0, out));
  EXPECT_EQ(rig.guest.counters.bounce_fallbacks, 1u);
  for (const DmaMapping& mapping : out) {
    ASSERT_FALSE(mapping.persistent);
    ASSERT_EQ(mapping.granted, Permissions::kWrite);
    rig.strategy->sync_for_device(mapping);
    rig.strategy->sync_for_cpu(mapping);
    ASSERT_TRUE(rig.device_write(0, mapping.iova, std::vector<std::byte>(kPage, std::byte{2})));
  }
  rig.strategy->unmap_list(out, 0);
  for (const DmaMapping& mapping : out) {
    ASSERT_FALSE(rig.reaches(0, mapping.iova));
    ASSERT_EQ(rig.bytes(mapping.buffer)[kPage - 1], std::byte{2});
  }
  EXPECT_EQ(rig.guest.counters.bytes_copied, 0u);
  EXPECT_GT(rig.requests(protocol::Type::kUnmap), 0u);
  // And all slots are free.
  list.pop_back();
  out.assign(64, {});
  ASSERT_TRUE(rig.strategy->map_list(0, list, DmaDirection::kToDevice, 0, out));
  for (const DmaMapping& mapping : out) EXPECT_TRUE(mapping.persistent);
}

}  // namespace
}  // namespace violet::swiotlb_test
