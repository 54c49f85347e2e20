#include <gtest/gtest.h>

#include <algorithm>

#include <set>

#include "experiments/runner/repetition.hpp"

namespace violet {
namespace {

TEST(Seeds, NoTwoRepetitionsShareOneAlsoNotOfNeighbouringRuns) {
  std::set<std::uint64_t> seeds;
  for (std::uint64_t run = 0; run < 100; ++run) {
    for (std::uint32_t repetition = 0; repetition < 100; ++repetition) {
      seeds.insert(seed_of_repetition(run, repetition));
    }
  }
  EXPECT_EQ(seeds.size(), 10'000u);
  EXPECT_EQ(seed_of_repetition(7, 3), seed_of_repetition(7, 3));
}

// Each round has every cell once; rounds differ, so that of two cells either comes first as often.
TEST(Order, OfRoundsIsDrawnAnew) {
  std::size_t first = 0;
  for (std::uint32_t repetition = 0; repetition < 400; ++repetition) {
    const auto two = order_of_round(2, 1, repetition);
    ASSERT_EQ(two.size(), 2u);
    ASSERT_EQ(two[0] + two[1], 1u);
    first += two[0];
  }
  EXPECT_NEAR(static_cast<double>(first), 200, 60) << "six deviations";
  auto twelve = order_of_round(12, 1, 3);
  EXPECT_EQ(twelve, order_of_round(12, 1, 3));
  EXPECT_NE(twelve, order_of_round(12, 1, 4));
  EXPECT_NE(twelve, order_of_round(12, 2, 3));
  std::sort(twelve.begin(), twelve.end());
  for (std::size_t i = 0; i < 12; ++i) EXPECT_EQ(twelve[i], i);
  EXPECT_TRUE(order_of_round(0, 1, 0).empty());
}

}  // namespace
}  // namespace violet
