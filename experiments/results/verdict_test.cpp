#include "experiments/results/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "experiments/results/samples_testing.hpp"

namespace violet::results {
namespace {

using ::testing::HasSubstr;

Difference differ(double contender, double noise, Better better, std::size_t count = 9,
                  const Judgement& how = {}) {
  return compare_samples(samples_testing(around(1000, noise, count, 1), better),
                         samples_testing(around(contender, noise, count, 2), better), how);
}

Judgement two_runs(double deviation, double freedom = 10) {
  Judgement how;
  how.arms = Arms::kTwoRuns;
  how.noise = RunNoise{deviation, 0.0, freedom, "a test"};
  return how;
}

TEST(Verdicts, FollowTheDirectionOfTheMetric) {
  EXPECT_EQ(differ(1300, 0.02, Better::kLower).verdict, Verdict::kWorse);
  EXPECT_TRUE(differ(1300, 0.02, Better::kLower).regression);
  EXPECT_EQ(differ(1300, 0.02, Better::kHigher).verdict, Verdict::kBetter);
  EXPECT_EQ(differ(700, 0.02, Better::kLower).verdict, Verdict::kBetter);
  EXPECT_EQ(differ(700, 0.02, Better::kHigher).verdict, Verdict::kWorse);
  EXPECT_EQ(differ(1300, 0.02, Better::kNeither).verdict, Verdict::kInconclusive);
}

TEST(Verdicts, NoDifferenceNeedsAnIntervalWithinTheMargin) {
  const Difference equal = differ(1001, 0.005, Better::kLower);
  EXPECT_EQ(equal.verdict, Verdict::kNoDifference);
  EXPECT_EQ(equal.reason, "within 5.00 %");
  const Difference loud = differ(1005, 0.1, Better::kLower);
  EXPECT_EQ(loud.verdict, Verdict::kInconclusive);
  ASSERT_TRUE(loud.visible.has_value());
  EXPECT_GT(*loud.visible, 0.02);
  EXPECT_THAT(loud.reason, HasSubstr("smaller than"));
  EXPECT_THAT(loud.reason, HasSubstr("% cannot be seen here"));
  Judgement narrow;
  narrow.margin_percent = 0.1;
  EXPECT_EQ(differ(1001, 0.005, Better::kLower, 9, narrow).verdict, Verdict::kInconclusive);
}

// `count` values around 1000 against as many around `other`.
Difference one_of_many(std::uint64_t seed, double other, double spread, std::size_t count) {
  return compare_samples(
      samples_testing(around(1000, spread, count, 2 * seed + 1), Better::kLower),
      samples_testing(around(other, spread, count, 2 * seed + 2), Better::kLower), {});
}

// A true difference of the margin's size: the interval lies within it for one in 40 at most.
TEST(Verdicts, ATrueDifferenceIsSeldomCalledNone) {
  int none = 0;
  for (std::uint64_t i = 0; i < 400; ++i) {
    const Difference d = one_of_many(i, 1050, 0.03, 6);
    none += d.verdict == Verdict::kNoDifference ? 1 : 0;
  }
  EXPECT_LE(none, 400 / 20);
}

TEST(Verdicts, FewRepetitionsSettleNothing) {
  const Difference d = differ(2000, 0.01, Better::kLower, 3);
  EXPECT_EQ(d.verdict, Verdict::kInconclusive);
  EXPECT_THAT(d.reason, HasSubstr("3 repetitions of each are too few"));
  EXPECT_FALSE(d.regression);
  const Difference none = compare_samples(samples_testing({}, Better::kLower),
                                          samples_testing({1}, Better::kLower), {});
  EXPECT_THAT(none.reason, HasSubstr("not measured"));
}

TEST(Verdicts, SmallRegressionsStayBelowTheThreshold) {
  const Difference d = differ(1040, 0.005, Better::kLower);
  EXPECT_EQ(d.verdict, Verdict::kWorse);
  EXPECT_THAT(d.reason, HasSubstr("within 5.00 %"));
  EXPECT_FALSE(d.regression);  // 4 % of 5 %.
}

TEST(Verdicts, ZerosHaveNoRatioButAVerdict) {
  const Samples zero = samples_testing(std::vector<double>(9, 0.0), Better::kLower);
  EXPECT_EQ(compare_samples(zero, zero, {}).verdict, Verdict::kNoDifference);
  const Samples few = samples_testing({0, 0}, Better::kLower);
  EXPECT_EQ(compare_samples(few, few, {}).verdict, Verdict::kInconclusive);
  const Samples five = samples_testing(around(5, 0.1, 9, 1), Better::kLower);
  const Difference d = compare_samples(zero, five, {});
  EXPECT_FALSE(d.ratio.has_value());
  EXPECT_EQ(d.verdict, Verdict::kWorse);
  EXPECT_TRUE(d.regression);
  EXPECT_EQ(compare_samples(five, zero, {}).verdict, Verdict::kBetter);
}

// What two calibrations of one clock differ by is no improvement.
TEST(Verdicts, TheClocksResolutionIsAFloor) {
  Samples base = samples_testing({}, Better::kLower), other = base;
  for (std::size_t i = 0; i < 9; ++i) {
    base.values.push_back(1700 + 1e-5 * static_cast<double>(i));
    other.values.push_back((1700 + 1e-5 * static_cast<double>(i)) * 0.9999975);
    base.repetitions.push_back(static_cast<std::uint32_t>(i));
  }
  other.repetitions = base.repetitions;
  const Difference d = compare_samples(base, other, {});
  EXPECT_LT(d.p, 0.001);
  EXPECT_EQ(d.verdict, Verdict::kNoDifference);
  base.name = other.name = "map.p50";  // From buckets of a histogram, a thousandth wide.
  for (double& value : other.values) value = 1701;
  EXPECT_EQ(compare_samples(base, other, {}).verdict, Verdict::kNoDifference);
}

// A clock that steps by 10 ns tells 400 from 410 by chance; 400 from 440 it tells.
TEST(Verdicts, AStepOfTheClockIsNoDifference) {
  const auto judged = [](double contender, double step) {
    Samples base = samples_testing(std::vector<double>(9, 400), Better::kLower);
    Samples other = samples_testing(std::vector<double>(9, contender), Better::kLower);
    base.name = other.name = "map.p50";
    Judgement how;
    how.margin_percent = 1;
    how.clock_step_ns = step;
    return compare_samples(base, other, how);
  };
  EXPECT_EQ(judged(410, 1).verdict, Verdict::kWorse);
  EXPECT_EQ(judged(410, 10).verdict, Verdict::kInconclusive);
  EXPECT_NEAR(*judged(410, 10).visible, 10.0 / 400, 1e-9);
  EXPECT_EQ(judged(440, 10).verdict, Verdict::kWorse);
  Samples mean = samples_testing(std::vector<double>(9, 400), Better::kLower);
  Samples more = samples_testing(std::vector<double>(9, 404), Better::kLower);
  mean.name = more.name = "map.mean";  // Of many calls, which fall on either side of a step.
  Judgement how;
  how.clock_step_ns = 10;
  EXPECT_EQ(compare_samples(mean, more, how).verdict, Verdict::kWorse);
}

TEST(Verdicts, WithheldSayWhy) {
  Difference d = differ(2000, 0.01, Better::kLower);
  ASSERT_EQ(d.verdict, Verdict::kWorse);
  d.withheld = "other programs had CPUs of the baseline's cell";
  Difference* const one[] = {&d};
  judge(one);
  EXPECT_EQ(d.verdict, Verdict::kInconclusive);
  EXPECT_EQ(d.reason, d.withheld);
  EXPECT_FALSE(d.regression);
  EXPECT_FALSE(d.visible);
}

TEST(Verdicts, HoldForAllComparisonsTogether) {
  std::vector<Difference> many;
  for (int i = 0; i < 10; ++i) many.push_back(differ(2000, 0.01, Better::kLower, 5));
  EXPECT_NEAR(many[0].p, 2.0 / 252, 1e-15);
  EXPECT_EQ(many[0].verdict, Verdict::kWorse);  // Alone.
  std::vector<Difference*> all;
  for (Difference& d : many) all.push_back(&d);
  judge(all);
  for (const Difference& d : many) {
    EXPECT_EQ(d.tests, 10u);
    EXPECT_NEAR(d.adjusted_p, 10 * 2.0 / 252, 1e-14);  // .079
    EXPECT_EQ(d.verdict, Verdict::kInconclusive);
    EXPECT_THAT(d.reason, HasSubstr("too few for 10 comparisons"));
  }
}

TEST(Verdicts, HolmStepsDown) {
  std::vector<Difference> three(3, differ(1300, 0.02, Better::kLower));
  const double p[] = {0.02, 0.01, 0.04};
  std::vector<Difference*> all;
  for (std::size_t i = 0; i < 3; ++i) {
    three[i].p = p[i];
    all.push_back(&three[i]);
  }
  judge(all);
  EXPECT_NEAR(three[1].adjusted_p, 0.03, 1e-15);
  EXPECT_NEAR(three[0].adjusted_p, 0.04, 1e-15);
  EXPECT_NEAR(three[2].adjusted_p, 0.04, 1e-15);  // Never below the one before.
}

TEST(Verdicts, WhatCannotBeSignificantIsNoTest) {
  std::vector<Difference> many{differ(2000, 0.01, Better::kLower, 5)};
  const Samples zero = samples_testing(std::vector<double>(9, 0.0), Better::kLower);
  for (int i = 0; i < 50; ++i) many.push_back(compare_samples(zero, zero, {}));
  many.push_back(differ(2000, 0.01, Better::kLower, 3));
  std::vector<Difference*> all;
  for (Difference& d : many) all.push_back(&d);
  judge(all);
  EXPECT_EQ(many[0].tests, 1u);
  EXPECT_EQ(many[0].verdict, Verdict::kWorse);
}

TEST(Verdicts, TwoRunsAreHeldAgainstWhatEqualRunsDifferBy) {
  Judgement unknown;
  unknown.arms = Arms::kTwoRuns;
  const Difference open = differ(1300, 0.01, Better::kLower, 9, unknown);
  EXPECT_EQ(open.verdict, Verdict::kInconclusive);
  EXPECT_THAT(open.reason, HasSubstr("not known"));
  EXPECT_EQ(differ(1300, 0.01, Better::kLower, 9, two_runs(0.02)).verdict, Verdict::kWorse);
  // 30 % among runs that scatter by 20 %: t = ln 1.3 / (.2 sqrt 2) = .93, p = .37 at 10 degrees of freedom.
  const Difference loud = differ(1300, 0.001, Better::kLower, 9, two_runs(0.2));
  EXPECT_EQ(loud.verdict, Verdict::kInconclusive);
  EXPECT_NEAR(loud.p, 0.375, 0.005);
  EXPECT_NEAR(*loud.noise_floor, std::exp(2.228139 * 0.2 * std::sqrt(2.0)) - 1, 1e-6);
  EXPECT_NEAR(*loud.visible, *loud.noise_floor, 1e-6);
  EXPECT_NEAR(loud.ratio->interval->low, loud.ratio->value / (1 + *loud.noise_floor), 1e-6);
  // Equal medians are no evidence where runs scatter by more than the margin.
  EXPECT_EQ(differ(1000, 0.001, Better::kLower, 9, two_runs(0.2)).verdict, Verdict::kInconclusive);
  EXPECT_EQ(differ(1000, 0.001, Better::kLower, 9, two_runs(0.005)).verdict,
            Verdict::kNoDifference);
}

// A tenth is as far away as ten times: neither hides below a floor that the other rises above.
TEST(Verdicts, TheFloorIsTheSameUpAndDown) {
  const Judgement how = two_runs(0.33);  // 2.8 times, 95 % of the time.
  EXPECT_EQ(differ(10000, 0.02, Better::kLower, 9, how).verdict, Verdict::kWorse);
  EXPECT_EQ(differ(100, 0.02, Better::kLower, 9, how).verdict, Verdict::kBetter);
  EXPECT_EQ(differ(2000, 0.02, Better::kLower, 9, how).verdict, Verdict::kInconclusive);
  EXPECT_EQ(differ(500, 0.02, Better::kLower, 9, how).verdict, Verdict::kInconclusive);
}

TEST(Verdicts, StatedNoiseIsTheFloor) { EXPECT_NEAR(*stated_noise(30).floor(), 0.3, 1e-9); }

TEST(Verdicts, PairsCancelWhatARepetitionShares) {
  const std::vector<double> weather{100, 700, 50, 1200, 130, 2000, 105, 150, 900};
  Samples base = samples_testing(weather, Better::kHigher), other = base;
  for (std::size_t i = 0; i < weather.size(); ++i) {
    other.values[i] *= 1.8 + 0.01 * static_cast<double>(i);
  }
  Judgement how;
  EXPECT_EQ(compare_samples(base, other, how).verdict, Verdict::kInconclusive);
  how.pairing = Pairing::kInterleaved;
  const Difference d = compare_samples(base, other, how);
  EXPECT_EQ(d.verdict, Verdict::kBetter);
  EXPECT_NEAR(d.p, 2 * 2.0 / 512, 1e-12);
  EXPECT_GT(d.ratio->interval->low, 1.79);
  EXPECT_LT(d.ratio->interval->high, 1.9);
}

// The host was three times as fast once one of two cells was narrow: the other met it, and is no faster for that.
TEST(Verdicts, CellsOfOneRunAreComparedByTheRepetitionsThatBothHave) {
  Samples base = samples_testing({100, 104, 98, 101, 103, 99, 102}, Better::kHigher), longer = base;
  for (const double value : {300, 303, 301, 297, 306, 299, 304, 302}) {
    longer.values.push_back(value);
    longer.repetitions.push_back(static_cast<std::uint32_t>(longer.repetitions.size()));
  }
  Judgement how;
  EXPECT_GT(compare_samples(base, longer, how).ratio->value, 2) << "over all";
  how.pairing = Pairing::kInterleaved;
  for (const bool swapped : {false, true}) {
    const Difference d =
        swapped ? compare_samples(longer, base, how) : compare_samples(base, longer, how);
    EXPECT_EQ(d.ratio->value, 1);
    EXPECT_EQ(d.ratio->interval->low, 1);
    EXPECT_EQ(d.ratio->interval->high, 1);
    EXPECT_EQ(d.ratio->samples, 7u);
    EXPECT_EQ(d.p, 1);
    EXPECT_EQ((swapped ? d.baseline : d.contender).value, 297) << "the median is of all";
    EXPECT_EQ((swapped ? d.baseline : d.contender).samples, 15u);
  }
}

// A repetition without the metric is no reason to give up the pairs of the others.
TEST(Verdicts, PairsAreFoundByTheNumbersOfRepetitions) {
  Samples base = samples_testing({100, 700, 50, 1200, 130, 2000, 105, 150}, Better::kHigher);
  Samples other = base;
  for (double& value : other.values) value *= 2;
  base.values.erase(base.values.begin() + 2);
  base.repetitions.erase(base.repetitions.begin() + 2);
  Judgement how;
  how.pairing = Pairing::kInterleaved;
  const Difference d = compare_samples(base, other, how);
  EXPECT_NEAR(d.ratio->interval->low, 2, 1e-12);
  EXPECT_NEAR(d.ratio->interval->high, 2, 1e-12);
  EXPECT_EQ(d.ratio->samples, 7u);
  EXPECT_THAT(d.test, ::testing::StartsWith("Wilcoxon"));
}

TEST(Verdicts, WithoutARepetitionThatBothHaveThereIsNone) {
  Samples base = samples_testing({1, 2, 3, 4, 5, 6, 7}, Better::kHigher), other = base;
  for (std::uint32_t& repetition : other.repetitions) repetition += 7;
  Judgement how;
  how.pairing = Pairing::kInterleaved;
  const Difference d = compare_samples(base, other, how);
  EXPECT_EQ(d.verdict, Verdict::kInconclusive);
  EXPECT_EQ(d.reason, "no repetition has both");
  EXPECT_FALSE(d.ratio);
}

TEST(Verdicts, FewerThanSixPairsAreIndependentSamples) {
  Judgement how;
  how.pairing = Pairing::kInterleaved;
  const Difference d = differ(2000, 0.01, Better::kLower, 5, how);
  EXPECT_EQ(d.verdict, Verdict::kWorse);
  EXPECT_NEAR(d.p, 2.0 / 252, 1e-15);
}

TEST(Verdicts, IdenticalArmsAreRarelyCalledDifferent) {
  int called = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const Difference d = one_of_many(i, 1000, 0.05, 9);
    called += d.verdict == Verdict::kBetter || d.verdict == Verdict::kWorse ? 1 : 0;
  }
  EXPECT_LE(called, 300 * 0.08);
}

}  // namespace
}  // namespace violet::results
