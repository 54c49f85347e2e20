#include "experiments/guest/iova_allocator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>

#include "engine/base/rng.hpp"
#include "experiments/guest/iova_chunk.hpp"
#include "experiments/guest/iova_free_list.hpp"
#include "experiments/guest/iova_in_order.hpp"
#include "experiments/guest/iova_rcache.hpp"
#include "experiments/guest/iova_tree.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kLimit32 = 0xfffff;  // Last granule below 4 GiB.
constexpr std::uint64_t kLimit48 = (std::uint64_t{1} << 36) - 1;

IovaConfig small_space(std::uint64_t granules, unsigned cpus = 1) {
  return {.aperture = IovaRange::of(0, granules << 12),
          .reserved = {},
          .cpus = cpus,
          .magazine_granules = 4,
          .depot_trim_ns = 1000};
}

TEST(IovaTree, TopDownAndSizeAligned) {
  IovaTree tree{IovaConfig{}};
  EXPECT_EQ(tree.allocate(1, kLimit32, 0, true), 0xfffffu);
  EXPECT_EQ(tree.allocate(1, kLimit32, 0, true), 0xffffeu);
  EXPECT_EQ(tree.allocate(3, kLimit32, 0, true), 0xffff8u);  // Aligned to 4.
  EXPECT_EQ(tree.allocate(1, kLimit32, 0, true), 0xffff7u);  // Below the last one.
  EXPECT_EQ(tree.allocate(1, kLimit48, 0, true), kLimit48);
}

TEST(IovaTree, AfterAFreeTheSearchBeginsAboveIt) {
  IovaTree tree{IovaConfig{}};
  for (int i = 0; i < 4; ++i) tree.allocate(1, kLimit32, 0, true);
  tree.free(0xffffe, 1, 0);
  EXPECT_EQ(tree.allocate(1, kLimit32, 0, true), 0xffffeu);
  EXPECT_EQ(tree.allocate(1, kLimit32, 0, true), 0xffffbu);
}

// A short-lived range at the top sends each search for another one through all that is allocated below it (EiovaR, FAST
// 2015); a free list for each size never searches.
TEST(IovaTree, StepsGrowWithWhatIsAllocatedWhereAShortLivedRangeTakesTheTop) {
  const auto steps_in_a_round = [](IovaAllocator& iovas, std::size_t ring) {
    std::vector<std::uint64_t> live;
    for (std::size_t i = 0; i < ring; ++i) live.push_back(*iovas.allocate(1, kLimit32, 0, true));
    std::uint64_t before = 0;
    for (int round = 0; round < 2; ++round) {  // The first one warms up.
      before = iovas.stats().tree_steps;
      for (auto& pfn : live) {
        iovas.free(pfn, 1, 0);
        const auto brief = *iovas.allocate(1, kLimit32, 0, true);
        pfn = *iovas.allocate(1, kLimit32, 0, true);
        iovas.free(brief, 1, 0);
      }
    }
    return iovas.stats().tree_steps - before;
  };
  IovaTree few{IovaConfig{}}, many{IovaConfig{}};
  EXPECT_GT(steps_in_a_round(few, 16), 16u * 16 / 2);
  EXPECT_GT(steps_in_a_round(many, 256), 256u * 256 / 2);
  IovaFreeList lists{IovaConfig{}};
  EXPECT_EQ(steps_in_a_round(lists, 256), 0u);
}

TEST(IovaTree, SearchStartsOverWhenThePartBelowTheCachedNodeIsFull) {
  IovaTree tree(small_space(8));
  std::vector<std::uint64_t> got;
  while (const auto pfn = tree.allocate(1, 7, 0, true)) got.push_back(*pfn);
  EXPECT_EQ(got, (std::vector<std::uint64_t>{7, 6, 5, 4, 3, 2, 1}));  // Never pfn 0.
  tree.free(6, 1, 0);
  tree.free(2, 1, 0);
  EXPECT_EQ(tree.allocate(1, 7, 0, true), 6u);
  EXPECT_EQ(tree.allocate(1, 7, 0, true), 2u);
  EXPECT_EQ(tree.allocate(1, 7, 0, true), std::nullopt);
}

