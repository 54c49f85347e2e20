#include "engine/iotlb/context_table.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace violet {
namespace {

TEST(ContextTable, OneIdIsCurrentForOneTagAndGeneration) {
  ContextTable table;
  const std::uint32_t first = table.renew({1}, 10).id;
  EXPECT_TRUE(table.of({1}).is({1}, 10));
  EXPECT_FALSE(table.of({1}).is({1}, 11));
  const std::uint32_t second = table.renew({1}, 11).id;
  EXPECT_NE(first, second);
  EXPECT_FALSE(table.live(first));
  EXPECT_TRUE(table.live(second));
}

TEST(ContextTable, TagsThatShareASlotEvictEachOther) {
  ContextTable table;
  const std::uint32_t id = table.renew({1}, 10).id;
  table.renew({1 + ContextTable::kContexts}, 10);
  EXPECT_FALSE(table.live(id));
  EXPECT_FALSE(table.of({1}).is({1}, 10));
}

TEST(ContextTable, TheReservedIdsAreNeverGivenOutNorLive) {
  ContextTable table;
  for (std::uint64_t i = 0; i < 3 * ContextTable::kIds; ++i) {
    const std::uint32_t id = table.renew({static_cast<std::uint32_t>(i * 7)}, i).id;
    ASSERT_NE(id, ContextTable::kFree);
    ASSERT_NE(id, ContextTable::kNever);
  }
  EXPECT_FALSE(table.live(ContextTable::kFree));
  EXPECT_FALSE(table.live(ContextTable::kNever));
}

// With every context in use, and with drops between: never fewer renewals than a full sweep takes.
TEST(ContextTable, AnIdComesBackOnlyAfterAFullSweep) {
  ContextTable table;
  std::vector<std::uint64_t> retired_at(ContextTable::kIds, 0);
  std::vector<std::uint32_t> current(ContextTable::kContexts, ContextTable::kFree);
  for (std::uint64_t renewal = 1; renewal < 20000; ++renewal) {
    const auto slot = static_cast<std::uint32_t>((renewal * renewal) % ContextTable::kContexts);
    if (renewal % 5 == 0) {
      const std::uint32_t other = (slot + 1) % ContextTable::kContexts;
      table.drop({other});
      if (current[other] != ContextTable::kFree) retired_at[current[other]] = renewal;
      current[other] = ContextTable::kFree;
    }
    if (current[slot] != ContextTable::kFree) retired_at[current[slot]] = renewal;
    const std::uint32_t id = table.renew({slot}, renewal).id;
    // The renewals from the one that retired it to the one before this each swept their share.
    if (retired_at[id] != 0) {
      ASSERT_GE(renewal - retired_at[id], ContextTable::kMinRetired);
    }
    current[slot] = id;
  }
}

}  // namespace
}  // namespace violet
