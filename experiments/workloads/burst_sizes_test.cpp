#include "experiments/workloads/burst_sizes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace violet {
namespace {

struct Drawn {
  double mean = 0;
  std::uint32_t least = ~0U, most = 0;
};

Drawn draw_many(double mean, std::uint32_t most) {
  constexpr int kDraws = 200'000;
  BurstSizes sizes(mean, most, 3);
  Drawn drawn;
  for (int i = 0; i < kDraws; ++i) {
    const std::uint32_t size = sizes.draw();
    drawn.mean += static_cast<double>(size) / kDraws;
    drawn.least = std::min(drawn.least, size);
    drawn.most = std::max(drawn.most, size);
  }
  return drawn;
}

TEST(BurstSizes, HaveTheMeanThatWasAskedForAndKeepToTheBudget) {
  for (const double mean : {1.0, 1.6, 4.7, 14.8, 35.4, 42.2, 63.0}) {
    const Drawn drawn = draw_many(mean, 64);
    EXPECT_NEAR(drawn.mean, mean, 0.01 * mean) << mean;
    EXPECT_GE(drawn.least, 1u);
    EXPECT_LE(drawn.most, 64u);
  }
}

TEST(BurstSizes, WhoAsksForMoreThanTheBudgetGetsTheBudget) {
  for (const std::uint32_t most : {1U, 8U}) {
    const Drawn drawn = draw_many(42.2, most);
    EXPECT_EQ(drawn.least, most);
    EXPECT_EQ(drawn.most, most);
  }
}

TEST(BurstSizes, AreThoseOfTheirSeed) {
  const auto sizes_of = [](std::uint64_t seed) {
    BurstSizes sizes(42.2, 64, seed);
    std::vector<std::uint32_t> all(50);
    for (auto& one : all) one = sizes.draw();
    return all;
  };
  EXPECT_EQ(sizes_of(1), sizes_of(1));
  EXPECT_NE(sizes_of(1), sizes_of(2));
}

}  // namespace
}  // namespace violet
