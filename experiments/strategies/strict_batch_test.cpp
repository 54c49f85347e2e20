#include <gtest/gtest.h>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet::strict_batch_test {
namespace {

using protocol::Type;

constexpr std::uint32_t kPage = 4096;

// Apart in memory: each is a MAP of its own.
std::vector<DmaBuffer> scattered(std::size_t count) {
  std::vector<DmaBuffer> buffers;
  for (std::size_t i = 0; i < count; ++i) buffers.push_back({{0x800000 + i * 0x10000}, kPage});
  return buffers;
}

TEST(StrictBatch, AListIsOneUnmapAndOneWait) {
  StrategyRig rig({.strategy = "strict-batch"});
  const auto list = scattered(7);
  std::vector<DmaMapping> out(7);
  ASSERT_TRUE(rig.strategy->map_list(0, list, DmaDirection::kToDevice, 0, out));
  EXPECT_EQ(rig.requests(Type::kMap), 7u);
  const auto syncs = rig.guest.counters.syncs;
  rig.strategy->unmap_list(out, 0);
  EXPECT_EQ(rig.requests(Type::kUnmap), 1u);
  EXPECT_EQ(rig.guest.counters.syncs, syncs + 1);
  EXPECT_EQ(rig.guest.counters.unmaps, 1u);
  for (const auto& mapping : out) EXPECT_FALSE(rig.reaches(0, mapping.iova));
  EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
  // Under strict its seven pages take three UNMAPs: four, two and one.
  StrategyRig strict({.strategy = "strict"});
  ASSERT_TRUE(strict.strategy->map_list(0, list, DmaDirection::kToDevice, 0, out));
  strict.strategy->unmap_list(out, 0);
  EXPECT_GT(strict.requests(Type::kUnmap), 1u);
}

TEST(StrictBatch, NeighboursOfOneCallShareAnUnmapAndOthersDoNot) {
  StrategyRig rig({.strategy = "strict-batch"});
  const auto buffers = scattered(3);
  std::vector<DmaMapping> all;
  for (int i = 0; i < 6; ++i) {
    all.push_back(*rig.strategy->map(0, buffers[0], DmaDirection::kToDevice, 0));
  }
  all.push_back(*rig.strategy->map(1, buffers[1], DmaDirection::kToDevice, 0));
  const DmaMapping stays = all[2];
  all.erase(all.begin() + 2);
  rig.guest.device.clear_log();
  const auto syncs = rig.guest.counters.syncs;
  rig.strategy->unmap_list(all, 0);
  EXPECT_EQ(rig.requests(Type::kUnmap), 3u);  // Two, three, and the other domain's.
  EXPECT_EQ(rig.guest.counters.syncs, syncs + 1);
  EXPECT_TRUE(rig.reaches(0, stays.iova));
  EXPECT_EQ(rig.guest.device.mappings({1}), 1u);
  EXPECT_EQ(rig.guest.device.mappings({2}), 0u);
  EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
}

TEST(StrictBatch, ALongCallWaitsWhenTheGatherIsFull) {
  StrategyRig rig({.strategy = "strict-batch", .settings = {{"gather_pages", std::int64_t{4}}}});
  const auto buffers = scattered(10);
  std::vector<DmaMapping> all;
  for (const auto& buffer : buffers) {
    all.push_back(*rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0));
  }
  const auto syncs = rig.guest.counters.syncs;
  rig.strategy->unmap_list(all, 0);
  EXPECT_EQ(rig.guest.counters.syncs, syncs + 3);
  EXPECT_EQ(rig.guest.device.mappings({1}), 0u);
}

TEST(StrictBatch, ABrokenDeviceFreesNothing) {
  StrategyRig rig({.strategy = "strict-batch"});
  const auto list = scattered(2);
  std::vector<DmaMapping> out(2);
  ASSERT_TRUE(rig.strategy->map_list(0, list, DmaDirection::kToDevice, 0, out));
  rig.guest.device.stop();
  rig.strategy->unmap_list(out, 0);
  EXPECT_FALSE(rig.strategy->map(0, list[0], DmaDirection::kToDevice, 0));
  EXPECT_TRUE(rig.reaches(0, out[0].iova));
}

}  // namespace
}  // namespace violet::strict_batch_test
