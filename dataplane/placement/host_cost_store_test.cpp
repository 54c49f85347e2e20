#include "dataplane/placement/host_cost_store.hpp"

#include <gtest/gtest.h>

#include "engine/store/store_fixture.hpp"
#include "engine/store/stores.hpp"

namespace violet::host_cost_store_test {
namespace {

constexpr std::uint64_t kMapNs = 20'000, kUnmapNs = 50'000;

struct Rig {
  explicit Rig(const Deadline* until = nullptr) {
    costs.map = ns_to_ticks(kMapNs);
    costs.unmap = ns_to_ticks(kUnmapNs);
    costs.until = until;
    store =
        with_host_costs(tested_store("radix").make, costs)({}, fixture.quiescence, fixture.budget);
  }
  MapStatus map(std::uint64_t granule) {
    const IovaRange range = fixture.range(granule, granule);
    EXPECT_TRUE(store->try_begin_update());
    const auto status = store->map({range, {granule << 12}, Permissions::kReadWrite});
    store->end_update();
    return status;
  }
  UnmapStatus unmap(std::uint64_t first, std::uint64_t last, UnmapCursor& cursor,
                    std::uint32_t most = 64) {
    EXPECT_TRUE(store->try_begin_update());
    const auto status = store->unmap(fixture.range(first, last), cursor, most);
    store->end_update();
    return status;
  }

  StoreFixture fixture{tested_store("radix")};
  HostCosts costs;
  std::unique_ptr<DomainStore> store;
};

TEST(HostCostStore, EachMapAndUnmapIsPaidAndCountedByKind) {
  Rig rig;
  EXPECT_EQ(rig.map(1), MapStatus::kOk);
  EXPECT_EQ(rig.map(2), MapStatus::kOk);
  EXPECT_GE(rig.costs.map_spun.value(), ns_to_ticks(2 * kMapNs) - 2);
  EXPECT_EQ(rig.costs.unmap_spun.value(), 0u);
  EXPECT_TRUE(rig.store->translate(rig.fixture.iova(1)));
  UnmapCursor cursor;
  EXPECT_EQ(rig.unmap(1, 2, cursor), UnmapStatus::kDone);
  EXPECT_GE(rig.costs.unmap_spun.value(), ns_to_ticks(kUnmapNs));
  EXPECT_FALSE(rig.store->translate(rig.fixture.iova(1)));
}

TEST(HostCostStore, WhatChangesNothingCostsNothing) {
  Rig rig;
  ASSERT_EQ(rig.map(1), MapStatus::kOk);
  const std::uint64_t spun = rig.costs.map_spun.value();
  EXPECT_EQ(rig.map(1), MapStatus::kOverlap);
  EXPECT_EQ(rig.costs.map_spun.value(), spun);
  UnmapCursor cursor;
  EXPECT_EQ(rig.unmap(7, 9, cursor), UnmapStatus::kDone);
  EXPECT_EQ(rig.costs.unmap_spun.value(), 0u);
}

TEST(HostCostStore, ASlicedUnmapIsPaidOnce) {
  Rig rig;
  for (std::uint64_t i = 0; i < 8; ++i) ASSERT_EQ(rig.map(i), MapStatus::kOk);
  UnmapCursor cursor;
  UnmapStatus status = UnmapStatus::kMore;
  for (int slices = 0; status == UnmapStatus::kMore && slices < 100; ++slices) {
    EXPECT_EQ(rig.costs.unmap_spun.value(), 0u);
    status = rig.unmap(0, 7, cursor, 2);
  }
  EXPECT_EQ(status, UnmapStatus::kDone);
  EXPECT_EQ(cursor.removed, 8u);
  EXPECT_GE(rig.costs.unmap_spun.value(), ns_to_ticks(kUnmapNs));
}

// An hour would be noticed.
TEST(HostCostStore, BehindTheDeadlineNothingIsSpun) {
  const Deadline passed(nullptr, 0);
  Rig rig(&passed);
  rig.costs.map = ns_to_ticks(3'600'000'000'000);
  EXPECT_EQ(rig.map(1), MapStatus::kOk);
  EXPECT_LT(rig.costs.map_spun.value(), rig.costs.map);
}

}  // namespace
}  // namespace violet::host_cost_store_test