TEST(IovaTree, ReservedRangesMergeAndAreSkipped) {
  IovaConfig config = small_space(16);
  config.reserved = {IovaRange::of(0xf000, 0x1000), IovaRange::of(0x8000, 0x2000),
                     IovaRange::of(0x9000, 0x5800), IovaRange::of(0xe000, 0x800)};
  IovaTree tree(config);
  for (std::uint64_t expected = 7; expected >= 1; --expected) {
    EXPECT_EQ(tree.allocate(1, 15, 0, true), expected);
  }
  EXPECT_FALSE(tree.allocate(1, 15, 0, true));
}

TEST(IovaTree, FailureUnderALowerLimitDoesNotPoisonLaterRequests) {
  IovaTree tree{IovaConfig{}};
  EXPECT_TRUE(tree.allocate(8, 15, 0, true));
  EXPECT_FALSE(tree.allocate(8, 15, 0, true));
  EXPECT_TRUE(tree.allocate(8, kLimit32, 0, true));
}

TEST(IovaTree, WrongFreeStops) {
  IovaTree tree{IovaConfig{}};
  const auto pfn = *tree.allocate(4, kLimit32, 0, true);
  EXPECT_DEATH(tree.free(pfn, 2, 0), "check failed");
}

TEST(IovaRcache, ReusesTheNewestAndRoundsUp) {
  IovaRcache rcache{IovaConfig{}};
  const auto a = *rcache.allocate(1, kLimit32, 0, true);
  const auto b = *rcache.allocate(1, kLimit32, 0, true);
  rcache.free(a, 1, 0);
  rcache.free(b, 1, 0);
  EXPECT_EQ(*rcache.allocate(1, kLimit32, 0, true), b);
  EXPECT_EQ(*rcache.allocate(1, kLimit32, 0, true), a);
  const auto five = *rcache.allocate(5, kLimit32, 0, true);
  EXPECT_EQ(five % 8, 0u);
  rcache.free(five, 5, 0);
  EXPECT_EQ(*rcache.allocate(8, kLimit32, 0, true), five);
  EXPECT_EQ(rcache.stats().tree_allocations, 3u);
}

TEST(IovaRcache, EachCpuHasItsOwnMagazines) {
  IovaRcache rcache{IovaConfig{.reserved = {}, .cpus = 2}};
  const auto a = *rcache.allocate(1, kLimit32, 0, true);
  rcache.free(a, 1, 1);
  EXPECT_NE(*rcache.allocate(1, kLimit32, 0, true), a);
  EXPECT_EQ(*rcache.allocate(1, kLimit32, 1, true), a);
}

TEST(IovaRcache, MoreThan32GranulesAlwaysHitTheTree) {
  IovaRcache rcache{IovaConfig{}};
  for (int i = 0; i < 3; ++i) rcache.free(*rcache.allocate(33, kLimit32, 0, true), 33, 0);
  EXPECT_EQ(rcache.stats().tree_allocations, 3u);
  for (int i = 0; i < 3; ++i) rcache.free(*rcache.allocate(32, kLimit32, 0, true), 32, 0);
  EXPECT_EQ(rcache.stats().tree_allocations, 4u);
}

