// What only the radix table promises: large entries, few nodes, reuse after a grace period, bounds.
#include "engine/store/radix_store.hpp"

#include <gtest/gtest.h>

#include "engine/store/store_fixture.hpp"

namespace violet {
namespace {

struct Fixture : StoreFixture {
  explicit Fixture(const StoreConfig& config = {}, std::size_t budget_bytes = kBudget)
      : StoreFixture(tested_store("radix"), config, budget_bytes) {}
};
constexpr std::size_t kNode = radix::kNodeCharge;

std::size_t nodes(const Fixture& fixture) { return fixture.store.resident_bytes() / kNode; }

TEST(RadixStore, AlignedTwoMebibytesAreOneEntryWhereverTheyGo) {
  Fixture fixture;
  ASSERT_EQ(fixture.map(512, 1023, 7), MapStatus::kOk);  // Physical page 7: not aligned to 2 MiB.
  EXPECT_EQ(fixture.store.translate(fixture.iova(600))->extent, fixture.range(512, 1023));
  EXPECT_EQ(fixture.phys_granule(600), 95u);
  EXPECT_EQ(nodes(fixture), 2u);
}

TEST(RadixStore, TheWholeSpaceTakesOneNode) {
  Fixture fixture;
  ASSERT_EQ(fixture.map_bytes(IovaRange::all(), 0), MapStatus::kOk);
  EXPECT_EQ(nodes(fixture), 1u);
}

TEST(RadixStore, TheSpaceWithoutItsEdgesTakesOnePathToEach) {
  Fixture fixture;
  ASSERT_EQ(fixture.map(1, (std::uint64_t{1} << 52) - 2, 0), MapStatus::kOk);
  EXPECT_EQ(nodes(fixture), 1u + 2u * radix::kMaxLevel);
}

TEST(RadixStore, AMillionDensePagesTakeAtMostNineBytesEach) {
  constexpr std::uint64_t kPages = std::uint64_t{1} << 20;
  Fixture fixture;
  for (std::uint64_t i = 0; i < kPages; ++i) ASSERT_EQ(fixture.map(i, i, i), MapStatus::kOk);
  EXPECT_LE(fixture.store.resident_bytes(), 9 * kPages);
}

TEST(RadixStore, TheTableIsAsHighAsItsMappingsNeed) {
  Fixture fixture;
  ASSERT_EQ(fixture.map(0, 0, 1), MapStatus::kOk);
  EXPECT_EQ(nodes(fixture), 3u);
  const std::uint64_t top = (std::uint64_t{1} << 52) - 1;
  ASSERT_EQ(fixture.map(top, top, 2), MapStatus::kOk);
  EXPECT_EQ(nodes(fixture), 3u + 3u + 5u);
  EXPECT_EQ(fixture.phys_granule(0), 1u);
  ASSERT_EQ(fixture.unmap(top, top), UnmapStatus::kDone);
  // Push the emptied node out of those that linger: the path to the top goes, then the extra roots.
  for (std::uint64_t i = 1; i <= RadixStore::kLingering; ++i) {
    ASSERT_EQ(fixture.map(i * 512, i * 512, 3), MapStatus::kOk);
    ASSERT_EQ(fixture.unmap(i * 512, i * 512), UnmapStatus::kDone);
  }
  fixture.reclaim_all();
  EXPECT_LE(nodes(fixture), 3u + RadixStore::kLingering + radix::NodePool::kMaxSpare);
  EXPECT_EQ(fixture.phys_granule(0), 1u);
  EXPECT_EQ(fixture.phys_granule(top), std::nullopt);
}

// A root that gave way keeps its pointer to the new root; as a new node it must not.
TEST(RadixStore, AFormerRootIsEmptyWhenItIsUsedAgain) {
  Fixture fixture;
  ASSERT_EQ(fixture.map(0, 0, 1), MapStatus::kOk);
  const std::uint64_t top = (std::uint64_t{1} << 52) - 1;
  ASSERT_EQ(fixture.map(top, top, 2), MapStatus::kOk);
  ASSERT_EQ(fixture.unmap(top, top), UnmapStatus::kDone);
  for (std::uint64_t i = 1; i <= RadixStore::kLingering; ++i) {  // The high roots go.
    ASSERT_EQ(fixture.map(i * 512, i * 512, 3), MapStatus::kOk);
    ASSERT_EQ(fixture.unmap(i * 512, i * 512), UnmapStatus::kDone);
  }
  fixture.reclaim_all();
  for (std::uint64_t i = 1; i <= 20; ++i) {
    ASSERT_EQ(fixture.map(i * 512 + 1, i * 512 + 1, i), MapStatus::kOk);
  }
  for (std::uint64_t i = 1; i <= 20; ++i) {
    EXPECT_EQ(fixture.phys_granule(i * 512), std::nullopt);
    EXPECT_EQ(fixture.phys_granule(i * 512 + 1), i);
  }
}

// A reader that is online may still be in the old node, so nothing may be handed out or freed.
TEST(RadixStore, C6_NodesAreReusedOnlyAfterAGracePeriod) {
  Fixture fixture;
  const ReaderId reader = fixture.quiescence.add_reader("nic").value();
  for (std::uint64_t i = 0; i < 100; ++i)
    ASSERT_EQ(fixture.map(i * 512, i * 512, i), MapStatus::kOk);
  const std::size_t full = fixture.store.resident_bytes();
  fixture.quiescence.online(reader);
  ASSERT_EQ(fixture.unmap_bytes(IovaRange::all()), UnmapStatus::kDone);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(fixture.store.reclaim(1000));
  EXPECT_EQ(fixture.store.resident_bytes(), full);
  // New nodes have to come from the system although a hundred are waiting.
  for (std::uint64_t i = 200; i < 300; ++i)
    ASSERT_EQ(fixture.map(i * 512, i * 512, i), MapStatus::kOk);
  EXPECT_GE(fixture.store.resident_bytes(), full + 90 * kNode);
  fixture.quiescence.quiescent(reader);
  fixture.reclaim_all();
  EXPECT_LE(fixture.store.resident_bytes(), full + RadixStore::kIdleBytes);
  fixture.quiescence.offline(reader);
}

// Of addresses that are mapped, not mapped, behind a large entry, outside the table.
TEST(RadixStore, PrefetchOfAnythingChangesNothing) {
  Fixture fixture;
  fixture.store.prefetch({0});
  ASSERT_EQ(fixture.map(5, 5, 9), MapStatus::kOk);
  ASSERT_EQ(fixture.map(1024, 2047, 9), MapStatus::kOk);
  const std::size_t resident = fixture.store.resident_bytes();
  for (unsigned bit = 0; bit < 64; ++bit) fixture.store.prefetch({std::uint64_t{1} << bit});
  fixture.store.prefetch(fixture.iova(5));
  EXPECT_EQ(fixture.phys_granule(5), 9u);
  EXPECT_EQ(fixture.store.resident_bytes(), resident);
  EXPECT_EQ(fixture.store.mapping_count(), 2u);
}

TEST(RadixStore, ReclaimIsSliced) {
  Fixture fixture;
  for (std::uint64_t i = 0; i < 100; ++i)
    ASSERT_EQ(fixture.map(i * 512, i * 512, i), MapStatus::kOk);
  ASSERT_EQ(fixture.unmap_bytes(IovaRange::all()), UnmapStatus::kDone);
  const std::size_t before = nodes(fixture);
  EXPECT_FALSE(fixture.store.reclaim(10));
  EXPECT_GE(nodes(fixture), before - 10);
  fixture.reclaim_all();
  EXPECT_LE(fixture.store.resident_bytes(), RadixStore::kIdleBytes);
}

// Radix.3: the strict strategy's single mapping that comes and goes moves no node, whatever readers do.
TEST(RadixStore, AMappingThatComesAndGoesKeepsItsNode) {
  Fixture fixture;
  const ReaderId reader = fixture.quiescence.add_reader("nic").value();
  fixture.quiescence.online(reader);
  ASSERT_EQ(fixture.map(99, 99, 1), MapStatus::kOk);
  const std::size_t resident = fixture.store.resident_bytes();
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    ASSERT_EQ(fixture.unmap(99, 99), UnmapStatus::kDone);
    ASSERT_EQ(fixture.map(99, 99, i), MapStatus::kOk);
    ASSERT_TRUE(fixture.store.reclaim(1));
    ASSERT_EQ(fixture.store.resident_bytes(), resident);
  }
}

// A guest that links and unlinks nodes under a reader that never quiesces meets its budget.
TEST(RadixStore, NodesThatWaitForAStuckReaderAreWithinTheBudget) {
  constexpr std::size_t kBudget = 100 * kNode;
  Fixture fixture({}, kBudget);
  const ReaderId reader = fixture.quiescence.add_reader("stuck").value();
  fixture.quiescence.online(reader);
  int refused = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const std::uint64_t far = i << 30;
    const MapStatus status = fixture.map(far, far, i);
    ASSERT_LE(fixture.budget.used(), kBudget);
    if (status == MapStatus::kNoMemory) {
      ++refused;
    } else {
      ASSERT_EQ(fixture.unmap(far, far), UnmapStatus::kDone);
    }
    fixture.store.reclaim(10);
  }
  EXPECT_GT(refused, 900);
  fixture.quiescence.offline(reader);
  EXPECT_EQ(fixture.map(5, 5, 5), MapStatus::kOk);
}

