#include <gtest/gtest.h>

#include <set>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet::contiguous_test {
namespace {

using protocol::Type;

constexpr std::uint32_t kPage = 4096;
constexpr std::uint64_t kChunk = 64 * kPage;

TEST(Contiguous, SixtyFourPagesShareAChunk) {
  StrategyRig rig({.strategy = "contiguous"});
  std::vector<DmaMapping> all;
  std::set<std::uint64_t> chunks;
  for (std::uint64_t i = 0; i < 130; ++i) {
    const DmaBuffer buffer{{0x800000 + i * 2 * kPage}, kPage};
    all.push_back(*rig.strategy->map(0, buffer, DmaDirection::kFromDevice, 0));
    chunks.insert(all.back().iova.value / kChunk);
  }
  EXPECT_EQ(chunks.size(), 3u);
  EXPECT_EQ(rig.guest.counters.iova_allocations, 3u);
  EXPECT_EQ(rig.requests(Type::kMap), 130u);  // Of a page each.
  // Unmapped in another order; a chunk comes back when all of it is.
  for (std::size_t i = 0; i < 64; i += 2) rig.strategy->unmap(all[i], 0);
  for (std::size_t i = 1; i < 64; i += 2) rig.strategy->unmap(all[i], 0);
  for (std::size_t i = 0; i < 64; ++i) EXPECT_FALSE(rig.reaches(0, all[i].iova));
  EXPECT_TRUE(rig.reaches(0, all[64].iova));
  for (std::size_t i = 64; i < 130; ++i) rig.strategy->unmap(all[i], 0);
  EXPECT_EQ(rig.guest.device.mappings({1}), 0u);
  EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
}

TEST(Contiguous, NoPageOfAChunkIsUsedTwiceBeforeItIsUsedUp) {
  StrategyRig rig({.strategy = "contiguous"});
  const auto buffer = rig.buffer(kPage);
  std::set<std::uint64_t> used;
  for (int i = 0; i < 64; ++i) {
    const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
    EXPECT_TRUE(used.insert(mapping->iova.value).second);
    rig.strategy->unmap(*mapping, 0);
  }
  EXPECT_EQ(rig.guest.counters.iova_allocations, 1u);
  // The used-up chunk is the first that comes back.
  const auto next = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  EXPECT_EQ(used.count(next->iova.value), 1u);
  EXPECT_EQ(rig.guest.counters.iova_allocations, 2u);
}

TEST(Contiguous, AListIsOneUnmap) {
  StrategyRig rig({.strategy = "contiguous"});
  std::vector<DmaBuffer> list;
  for (std::uint64_t i = 0; i < 7; ++i) list.push_back({{0x800000 + i * 0x10000}, kPage});
  std::vector<DmaMapping> out(7);
  ASSERT_TRUE(rig.strategy->map_list(0, list, DmaDirection::kToDevice, 0, out));
  const auto syncs = rig.guest.counters.syncs;
  rig.strategy->unmap_list(out, 0);
  EXPECT_EQ(rig.requests(Type::kUnmap), 1u);
  EXPECT_EQ(rig.guest.counters.syncs, syncs + 1);
  EXPECT_FALSE(rig.reaches(0, out[3].iova));
}

TEST(Contiguous, CpusAndDomainsHaveTheirOwnChunksAndLargeBuffersNone) {
  StrategyRig rig({.strategy = "contiguous", .cpus = 2});
  const auto buffer = rig.buffer(kPage), large = rig.buffer(65 * kPage);
  const auto a = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  const auto b = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 1);
  EXPECT_NE(a->iova.value / kChunk, b->iova.value / kChunk);
  ASSERT_TRUE(rig.strategy->map(1, buffer, DmaDirection::kToDevice, 0));
  const auto c = rig.strategy->map(0, large, DmaDirection::kToDevice, 0);
  ASSERT_TRUE(c);
  rig.strategy->unmap(*c, 1);
  EXPECT_FALSE(rig.reaches(0, c->iova));
  EXPECT_TRUE(rig.reaches(0, a->iova));
  // Freed on another CPU, a page goes back to its chunk.
  rig.strategy->unmap(*a, 1);
  rig.strategy->unmap(*b, 0);
  EXPECT_EQ(rig.guest.device.mappings({1}), 0u);
}

TEST(Contiguous, ABrokenDeviceMakesMapsFailAndFreesNothing) {
  StrategyRig rig({.strategy = "contiguous", .settings = {{"chunk_pages", std::int64_t{2}}}});
  const auto buffer = rig.buffer(kPage);
  const auto a = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  rig.guest.device.stop();
  rig.strategy->unmap(*a, 0);
  EXPECT_FALSE(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0));
  EXPECT_TRUE(rig.reaches(0, a->iova));
}

}  // namespace
}  // namespace violet::contiguous_test
