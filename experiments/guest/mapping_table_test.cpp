#include "experiments/guest/mapping_table.hpp"

#include <gtest/gtest.h>

#include <map>

#include "engine/base/rng.hpp"

namespace violet {
namespace {

TEST(MappingTable, TakeFindsWhatWasInsertedOnce) {
  MappingTable table;
  table.insert({.pfn = 5, .granules = 3, .phys_pfn = 9, .permissions = 1});
  EXPECT_EQ(table.take(6).granules, 0u);
  EXPECT_EQ(table.take(5).phys_pfn, 9u);
  EXPECT_EQ(table.take(5).granules, 0u);
  EXPECT_EQ(table.size(), 0u);
}

TEST(MappingTable, RandomHistoriesAgreeWithAMap) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    MappingTable table;
    std::map<std::uint64_t, std::uint64_t> oracle;
    const std::uint64_t space = seed % 2 == 0 ? 500 : 20000;
    for (int step = 0; step < 40000; ++step) {
      const std::uint64_t pfn = rng.below(space) << (seed % 3 * 10);
      const auto live = oracle.find(pfn);
      const auto taken = table.take(pfn);
      if (live != oracle.end()) {
        ASSERT_EQ(taken.phys_pfn, live->second);
        oracle.erase(live);
      } else {
        ASSERT_EQ(taken.granules, 0u);
        table.insert(
            {.pfn = pfn, .granules = 1, .phys_pfn = std::uint64_t(step), .permissions = 3});
        oracle[pfn] = std::uint64_t(step);
      }
      ASSERT_EQ(table.size(), oracle.size());
    }
    std::size_t seen = 0;
    table.for_each([&](const MappingTable::Entry& entry) {
      ASSERT_EQ(oracle.at(entry.pfn), entry.phys_pfn);
      ++seen;
    });
    EXPECT_EQ(seen, oracle.size());
  }
}

}  // namespace
}  // namespace violet
