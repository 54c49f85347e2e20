#include "experiments/results/statistics.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <numeric>

#include "engine/base/rng.hpp"

namespace violet::results {
namespace {

using Values = std::vector<double>;

// Values marked scipy were computed with SciPy 1.10.1 and NumPy 1.24 (Debian 12).
const Values kEight{12.9, 3.1, 7.7, 18.2, 5.5, 9.4, 1.3, 22.6};
const Values kTenA{10.1, 9.8, 10.4, 10.0, 9.7, 10.2, 10.6, 9.9, 10.3, 10.05};
const Values kTenB{11.3, 11.0, 11.7, 11.2, 10.8, 11.4, 11.9, 11.1, 11.5, 11.25};

TEST(Percentile, AgreesWithNumpy) {
  const double expected[][2] = {{0, 1.3},     {10, 2.56},  {25, 4.9},    {50, 8.55},
                                {75, 14.225}, {90, 19.52}, {99, 22.292}, {100, 22.6}};
  for (const auto& [percent, value] : expected) {
    EXPECT_NEAR(percentile(kEight, percent), value, 1e-12) << percent;
  }
  EXPECT_TRUE(std::isnan(percentile({}, 50)));
  EXPECT_EQ(percentile(Values{7}, 99), 7);
}

TEST(Deviation, AgreesWithScipyMedianAbsDeviation) {
  EXPECT_NEAR(median_absolute_deviation(kEight), 4.9, 1e-12);
}

TEST(MannWhitneyTest, ExactPValuesAgreeWithScipy) {
  const auto classic = mann_whitney(Values{19, 22, 16, 29, 24}, Values{20, 11, 17, 12});
  EXPECT_TRUE(classic.exact);
  EXPECT_EQ(classic.u, 17);
  EXPECT_NEAR(classic.p, 0.1111111111111111, 1e-14);
  EXPECT_NEAR(classic.a12, 17.0 / 20, 1e-15);
  EXPECT_NEAR(mann_whitney(Values{1, 2, 3}, Values{4, 5, 6}).p, 0.1, 1e-14);
  EXPECT_NEAR(mann_whitney(Values{1, 2, 3, 4, 5}, Values{6, 7, 8, 9, 10}).p, 0.007936507936507936,
              1e-14);
  Values first(30), second(30);
  std::iota(first.begin(), first.end(), 1.0);
  std::iota(second.begin(), second.end(), 5.5);
  const auto large = mann_whitney(first, second);
  EXPECT_TRUE(large.exact);
  EXPECT_EQ(large.u, 325);
  EXPECT_NEAR(large.p, 0.06539911471328003, 1e-12);
}

TEST(MannWhitneyTest, TiesUseTheCorrectedApproximationOfScipy) {
  const auto tied = mann_whitney(Values{1.1, 2.2, 2.2, 3.3, 4.4, 4.4, 4.4, 5.5},
                                 Values{2.2, 3.3, 3.3, 5.5, 6.6, 7.7});
  EXPECT_FALSE(tied.exact);
  EXPECT_EQ(tied.u, 15.5);
  EXPECT_NEAR(tied.p, 0.29469681750916266, 1e-12);
  Values first, second;
  for (int i = 0; i < 200; ++i) first.push_back(i * 7 % 41);
  for (int i = 0; i < 150; ++i) second.push_back(i * 11 % 43 + 4);
  const auto large = mann_whitney(first, second);
  EXPECT_EQ(large.u, 11932);
  EXPECT_NEAR(large.p, 0.0010547972290299262, 1e-12);
  EXPECT_EQ(mann_whitney(Values{5, 5, 5}, Values{5, 5, 5, 5}).p, 1);
  EXPECT_EQ(mann_whitney({}, Values{5}).p, 1);
}

TEST(MannWhitneyTest, IsSymmetric) {
  EXPECT_TRUE(rc::check([](const std::vector<int>& a, const std::vector<int>& b) {
    RC_PRE(!a.empty() && !b.empty());
    const Values x(a.begin(), a.end()), y(b.begin(), b.end());
    const auto one = mann_whitney(x, y), other = mann_whitney(y, x);
    RC_ASSERT(std::abs(one.p - other.p) < 1e-12);
    RC_ASSERT(std::abs(one.a12 + other.a12 - 1) < 1e-12);
    RC_ASSERT(one.p > 0 && one.p <= 1);
    RC_ASSERT(one.u + other.u == static_cast<double>(x.size() * y.size()));
  }));
}

TEST(MannWhitneyTest, RejectsATrueHypothesisAboutAsOftenAsItSays) {
  Rng rng(42);
  int rejected = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    Values a(9), b(9);
    for (double& value : a) value = static_cast<double>(rng());
    for (double& value : b) value = static_cast<double>(rng());
    rejected += mann_whitney(a, b).p < 0.05 ? 1 : 0;
  }
  EXPECT_LT(rejected, 2000 * 0.065);
  EXPECT_GT(rejected, 2000 * 0.025);
}

TEST(Effect, NamesFollowVarghaAndDelaney) {
  EXPECT_STREQ(effect_name(0.5), "negligible");
  EXPECT_STREQ(effect_name(0.43), "small");
  EXPECT_STREQ(effect_name(0.65), "medium");
  EXPECT_STREQ(effect_name(0.0), "large");
}

TEST(Bootstrap, MedianIntervalAgreesWithScipy) {
  const Estimate estimate = median_estimate(kTenA, 1);
  EXPECT_NEAR(estimate.value, 10.075, 1e-12);
  ASSERT_TRUE(estimate.interval.has_value());
  // scipy.stats.bootstrap(method='percentile'): 9.9 to 10.3 with each of three seeds.
  EXPECT_NEAR(estimate.interval->low, 9.9, 0.03);
  EXPECT_NEAR(estimate.interval->high, 10.3, 0.03);
  const Estimate tail = percentile_estimate(kTenA, 90, 1);
  EXPECT_NEAR(tail.interval->low, 10.12, 0.03);  // scipy
  EXPECT_NEAR(tail.interval->high, 10.6, 0.001);
}

TEST(Bootstrap, IsSeededAndHonestAboutOneSample) {
  const auto one = median_estimate(kTenA, 7), again = median_estimate(kTenA, 7);
  EXPECT_EQ(one.interval->low, again.interval->low);
  EXPECT_FALSE(median_estimate(Values{3}, 1).interval.has_value());
}

TEST(Bootstrap, CoversTheTrueMedianAboutAsOftenAsItSays) {
  Rng rng(3);
  int covered = 0;
  for (int trial = 0; trial < 300; ++trial) {
    Values sample(15);
    for (double& value : sample) value = static_cast<double>(rng() >> 11) * 0x1.0p-53;
    const auto interval = *median_estimate(sample, static_cast<std::uint64_t>(trial)).interval;
    covered += interval.low <= 0.5 && 0.5 <= interval.high ? 1 : 0;
  }
  EXPECT_GT(covered, 300 * 0.89);
}

TEST(Bootstrap, HistogramsAreResampledByRepetition) {
  std::vector<HdrHistogram> repetitions(5);
  for (std::size_t r = 0; r < repetitions.size(); ++r) {
    for (std::uint64_t i = 1; i <= 1000; ++i) repetitions[r].record(100 * (r + 1) + i / 100);
  }
  std::vector<const HdrHistogram*> pointers;
  for (const auto& h : repetitions) pointers.push_back(&h);
  HdrHistogram merged;
  for (const auto& h : repetitions) merged.add(h);
  const Estimate estimate = percentile_estimate(pointers, 99, 5);
  EXPECT_EQ(estimate.value, static_cast<double>(merged.percentile(99)));
  ASSERT_TRUE(estimate.interval.has_value());
  // What differs is the repetition, not the thousand values in it: the interval must show that.
  EXPECT_LT(estimate.interval->low, 420);
  EXPECT_GE(estimate.interval->high, 500);
  EXPECT_TRUE(std::isnan(percentile_estimate(std::span<const HdrHistogram* const>{}, 99, 5).value));
}

TEST(Ratio, AgreesWithScipy) {
  const auto independent = median_ratio(kTenA, kTenB, Pairing::kIndependent, 1);
  ASSERT_TRUE(independent.has_value());
  EXPECT_NEAR(independent->value, 11.275 / 10.075, 1e-12);
  EXPECT_NEAR(independent->interval->low, 1.0878, 0.003);   // scipy
  EXPECT_NEAR(independent->interval->high, 1.1520, 0.003);  // scipy
  const auto paired = median_ratio(kTenA, kTenB, Pairing::kInterleaved, 1);
  EXPECT_NEAR(paired->interval->low, 1.1165, 0.001);   // scipy, paired=True
  EXPECT_NEAR(paired->interval->high, 1.1218, 0.001);  // scipy
}

TEST(Ratio, PairingCancelsWhatBothArmsShare) {
  Rng rng(9);
  Values a, b;
  for (int i = 0; i < 20; ++i) {
    const double weather = 100 + static_cast<double>(rng.below(60));
    a.push_back(weather);
    b.push_back(weather * 1.05 + static_cast<double>(rng.below(100)) / 100);
  }
  const auto paired = median_ratio(a, b, Pairing::kInterleaved, 1);
  const auto independent = median_ratio(a, b, Pairing::kIndependent, 1);
  const auto width = [](const Estimate& e) { return e.interval->high - e.interval->low; };
  EXPECT_LT(width(*paired), width(*independent) / 3);
  EXPECT_GT(paired->interval->low, 1);
}

TEST(Ratio, NeedsPositiveMedians) {
  EXPECT_FALSE(median_ratio(Values{0, 0}, Values{1, 2}, Pairing::kIndependent, 1).has_value());
  EXPECT_FALSE(median_ratio(Values{}, Values{1}, Pairing::kIndependent, 1).has_value());
  EXPECT_FALSE(median_ratio(Values{1}, Values{2}, Pairing::kIndependent, 1)->interval.has_value());
}

TEST(Outliers, AreNamedNotDropped) {
  const Values values{10, 11, 9, 10, 12, 50, 10, 9};
  const auto found = outliers(values);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].index, 5u);
  EXPECT_EQ(found[0].value, 50);
  EXPECT_GT(found[0].deviations, 3);
  EXPECT_EQ(outliers(Values{5, 5, 5, 5, 5, 5, 5, 5, 5, 6}).size(), 1u);  // MAD is 0.
  EXPECT_TRUE(outliers(Values{5, 5, 5}).empty());
  EXPECT_TRUE(outliers(Values{1, 100}).empty());
}

