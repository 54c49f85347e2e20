#include "engine/base/flat_table.hpp"

#include <gtest/gtest.h>

#include <map>

#include "engine/base/rng.hpp"

namespace violet {
namespace {

TEST(FlatTable, FindsWhatWasInsertedUntilItIsErased) {
  FlatTable<std::uint64_t> table;
  EXPECT_TRUE(table.insert(5, 9).second);
  EXPECT_EQ(table.find(6), nullptr);
  EXPECT_EQ(*table.find(5), 9u);
  table.erase(5);
  EXPECT_EQ(table.find(5), nullptr);
  EXPECT_EQ(table.size(), 0u);
}

TEST(FlatTable, RoomIsTakenOnce) {
  for (std::size_t capacity = 0; capacity < 300; ++capacity) {
    FlatTable<std::uint64_t> table(capacity);
    EXPECT_EQ(table.find(1), nullptr);
    if (capacity == 0) continue;
    // A pointer stays where it is as long as nothing is allocated.
    const std::uint64_t* const first = table.insert(0, 7).first;
    for (std::uint64_t key = 1; key < capacity; ++key) table.insert(key, key);
    ASSERT_EQ(table.find(0), first) << capacity;
    ASSERT_EQ(table.size(), capacity);
  }
}

TEST(FlatTable, ClearForgetsAll) {
  FlatTable<std::uint64_t> table;
  for (std::uint64_t key = 0; key < 100; ++key) table.insert(key, key);
  table.clear();
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.find(5), nullptr);
  EXPECT_TRUE(table.insert(5, 9).second);
}

TEST(FlatTable, RandomHistoriesAgreeWithAMap) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    FlatTable<std::uint64_t> table;
    std::map<std::uint64_t, std::uint64_t> oracle;
    const std::uint64_t space = seed % 2 == 0 ? 500 : 20000;
    for (int step = 0; step < 40000; ++step) {
      const std::uint64_t pfn = rng.below(space) << (seed % 3 * 10);
      const auto live = oracle.find(pfn);
      const std::uint64_t* found = table.find(pfn);
      if (live != oracle.end()) {
        ASSERT_NE(found, nullptr);
        ASSERT_EQ(*found, live->second);
        table.erase(pfn);
        oracle.erase(live);
      } else {
        ASSERT_EQ(found, nullptr);
        table.insert(pfn, std::uint64_t(step));
        oracle[pfn] = std::uint64_t(step);
      }
      ASSERT_EQ(table.size(), oracle.size());
    }
    std::size_t seen = 0;
    table.for_each([&](std::uint64_t pfn, std::uint64_t value) {
      ASSERT_EQ(oracle.at(pfn), value);
      ++seen;
    });
    EXPECT_EQ(seen, oracle.size());
  }
}

}  // namespace
}  // namespace violet