TEST(IovaRcache, TwoMagazinesThenTheDepot) {
  IovaRcache rcache{IovaConfig{}};
  std::vector<std::uint64_t> pfns;
  for (int i = 0; i < 255; ++i) pfns.push_back(*rcache.allocate(1, kLimit32, 0, true));
  for (int i = 0; i < 254; ++i) rcache.free(pfns[std::size_t(i)], 1, 0);
  EXPECT_EQ(rcache.depot_magazines(0), 0u);
  rcache.free(pfns[254], 1, 0);  // The 255th finds both magazines of 127 full.
  EXPECT_EQ(rcache.depot_magazines(0), 1u);
  for (int i = 0; i < 255; ++i) rcache.allocate(1, kLimit32, 0, true);
  EXPECT_EQ(rcache.stats().tree_allocations, 255u);
  rcache.allocate(1, kLimit32, 0, true);
  EXPECT_EQ(rcache.stats().tree_allocations, 256u);
}

TEST(IovaRcache, DepotLosesOneMagazineAPeriodWhileLargerThanTheCpus) {
  IovaRcache rcache(small_space(4096));
  std::vector<std::uint64_t> pfns;
  for (int i = 0; i < 6 * 4; ++i) pfns.push_back(*rcache.allocate(1, 4095, 0, true));
  for (const auto pfn : pfns) rcache.free(pfn, 1, 0);
  ASSERT_EQ(rcache.depot_magazines(0), 4u);
  Ticks now = 1;
  const Ticks period = ns_to_ticks(1000) + 1;
  rcache.tick(now);
  EXPECT_EQ(rcache.depot_magazines(0), 4u);
  for (std::size_t left : {3u, 2u, 1u, 1u}) {
    rcache.tick(now += period);
    EXPECT_EQ(rcache.depot_magazines(0), left);
  }
}

TEST(IovaRcache, PopSkipsAddressesAboveTheLimit) {
  IovaRcache rcache{IovaConfig{}};
  const auto high = *rcache.allocate(1, kLimit48, 0, true);
  const auto low = *rcache.allocate(1, kLimit32, 0, true);
  rcache.free(low, 1, 0);
  rcache.free(high, 1, 0);
  EXPECT_EQ(*rcache.allocate(1, kLimit32, 0, true), low);
  EXPECT_EQ(*rcache.allocate(1, kLimit48, 0, true), high);
}

TEST(IovaRcache, LastResortFlushesEveryCpuOnlyWhenAllowed) {
  IovaRcache rcache(small_space(8, 2));
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(rcache.allocate(1, 7, 0, true));
  for (std::uint64_t pfn = 1; pfn < 8; ++pfn) rcache.free(pfn, 1, 0);
  EXPECT_FALSE(rcache.allocate(4, 7, 1, false));
  EXPECT_EQ(rcache.allocate(4, 7, 1, true), 4u);
  EXPECT_EQ(rcache.stats().cache_flushes, 1u);
}

TEST(IovaRcache, ABoundedDepotGivesWhatDoesNotFitToTheTree) {
  IovaConfig config = small_space(4096);
  config.depot_magazines = 2;
  IovaRcache rcache(config);
  std::vector<std::uint64_t> pfns;
  for (int i = 0; i < 4 * 6; ++i) pfns.push_back(*rcache.allocate(1, 4095, 0, true));
  for (const auto pfn : pfns) rcache.free(pfn, 1, 0);
  EXPECT_EQ(rcache.depot_magazines(0), 2u);
  for (Ticks now = 1; now < 100'000'000; now += 1'000'000) rcache.tick(now);
  EXPECT_EQ(rcache.depot_magazines(0), 2u);  // It was not trimmed then.
  // Two magazines of the CPU and two of the depot; the other two went to the tree.
  for (int i = 0; i < 4 * 4; ++i) rcache.allocate(1, 4095, 0, true);
  EXPECT_EQ(rcache.stats().tree_allocations, 24u);
  rcache.allocate(1, 4095, 0, true);
  EXPECT_EQ(rcache.stats().tree_allocations, 25u);
}

