#include <gtest/gtest.h>

#include <set>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet::lazy_wrap_test {
namespace {

constexpr std::uint32_t kPage = 4096;

TEST(LazyWrap, TheOnlyFlushIsAtTheWrap) {
  for (const char* allocator : {"rcache", "rbtree"}) {
    StrategyRig rig({.strategy = "lazy-wrap",
                     .settings = {{"aperture_mib", std::int64_t{1}}},
                     .iova_allocator = allocator});
    const auto buffer = rig.buffer(kPage);
    std::set<std::uint64_t> used;
    const auto once = [&] {
      const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
      EXPECT_TRUE(mapping);
      EXPECT_LT(mapping->iova.value, 1u << 20);
      rig.strategy->unmap(*mapping, 0);
      return mapping->iova.value;
    };
    for (int i = 0; i < 255; ++i) EXPECT_TRUE(used.insert(once()).second) << allocator << i;
    rig.advance(60'000'000'000);
    EXPECT_EQ(rig.guest.counters.flushes, 0u);
    EXPECT_FALSE(used.insert(once()).second);  // 256 pages, the first of which is never used.
    EXPECT_EQ(rig.guest.counters.flushes, 1u);
    for (int i = 0; i < 254; ++i) once();
    EXPECT_EQ(rig.guest.counters.flushes, 1u);
    once();
    EXPECT_EQ(rig.guest.counters.flushes, 2u);
    EXPECT_EQ(rig.guest.counters.map_failures, 0u);
  }
}

TEST(LazyWrap, AMapFailsWhenAllIsInUse) {
  StrategyRig rig({.strategy = "lazy-wrap", .settings = {{"aperture_mib", std::int64_t{1}}}});
  const auto buffer = rig.buffer(kPage);
  for (int i = 0; i < 255; ++i) {
    ASSERT_TRUE(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0));
  }
  EXPECT_FALSE(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0));
  EXPECT_EQ(rig.guest.counters.flushes, 0u);
}

}  // namespace
}  // namespace violet::lazy_wrap_test