TEST(NoiseFloor, GrowsWithTheNoiseAndHoldsAgainstNewRuns) {
  Rng rng(11);
  const auto group = [&](double noise) {
    Values values(20);
    for (double& value : values) {
      value = 100 * (1 + noise * (static_cast<double>(rng() >> 11) * 0x1.0p-53 - 0.5));
    }
    return values;
  };
  const std::vector<Values> quiet{group(0.01), group(0.01)}, loud{group(0.2), group(0.2)};
  const double low = *noise_floor(quiet, 1), high = *noise_floor(loud, 1);
  EXPECT_LT(low, 0.01);
  EXPECT_GT(high, 5 * low);
  // Each floor from an A/A set of its own; the promise is 95 %, small sets keep a little less.
  int below = 0;
  for (int i = 0; i < 200; ++i) {
    const double floor = *noise_floor(std::vector<Values>{group(0.2)}, 1);
    const Values a = group(0.2), b = group(0.2);
    const double one = median(std::span(a).first(10)), other = median(std::span(b).first(10));
    below += relative_difference(one, other) <= floor ? 1 : 0;
  }
  EXPECT_GT(below, 200 * 0.87);
  EXPECT_FALSE(noise_floor(std::vector<Values>{{1, 2, 3}}, 1).has_value());
  // One repetition that measured 0 makes every ratio possible: no floor of 0, and nothing that is no number.
  EXPECT_GT(*noise_floor(std::vector<Values>{{0, 90, 100, 110, 120}}, 1), 1000);
  EXPECT_EQ(*noise_floor(std::vector<Values>{{0, 0, 0, 0, 0}}, 1), 0);
}

}  // namespace
}  // namespace violet::results
