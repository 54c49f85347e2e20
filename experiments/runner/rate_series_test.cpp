#include "experiments/runner/rate_series.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace violet::rate_series_test {
namespace {

TEST(RateSeries, CountsInSlicesOfTime) {
  RateSeries series(100);
  series.begin(1000);
  for (Ticks now = 1040; now <= 1400; now += 40) series.add(now, 3);
  // A slice ends with the batch that completes it: 120 ticks.
  ASSERT_EQ(series.slices().size(), 3U);
  for (const RateSlice& slice : series.slices()) {
    EXPECT_EQ(slice.ticks, 120U);
    EXPECT_EQ(slice.operations, 9U);
  }
}

TEST(RateSeries, TimeBetweenTwoLoopsIsNoPartOfIt) {
  RateSeries series(100);
  series.begin(0);
  series.add(60, 1);
  series.begin(1'000'000);
  series.add(1'000'050, 1);
  ASSERT_EQ(series.slices().size(), 1U);
  EXPECT_EQ(series.slices()[0].ticks, 110U);
  EXPECT_EQ(series.slices()[0].operations, 2U);
}

TEST(RateSeries, MakesOneOfTwoWhereItIsFull) {
  RateSeries series(10);
  series.begin(0);
  constexpr std::uint64_t kAdded = 5000;
  for (std::uint64_t i = 1; i <= kAdded; ++i) series.add(10 * i, i);
  const auto slices = series.slices();
  EXPECT_GE(slices.size(), RateSeries::kMostSlices / 2);
  EXPECT_LT(slices.size(), RateSeries::kMostSlices);
  std::uint64_t operations = 0, next = 1;
  for (const RateSlice& slice : slices) {
    EXPECT_EQ(slice.ticks, 160U);
    std::uint64_t expected = 0;
    for (int i = 0; i < 16; ++i) expected += next++;
    EXPECT_EQ(slice.operations, expected);
    operations += slice.operations;
  }
  EXPECT_EQ(operations, (next - 1) * next / 2);
}

}  // namespace
}  // namespace violet::rate_series_test
