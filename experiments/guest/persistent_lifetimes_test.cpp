#include "experiments/guest/persistent_lifetimes.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace violet {
namespace {

DmaMapping pool_slot(std::uint64_t iova) {
  return {.iova = {iova},
          .buffer = {{0x80000}, 2048},
          .direction = DmaDirection::kFromDevice,
          .endpoint = 0,
          .granted = Permissions::kWrite,
          .persistent = true};
}

TEST(PersistentLifetimes, EveryLifeCountsHoweverFewLeaveEvents) {
  const auto lives = std::make_unique<PersistentLifetimes>();
  const Ticks start = now_ticks();
  std::uint32_t recorded = 0;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    const auto slot = pool_slot(0x100000 + i % 64 * 4096);
    const bool map = lives->map(slot, start + i);
    EXPECT_EQ(lives->unmap(slot, start + i), map) << i;
    recorded += map;
  }
  EXPECT_EQ(recorded, PersistentLifetimes::kEventsPerWindow);
  EXPECT_EQ(lives->totals(start + 10'000).unmaps, 10'000u);
}

TEST(PersistentLifetimes, TheBudgetComesBackWithTime) {
  const auto lives = std::make_unique<PersistentLifetimes>();
  const Ticks start = now_ticks();
  for (int i = 0; i < 1000; ++i) lives->map(pool_slot(0x1000), start);
  EXPECT_FALSE(lives->map(pool_slot(0x1000), start + 1));
  EXPECT_TRUE(lives->map(pool_slot(0x1000), start + ns_to_ticks(2'000'000)));
}

TEST(PersistentLifetimes, PagesAreWeighedWithTheirTime) {
  const auto lives = std::make_unique<PersistentLifetimes>();
  auto identity = pool_slot(0x80800);  // Crosses into no second page.
  identity.granted = Permissions::kReadWrite;
  lives->map(identity, 100);
  const auto before = lives->totals(200);
  lives->unmap(identity, 500);
  const auto during = lives->totals(900) - before;
  EXPECT_EQ(during.page_ticks, 300);
  EXPECT_EQ(during.slack_page_ticks, 300);
  EXPECT_EQ(during.unmaps, 1u);
}

}  // namespace
}  // namespace violet