TEST(IovaFreeList, ASizeReusesItsOwnAndNeverWalks) {
  IovaFreeList lists{IovaConfig{}};
  const auto three = *lists.allocate(3, kLimit32, 0, true);
  const auto large = *lists.allocate(100, kLimit32, 0, true);
  lists.free(three, 3, 0);
  lists.free(large, 100, 0);
  EXPECT_NE(*lists.allocate(4, kLimit32, 0, true), three);
  EXPECT_EQ(*lists.allocate(100, kLimit32, 0, true), large);
  EXPECT_EQ(*lists.allocate(3, kLimit32, 0, true), three);
  EXPECT_EQ(lists.stats().tree_allocations, 3u);
}

TEST(IovaChunk, AChunkIsUsedUpBeforeAnyOfItComesBack) {
  IovaChunk chunks{IovaConfig{}};
  const auto first = *chunks.allocate(1, kLimit32, 0, true);
  for (int i = 1; i < 64; ++i) {
    const auto pfn = *chunks.allocate(1, kLimit32, 0, true);
    EXPECT_EQ(pfn, first - std::uint64_t(i));
    chunks.free(pfn, 1, 0);
  }
  const auto next = *chunks.allocate(1, kLimit32, 0, true);
  EXPECT_EQ(next, first - 64);  // The first one keeps its chunk.
  chunks.free(first, 1, 0);
  EXPECT_EQ(chunks.stats().tree_allocations, 2u);
  EXPECT_EQ(*chunks.allocate(64, kLimit32, 0, true), first - 63);
}

TEST(IovaRing, AddressesComeInOrderAroundTheAperture) {
  IovaConfig config = small_space(8);
  config.reserved = {IovaRange::of(0x3000, 0x1000)};
  IovaRing ring(config);
  for (const std::uint64_t expected : {1u, 2u, 4u, 5u, 6u, 7u}) {
    EXPECT_EQ(ring.allocate(1, 7, 0, true), expected);
    if (expected != 1) ring.free(expected, 1, 0);
  }
  EXPECT_EQ(ring.allocate(1, 7, 0, true), 2u);
  EXPECT_EQ(ring.allocate(2, 7, 0, true), 4u);  // Aligned.
  EXPECT_EQ(ring.allocate(4, 7, 0, true), std::nullopt);
}

TEST(IovaIdentity, MemoryHasItsOwnAddressWhereItIsFree) {
  IovaConfig config = small_space(64);
  config.reserved = {IovaRange::of(0x5000, 0x1000)};
  IovaIdentity identity(config);
  EXPECT_EQ(identity.allocate_for(7, 3, 63, 0, true), 7u);  // At memory's alignment.
  const auto other = identity.allocate_for(8, 1, 63, 0, true);
  EXPECT_TRUE(other && (*other < 7 || *other > 9));
  EXPECT_NE(identity.allocate_for(4, 2, 63, 0, true), 4u);    // Reserved.
  EXPECT_NE(identity.allocate_for(40, 1, 30, 0, true), 40u);  // Above the limit.
  EXPECT_NE(identity.allocate_for(100, 1, 200, 0, true), 100u);
  identity.free(7, 3, 0);
  EXPECT_EQ(identity.allocate_for(8, 1, 63, 0, true), 8u);
}

TEST(IovaAllocators, UnknownNameListsTheKnownOnes) {
  const auto made = make_iova_allocator("slab", IovaConfig{});
  ASSERT_FALSE(made.has_value());
  EXPECT_NE(made.error().message.find("rcache, rbtree"), std::string::npos);
}

// The plain oracle: which granules are live, as a map.
class Oracle {
 public:
  explicit Oracle(std::vector<bool> blocked) : used_(std::move(blocked)) {}
  bool take(std::uint64_t pfn, std::uint64_t granules) {
    for (auto i = pfn; i < pfn + granules; ++i) {
      if (used_.at(i)) return false;
      used_[i] = true;
    }
    return true;
  }
  void give(std::uint64_t pfn, std::uint64_t granules) {
    for (auto i = pfn; i < pfn + granules; ++i) used_[i] = false;
  }
  bool fits(std::uint64_t granules, std::uint64_t limit) const {
    const std::uint64_t step = std::bit_ceil(granules);
    for (std::uint64_t pfn = 0; pfn + granules - 1 <= limit; pfn += step) {
      std::uint64_t i = pfn;
      while (i < pfn + granules && !used_[i]) ++i;
      if (i == pfn + granules) return true;
    }
    return false;
  }