// Empty nodes that linger do not make a map fail that would fit without them.
TEST(RadixStore, LingeringNodesMakeRoom) {
  Fixture fixture({}, 3 * kNode);
  for (std::uint64_t i = 0; i < 50; ++i) {
    ASSERT_EQ(fixture.map(i * 100'000, i * 100'000, i), MapStatus::kOk) << i;
    ASSERT_EQ(fixture.phys_granule(i * 100'000), i);
    ASSERT_EQ(fixture.unmap(i * 100'000, i * 100'000), UnmapStatus::kDone);
  }
}

// Store.7: large mappings cost more than their number says, and the slice takes that into account.
TEST(RadixStore, LargeMappingsShortenTheSlice) {
  Fixture fixture;
  constexpr std::uint64_t kMappings = 64;
  for (std::uint64_t i = 0; i < kMappings; ++i) {
    ASSERT_EQ(fixture.map(i * 512, i * 512 + 510, i), MapStatus::kOk);
  }
  UnmapCursor cursor;
  ASSERT_EQ(fixture.store.unmap(IovaRange::all(), cursor, 16), UnmapStatus::kMore);
  EXPECT_LE(cursor.removed, 4u);
  EXPECT_GE(cursor.removed, 1u);
}

}  // namespace
}  // namespace violet
