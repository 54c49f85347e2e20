#include "experiments/results/looks.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "engine/base/rng.hpp"
#include "experiments/results/statistics.hpp"

namespace violet::results::looks_test {
namespace {

// Of six values the range misses the median where all lie on one side; so it does of seven and of eight, which are the same
// walks.
TEST(Looks, AtTheRangeOfAllValuesAreOneChance) {
  EXPECT_EQ(chance_to_miss({6, 6}, 0.95), 2.0 / 64);
  EXPECT_EQ(chance_to_miss({6, 8}, 0.95), 2.0 / 64);
  EXPECT_EQ(chance_to_miss({1, 5}, 0.95), 0);  // None has an interval.
}

// Every sequence of twelve values above or below the median.
TEST(Looks, MissAsOftenAsAllWalksSay) {
  constexpr Looks kLooks{5, 12};
  for (const double confidence : {0.95, 0.96, 0.98, 0.995}) {
    unsigned missed = 0;
    for (unsigned walk = 0; walk < 1u << kLooks.last; ++walk) {
      bool held = true;
      for (unsigned n = kLooks.first; n <= kLooks.last; ++n) {
        const auto below = static_cast<std::size_t>(std::popcount(walk & ((1u << n) - 1)));
        const std::size_t rank = rank_of_interval(n, confidence);
        held = held && below >= rank && n - below >= rank;
      }
      missed += held ? 0 : 1;
    }
    EXPECT_EQ(chance_to_miss(kLooks, confidence), missed / 4096.0) << confidence;
  }
}

TEST(Looks, ShareTheLowestConfidenceThatKeepsWithinFivePercent) {
  EXPECT_EQ(confidence_of({9, 9}), kConfidence);
  EXPECT_EQ(confidence_of({5, 6}), kConfidence);
  for (const Looks looks :
       {Looks{5, 12}, Looks{5, 30}, Looks{9, 30}, Looks{20, 60}, Looks{1, 200}}) {
    const double confidence = confidence_of(looks);
    EXPECT_GT(confidence, kConfidence) << looks.last;
    EXPECT_LE(chance_to_miss(looks, confidence), 0.05) << looks.last;
    EXPECT_GT(chance_to_miss(looks, confidence - 1e-6), 0.05) << looks.last;
  }
  EXPECT_EQ(confidence_of({5, 30}), 0.983876);
  EXPECT_EQ(fewest_for_interval(confidence_of({5, 30})), 7U);
}

double normal_value(Rng& rng) {  // Box and Muller 1958.
  const auto uniform = [&] { return (static_cast<double>(rng() >> 11) + 0.5) * 0x1.0p-53; };
  const double radius = std::sqrt(-2 * std::log(uniform()));
  return radius * std::cos(2 * M_PI * uniform());
}

// How often the interval holds the median 1 where a cell stops as soon as it is narrow.
double held_where_stopped(double confidence, double percent, std::uint64_t seed) {
  constexpr Looks kLooks{5, 30};
  constexpr unsigned kTrials = 20'000;
  Rng rng(seed);
  unsigned held = 0;
  for (unsigned trial = 0; trial < kTrials; ++trial) {
    std::vector<double> values;
    Estimate median;
    for (bool narrow = false; !narrow && values.size() < kLooks.last;) {
      values.push_back(std::exp(0.2 * normal_value(rng)));
      if (values.size() < kLooks.first) continue;
      median = median_estimate(values, confidence);
      narrow = median.interval &&
               100 * (median.interval->high - median.interval->low) <= percent * median.value;
    }
    held += median.interval && median.interval->low <= 1 && median.interval->high >= 1 ? 1 : 0;
  }
  return held / static_cast<double>(kTrials);
}

TEST(Looks, MakeUpForStoppingAtNarrowIntervals) {
  for (const double percent : {20.0, 30.0}) {
    EXPECT_LT(held_where_stopped(kConfidence, percent, 1), 0.95) << percent;
    EXPECT_GE(held_where_stopped(confidence_of({5, 30}), percent, 1), 0.95) << percent;
  }
}

}  // namespace
}  // namespace violet::results::looks_test
