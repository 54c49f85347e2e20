#include "experiments/guest/guest_pages.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "engine/base/rng.hpp"

namespace violet::guest_pages_test {
namespace {

constexpr std::uint64_t kPage = GuestPages::kPageBytes;

struct Memory {
  explicit Memory(std::initializer_list<std::pair<std::uint64_t, std::uint64_t>> regions) {
    for (const auto& [start, bytes] : regions) {
      EXPECT_TRUE(memory.allocate({start}, bytes, GuestMemory::Backing::kAnonymous).has_value());
    }
  }
  GuestMemory memory;
};

TEST(GuestPages, FreshMemoryIsHandedOutInAscendingOrder) {
  Memory m({{0, 64 * kPage}});
  GuestPages pages(m.memory);
  for (std::uint64_t i = 0; i < 64; ++i) EXPECT_EQ(pages.allocate()->value, i * kPage);
  EXPECT_FALSE(pages.allocate().has_value());
}

TEST(GuestPages, LastFreedIsNextAllocated) {
  Memory m({{0, 64 * kPage}});
  GuestPages pages(m.memory);
  const auto a = *pages.allocate();
  const auto b = *pages.allocate();
  pages.free(a);
  pages.free(b);
  EXPECT_EQ(*pages.allocate(), b);
  EXPECT_EQ(*pages.allocate(), a);
}

TEST(GuestPages, RunsGiveTheirTailBack) {
  Memory m({{0, 64 * kPage}});
  GuestPages pages(m.memory);
  const auto run = *pages.allocate_run(5);
  EXPECT_EQ(pages.free_pages(), 59u);
  pages.free_run(run, 5);
  EXPECT_EQ(pages.free_pages(), 64u);
  EXPECT_TRUE(pages.allocate(6).has_value());  // Everything merged back into one block.
}

TEST(GuestPages, BlocksDoNotMergeAcrossRegions) {
  Memory m({{0, 4 * kPage}, {4 * kPage, 4 * kPage}});
  GuestPages pages(m.memory);
  EXPECT_FALSE(pages.allocate(3).has_value());
  EXPECT_TRUE(pages.allocate(2).has_value());
  EXPECT_TRUE(pages.allocate(2).has_value());
}

TEST(GuestPages, UnalignedRegionLosesItsEdges) {
  GuestMemory memory;
  std::vector<std::byte> bytes(10 * kPage);
  ASSERT_TRUE(memory.add_region({{100}, 5 * kPage, bytes.data()}).has_value());
  GuestPages pages(memory);
  EXPECT_EQ(pages.total_pages(), 4u);
  EXPECT_EQ(pages.allocate()->value, kPage);
}

TEST(GuestPages, DoubleFreeStops) {
  Memory m({{0, 64 * kPage}});
  GuestPages pages(m.memory);
  const auto page = *pages.allocate();
  pages.free(page);
  EXPECT_DEATH(pages.free(page), "check failed");
}

TEST(GuestPages, WriteAfterFreeIsCounted) {
  Memory m({{0, 64 * kPage}});
  GuestPages pages(m.memory, {.poison = true});
  const auto page = *pages.allocate();
  pages.free(page);
  EXPECT_EQ(*pages.allocate(), page);
  EXPECT_EQ(pages.poison_violations(), 0u);
  pages.free(page);
  *pages.host({page.value + 4095}, 1) = std::byte{1};
  EXPECT_EQ(*pages.allocate(), page);
  EXPECT_EQ(pages.poison_violations(), 1u);
}

TEST(GuestPages, RandomHistoriesNeverOverlapAndNeverLeak) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    Memory m({{0, 100 * kPage}, {1 << 20, 333 * kPage}});
    GuestPages pages(m.memory, {.poison = true});
    std::map<std::uint64_t, std::uint64_t> live;  // First address, pages.
    std::uint64_t used = 0;
    for (int step = 0; step < 3000; ++step) {
      if (rng.chance(0.55)) {
        const std::uint64_t count = rng.chance(0.6) ? 1 : 1 + rng.below(40);
        const auto run = pages.allocate_run(count);
        if (!run) continue;
        const std::uint64_t first = run->value / kPage;
        auto next = live.lower_bound(first);
        ASSERT_TRUE(next == live.end() || first + count <= next->first);
        ASSERT_TRUE(next == live.begin() ||
                    std::prev(next)->first + std::prev(next)->second <= first);
        ASSERT_NE(pages.host(*run, count * kPage), nullptr);
        std::memset(pages.host(*run, count * kPage), 0xaa, count * kPage);
        live[first] = count;
        used += count;
      } else if (!live.empty()) {
        auto victim = std::next(live.begin(), long(rng.below(live.size())));
        pages.free_run({victim->first * kPage}, victim->second);
        used -= victim->second;
        live.erase(victim);
      }
      ASSERT_EQ(pages.free_pages(), pages.total_pages() - used);
    }
    for (const auto& [first, count] : live) pages.free_run({first * kPage}, count);
    EXPECT_EQ(pages.free_pages(), 433u);
    EXPECT_EQ(pages.poison_violations(), 0u);
  }
}

}  // namespace
}  // namespace violet::guest_pages_test