 private:
  std::vector<bool> used_;
};

struct Live {
  std::uint64_t pfn;
  std::uint64_t granules;
};

class EveryAllocator : public testing::TestWithParam<std::string> {};

constexpr std::uint64_t kSpace = 512;

IovaConfig random_config(Rng& rng) {
  IovaConfig config = small_space(kSpace, 1 + unsigned(rng.below(3)));
  config.reserved = {IovaRange::of(rng.below(kSpace - 20) << 12, 0x3000),
                     IovaRange::of(rng.below(kSpace - 20) << 12, 0x9000)};
  return config;
}

Oracle oracle_for(const IovaConfig& config) {
  std::vector<bool> blocked(kSpace, false);
  blocked[0] = true;
  for (const auto& range : config.reserved) {
    for (auto pfn = range.first.value >> 12; pfn <= range.last.value >> 12; ++pfn) {
      blocked[pfn] = true;
    }
  }
  return Oracle(blocked);
}

TEST_P(EveryAllocator, RandomHistoriesKeepA1ToA3) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const IovaConfig config = random_config(rng);
    Oracle oracle = oracle_for(config);
    auto allocator = *make_iova_allocator(GetParam(), config);
    const bool rounds = GetParam().starts_with("rcache");
    const bool holds_back = GetParam() == "chunk";  // What is left of a chunk, for its CPU.
    std::vector<Live> live;
    Ticks now = 1;
    for (int step = 0; step < 2000; ++step) {
      const auto cpu = unsigned(rng.below(config.cpus));
      allocator->tick(now += rng.below(2000));
      if (rng.chance(0.52)) {
        const std::uint64_t granules = 1 + rng.below(rng.chance(0.8) ? 8 : 50);
        const std::uint64_t limit = rng.chance(0.7) ? kSpace - 1 : rng.below(kSpace);
        const auto pfn = allocator->allocate(granules, limit, cpu, true);
        const std::uint64_t taken = rounds && granules <= 32 ? std::bit_ceil(granules) : granules;
        if (!pfn) {
          // With the caches flushed a failure means that there really is no room.
          ASSERT_FALSE(!holds_back && limit == kSpace - 1 && oracle.fits(taken, limit));
          continue;
        }
        ASSERT_EQ(*pfn % std::bit_ceil(granules), 0u);
        ASSERT_LE(*pfn + granules - 1, limit);
        ASSERT_TRUE(oracle.take(*pfn, taken));
        live.push_back({*pfn, granules});
      } else if (!live.empty()) {
        const auto victim = rng.below(live.size());
        const auto [pfn, granules] = live[victim];
        allocator->free(pfn, granules, cpu);
        oracle.give(pfn, rounds && granules <= 32 ? std::bit_ceil(granules) : granules);
        live[victim] = live.back();
        live.pop_back();
      }
    }
    for (const auto& [pfn, granules] : live) allocator->free(pfn, granules, 0);
    allocator->flush_caches();
    // Nothing leaked: a fresh oracle and the allocator agree on the whole space.
    Oracle fresh = oracle_for(config);
    std::uint64_t pages = 0;
    while (const auto pfn = allocator->allocate(1, kSpace - 1, 0, true)) {
      ASSERT_TRUE(fresh.take(*pfn, 1));
      ++pages;
    }
    EXPECT_FALSE(fresh.fits(1, kSpace - 1)) << pages;
  }
}

INSTANTIATE_TEST_SUITE_P(Iova, EveryAllocator, testing::ValuesIn(iova_allocators().names()),
                         [](const auto& tried) {
                           std::string name = tried.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace violet
