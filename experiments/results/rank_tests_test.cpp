#include "experiments/results/rank_tests.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "engine/base/rng.hpp"

namespace violet::results {
namespace {

using Numbers = std::vector<double>;

const Numbers kLow{10.1, 9.8, 10.4, 10.0, 9.7, 10.2, 10.6, 9.9, 10.3, 10.05};
const Numbers kHigh{11.3, 11.0, 11.7, 11.2, 10.8, 11.4, 11.9, 11.1, 11.5, 11.25};

TEST(MannWhitneyTest, ExactPValuesAgreeWithScipy) {
  const auto classic = mann_whitney(Numbers{19, 22, 16, 29, 24}, Numbers{20, 11, 17, 12});
  EXPECT_TRUE(classic.exact);
  EXPECT_EQ(classic.u, 17);
  EXPECT_NEAR(classic.p, 0.1111111111111111, 1e-14);
  EXPECT_NEAR(classic.a12, 17.0 / 20, 1e-15);
  EXPECT_NEAR(mann_whitney(Numbers{1, 2, 3}, Numbers{4, 5, 6}).p, 0.1, 1e-14);
  EXPECT_NEAR(mann_whitney(Numbers{1, 2, 3, 4, 5}, Numbers{6, 7, 8, 9, 10}).p, 0.007936507936507936,
              1e-14);
  Numbers first(30), second(30);
  std::iota(first.begin(), first.end(), 1.0);
  std::iota(second.begin(), second.end(), 5.5);
  const auto large = mann_whitney(first, second);
  EXPECT_TRUE(large.exact);
  EXPECT_EQ(large.u, 325);
  EXPECT_NEAR(large.p, 0.06539911471328003, 1e-12);
}

// Every one of the arrangements written out: itertools.combinations of the pooled midranks.
TEST(MannWhitneyTest, TiesAreCountedExactly) {
  const auto apart = mann_whitney(Numbers{1, 1, 2, 2, 3, 3}, Numbers{4, 4, 5, 5, 6, 6});
  EXPECT_TRUE(apart.exact);
  EXPECT_NEAR(apart.p, 2.0 / 924, 1e-15);  // No p is below: an approximation said .00126 here.
  EXPECT_NEAR(apart.least_p, 2.0 / 924, 1e-15);
  const auto mixed = mann_whitney(Numbers{1.1, 2.2, 2.2, 3.3, 4.4, 4.4, 4.4, 5.5},
                                  Numbers{2.2, 3.3, 3.3, 5.5, 6.6, 7.7});
  EXPECT_EQ(mixed.u, 15.5);
  EXPECT_NEAR(mixed.p, 0.297036297036297, 1e-14);
  EXPECT_NEAR(mixed.least_p, 0.001998001998001998, 1e-14);
  const auto close = mann_whitney(Numbers{3, 3, 3, 4, 4, 5}, Numbers{1, 2, 2, 2, 3, 3});
  EXPECT_NEAR(close.p, 0.021645021645021644, 1e-14);
  const auto rare = mann_whitney(Numbers{0, 0, 0, 0}, Numbers{0, 0, 1, 1});
  EXPECT_NEAR(rare.p, 0.42857142857142855, 1e-14);
  EXPECT_NEAR(rare.least_p, 0.42857142857142855, 1e-14);
  EXPECT_EQ(mann_whitney(Numbers{5, 5, 5}, Numbers{5, 5, 5, 5}).p, 1);
  EXPECT_EQ(mann_whitney(Numbers{5, 5, 5}, Numbers{5, 5, 5, 5}).least_p, 1);
  EXPECT_EQ(mann_whitney({}, Numbers{5}).p, 1);
}

TEST(MannWhitneyTest, ManySamplesUseTheCorrectedApproximationOfScipy) {
  Numbers first, second;
  for (int i = 0; i < 200; ++i) first.push_back(i * 7 % 41);
  for (int i = 0; i < 150; ++i) second.push_back(i * 11 % 43 + 4);
  const auto large = mann_whitney(first, second);
  EXPECT_FALSE(large.exact);
  EXPECT_EQ(large.u, 11932);
  EXPECT_NEAR(large.p, 0.0010547972290299262, 1e-12);
}

TEST(MannWhitneyTest, IsSymmetric) {
  EXPECT_TRUE(rc::check([](const std::vector<int>& a, const std::vector<int>& b) {
    RC_PRE(!a.empty() && !b.empty());
    const Numbers x(a.begin(), a.end()), y(b.begin(), b.end());
    const auto one = mann_whitney(x, y), other = mann_whitney(y, x);
    RC_ASSERT(std::abs(one.p - other.p) < 1e-12);
    RC_ASSERT(std::abs(one.a12 + other.a12 - 1) < 1e-12);
    RC_ASSERT(one.p >= one.least_p - 1e-12);
  }));
}

// All 2^n signs written out.
TEST(SignedRankTest, CountsSignsWithTiesAndZeros) {
  const auto tied =
      signed_rank(Numbers{10, 12, 9, 11, 10, 13, 12, 8}, Numbers{12, 13, 9, 14, 13, 12, 15, 10});
  EXPECT_NEAR(tied.p, 0.046875, 1e-15);
  const auto up = signed_rank(Numbers{1, 2, 3, 4, 5, 6}, Numbers{2, 3, 4, 5, 6, 7});
  EXPECT_NEAR(up.p, 2.0 / 64, 1e-15);
  EXPECT_NEAR(up.least_p, 2.0 / 64, 1e-15);
  const auto zeros = signed_rank(Numbers{1, 2, 3, 4, 5, 6, 7}, Numbers{1, 2, 4, 6, 4, 9, 11});
  EXPECT_NEAR(zeros.p, 0.1875, 1e-15);
  EXPECT_EQ(signed_rank(Numbers{1, 2}, Numbers{1, 2}).p, 1);
}

// No double counts the signs of 1,024 pairs. Normal quantiles as of tables.
TEST(SignedRankTest, OfMoreThanAHundredPairsIsApproximated) {
  const auto shifted = [](std::size_t pairs, double by) {
    Rng rng(7);
    Numbers a, b;
    for (std::size_t i = 0; i < pairs; ++i) {
      a.push_back(1000 + static_cast<double>(rng.below(1000)));
      b.push_back(a.back() + static_cast<double>(rng.below(200)) - 99.5 + by);
    }
    return std::pair(a, b);
  };
  for (const std::size_t pairs : {kExactPairs + 1, std::size_t{1100}, std::size_t{3000}}) {
    const auto [same, as_well] = shifted(pairs, 0);
    const auto none = signed_rank(same, as_well);
    EXPECT_FALSE(none.exact);
    EXPECT_GT(none.p, 0.05) << pairs;
    EXPECT_LT(none.p, 1) << pairs;
    const auto [low, high] = shifted(pairs, 50);
    const auto apart = signed_rank(low, high);
    EXPECT_LT(apart.p, 1e-6) << pairs;
    EXPECT_GT(apart.p, 0) << pairs;
    EXPECT_LT(apart.least_p, apart.p) << pairs;
    const auto shift = shift_estimate(low, high, Pairing::kInterleaved);
    ASSERT_TRUE(shift.interval) << pairs;
    EXPECT_LT(shift.interval->low, shift.value);
    EXPECT_GT(shift.interval->high, shift.value);
    EXPECT_NEAR(shift.value, 50, 15) << pairs;
    // The standard error of the median of uniform differences' means: 1.96 * 200 / sqrt(12 n), both ways.
    const double wide = 2 * 1.96 * 200 / std::sqrt(12.0 * static_cast<double>(pairs));
    EXPECT_NEAR((shift.interval->high - shift.interval->low) / wide, 1, 0.15) << pairs;
  }
}

// All 2^101 signs counted in whole numbers.
TEST(SignedRankTest, TheApproximationMeetsWhatIsCounted) {
  const std::size_t pairs = kExactPairs + 1;
  Numbers a(pairs, 0.0), b;
  for (std::size_t i = 1; i <= pairs; ++i) {
    b.push_back(i % 5 < 3 ? static_cast<double>(i) : -static_cast<double>(i));
  }
  const auto ranks = signed_rank(a, b);
  EXPECT_FALSE(ranks.exact);
  EXPECT_NEAR(ranks.p / 0.06980724287642864, 1, 0.02);
}

TEST(Effect, NamesFollowVarghaAndDelaney) {
  EXPECT_STREQ(effect_name(0.5), "negligible");
  EXPECT_STREQ(effect_name(0.43), "small");
  EXPECT_STREQ(effect_name(0.65), "medium");
  EXPECT_STREQ(effect_name(0.0), "large");
}

// The 100 ratios and 55 means of logarithms, sorted by a spreadsheet's rule: ranks 24 and 9 from either end.
TEST(Ratio, IsHodgesAndLehmanns) {
  const auto independent = ratio_estimate(kLow, kHigh, Pairing::kIndependent);
  EXPECT_NEAR(independent->value, 1.1197014527469284, 1e-12);
  EXPECT_NEAR(independent->interval->low, 1.0882352941176472, 1e-12);
  EXPECT_NEAR(independent->interval->high, 1.1515151515151516, 1e-12);
  const auto paired = ratio_estimate(kLow, kHigh, Pairing::kInterleaved);
  EXPECT_NEAR(paired->value, 1.1197014527469284, 1e-12);
  EXPECT_NEAR(paired->interval->low, 1.1173002674013577, 1e-12);
  EXPECT_NEAR(paired->interval->high, 1.122198003121087, 1e-12);
}

TEST(Ratio, SaysWhenThereAreTooFew) {
  const auto has_interval = [](std::size_t n, std::size_t m, Pairing pairing) {
    Numbers a(n, 1.0), b(m, 2.0);
    return ratio_estimate(a, b, pairing)->interval.has_value();
  };
  EXPECT_FALSE(has_interval(3, 3, Pairing::kIndependent));  // p is never below 2 / 20.
  EXPECT_TRUE(has_interval(5, 3, Pairing::kIndependent));   // 2 / 56.
  EXPECT_TRUE(has_interval(4, 4, Pairing::kIndependent));   // 2 / 70.
  EXPECT_FALSE(has_interval(5, 5, Pairing::kInterleaved));  // 2 / 32.
  EXPECT_TRUE(has_interval(6, 6, Pairing::kInterleaved));   // 2 / 64.
  EXPECT_TRUE(has_interval(40, 50, Pairing::kIndependent));
  EXPECT_FALSE(ratio_estimate(Numbers{0, 1}, Numbers{1, 2}, Pairing::kIndependent).has_value());
  EXPECT_FALSE(ratio_estimate(Numbers{}, Numbers{1}, Pairing::kIndependent).has_value());
}

TEST(Ratio, PairingCancelsWhatBothArmsShare) {
  Rng rng(9);
  Numbers a, b;
  for (int i = 0; i < 20; ++i) {
    const double weather = 100 + static_cast<double>(rng.below(60));
    a.push_back(weather);
    b.push_back(weather * 1.05 + static_cast<double>(rng.below(100)) / 100);
  }
  const auto paired = ratio_estimate(a, b, Pairing::kInterleaved);
  const auto independent = ratio_estimate(a, b, Pairing::kIndependent);
  const auto width = [](const Estimate& e) { return e.interval->high - e.interval->low; };
  EXPECT_LT(width(*paired), width(*independent) / 3);
  EXPECT_GT(paired->interval->low, 1);
}

}  // namespace
}  // namespace violet::results
