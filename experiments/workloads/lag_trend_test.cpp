#include "experiments/workloads/lag_trend.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace violet {
namespace {

constexpr Ticks kBegin = 1'000'000, kLength = 1'000'000;

// An operation every 20 ticks, whose lag is a function of the share of the time that has passed.
template <class Lag>
std::optional<LagTrend::Verdict> trend_of(Lag&& lag, Ticks step = 20) {
  LagTrend trend;
  for (Ticks at = 0; at < kLength; at += step) {
    trend.record(kBegin + at, static_cast<Ticks>(lag(static_cast<double>(at) / kLength)));
  }
  return trend.verdict(kBegin, kBegin + kLength);
}

TEST(LagTrend, WhoReachesNineTenthsOfWhatIsOfferedIsOverloaded) {
  const auto verdict = trend_of([](double time) { return 0.1 * time * kLength; });
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->overloaded);
  EXPECT_NEAR(verdict->rate_reached, 0.9, 1e-3);
}

TEST(LagTrend, WhoMissesLessThanOnePercentIsNot) {
  const auto verdict = trend_of([](double time) { return 0.005 * time * kLength; });
  ASSERT_TRUE(verdict);
  EXPECT_FALSE(verdict->overloaded);
  EXPECT_NEAR(verdict->rate_reached, 0.995, 1e-3);
}

// Late all the time, by as much; and a backlog from before that shrinks.
TEST(LagTrend, ALagThatDoesNotGrowIsNoOverload) {
  const auto constant = trend_of([](double) { return 0.3 * kLength; });
  ASSERT_TRUE(constant);
  EXPECT_FALSE(constant->overloaded);
  EXPECT_NEAR(constant->rate_reached, 1, 1e-3);
  const auto shrinking = trend_of([](double time) { return (1 - time) * 0.2 * kLength; });
  ASSERT_TRUE(shrinking);
  EXPECT_FALSE(shrinking->overloaded);
  EXPECT_NEAR(shrinking->rate_reached, 1.2, 1e-3);
}

// A stop of an eighth of the time, which is then caught up with; also one at the very end.
TEST(LagTrend, AHiccupIsNoOverload) {
  for (const double from : {0.1, 0.4, 0.6, 0.8}) {
    const auto verdict = trend_of([&](double time) {
      return time < from ? 0 : std::max(0.0, (0.125 - 0.5 * (time - from)) * kLength);
    });
    ASSERT_TRUE(verdict);
    EXPECT_FALSE(verdict->overloaded) << from;
  }
}

TEST(LagTrend, WithoutAnOperationNothingIsKnown) {
  LagTrend trend;
  EXPECT_FALSE(trend.verdict(kBegin, kBegin + kLength));
  trend.record(kBegin - 1, 5);
  EXPECT_FALSE(trend.verdict(kBegin, kBegin + kLength));
}

// In a pause nothing is overdue, and a burst at its end is caught up with later.
TEST(LagTrend, APauseIsTimeWithoutLag) {
  for (const double growth : {0.0, 0.005, 0.2}) {
    LagTrend trend;
    trend.record(kBegin, 0);
    for (Ticks i = 0; i < 1000; ++i) {
      const Ticks lag = static_cast<Ticks>(growth * static_cast<double>(i) / 1000 * kLength);
      trend.record(kBegin + kLength * 7 / 10 + i + lag, lag);
    }
    const auto verdict = trend.verdict(kBegin, kBegin + kLength);
    ASSERT_TRUE(verdict);
    EXPECT_FALSE(verdict->overloaded) << growth;
  }
}

// A host that gives a guest hardly any time: its few operations are all late, at the end of the measured time.
TEST(LagTrend, AHandfulOfOperationsLateInTheTimeIsAnOverload) {
  LagTrend trend;
  for (Ticks i = 0; i < 10; ++i) trend.record(kBegin + kLength - 100 + i, kLength - 200 + i);
  const auto verdict = trend.verdict(kBegin, kBegin + kLength);
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->overloaded);
  EXPECT_NEAR(verdict->rate_reached, 0, 0.01);
}

// More than it keeps: it tells the same of a part.
TEST(LagTrend, KeepsAPartOfMany) {
  const auto verdict = trend_of([](double time) { return 0.25 * time * kLength; }, 1);
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->overloaded);
  EXPECT_NEAR(verdict->rate_reached, 0.75, 1e-3);
}

TEST(LagTrend, ForgetsWhatWasBeforeAReset) {
  LagTrend trend;
  for (Ticks at = 0; at < 100'000; ++at) trend.record(at, at);
  trend.reset();
  EXPECT_FALSE(trend.verdict(0, 100'000));
  for (Ticks at = 0; at < 100; ++at) trend.record(kBegin + at, 0);
  const auto verdict = trend.verdict(kBegin, kBegin + 100);
  ASSERT_TRUE(verdict);
  EXPECT_FALSE(verdict->overloaded);
}

}  // namespace
}  // namespace violet
