#include "experiments/results/steady_state.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/rng.hpp"

namespace violet::results::steady_state_test {
namespace {

double normal_noise(Rng& rng) {  // Box and Muller 1958.
  const auto uniform = [&] { return (static_cast<double>(rng() >> 11) + 0.5) * 0x1.0p-53; };
  const double radius = std::sqrt(-2 * std::log(uniform()));
  return radius * std::cos(2 * M_PI * uniform());
}

// `count` values of each mean, with so much noise.
std::vector<double> series_of(const std::vector<std::pair<double, std::size_t>>& parts,
                              double noise, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<double> values;
  for (const auto& [mean, count] : parts) {
    for (std::size_t i = 0; i < count; ++i)
      values.push_back(mean * (1 + noise * normal_noise(rng)));
  }
  return values;
}

TEST(SteadyState, OfAConstantIsFromTheStart) {
  EXPECT_EQ(steady_from(std::vector<double>(32, 7.0)), 0U);
  EXPECT_EQ(rate_segments(std::vector<double>(300, 7.0)).size(), 1U);
  EXPECT_EQ(steady_from(std::vector<double>(100, 0.0)), 0U);
}

TEST(SteadyState, NoiseAloneIsSteadyFromTheStart) {
  unsigned late = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    late += steady_from(series_of({{1000, 300}}, 0.1, seed)) == 0U ? 0 : 1;
  }
  EXPECT_EQ(late, 0U);
}

TEST(SteadyState, BeginsWhereTheRateChangedLast) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto rates = series_of({{500, 40}, {800, 60}, {1000, 200}}, 0.03, seed);
    const auto segments = rate_segments(rates);
    ASSERT_EQ(segments.size(), 3U) << seed;
    EXPECT_NEAR(static_cast<double>(segments[1].begin), 40, 1) << seed;
    EXPECT_NEAR(segments[1].mean, 800, 20) << seed;
    const auto from = steady_from(rates);
    ASSERT_TRUE(from) << seed;
    EXPECT_NEAR(static_cast<double>(*from), 100, 2) << seed;
  }
}

TEST(SteadyState, SegmentsWithinAFewPercentAreAlike) {
  // Told apart, but by 3 %.
  const auto rates = series_of({{500, 50}, {1030, 100}, {1000, 100}}, 0.005, 1);
  EXPECT_EQ(rate_segments(rates).size(), 3U);
  EXPECT_EQ(steady_from(rates), 50U);
}

TEST(SteadyState, IsNoneWhereTheEndChanges) {
  EXPECT_FALSE(steady_from(series_of({{1000, 240}, {700, 60}}, 0.03, 1)));
  std::vector<double> rising;
  for (int i = 0; i < 300; ++i) rising.push_back(1000 + 10.0 * i);
  EXPECT_FALSE(steady_from(rising));
  EXPECT_TRUE(steady_from(series_of({{1000, 200}, {700, 100}}, 0.03, 1)));
}

TEST(SteadyState, AHiccupIsNoChange) {
  auto rates = series_of({{1000, 300}}, 0.03, 3);
  for (const std::size_t at : {20U, 150U, 151U, 270U, 299U}) rates[at] = 5;
  EXPECT_EQ(steady_from(rates), 0U);
}

TEST(SteadyState, IsFoundInTheShortestSeriesThatTellsIt) {
  EXPECT_EQ(steady_from(series_of({{100, 12}, {1000, 20}}, 0.01, 1)), 12U);
}

}  // namespace
}  // namespace violet::results::steady_state_test
