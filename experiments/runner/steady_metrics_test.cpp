#include "experiments/runner/steady_metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/clock.hpp"
#include "experiments/results/metric_catalogue.hpp"

namespace violet::steady_metrics_test {
namespace {

const results::Metric& found(const std::vector<results::Metric>& metrics, std::string_view name) {
  for (const auto& metric : metrics) {
    if (metric.name == name) return metric;
  }
  ADD_FAILURE() << "no metric " << name;
  return metrics.front();
}

// Slices of 1000 ticks: so many at each rate.
std::vector<RateSlice> slices_of(const std::vector<std::pair<std::uint64_t, std::size_t>>& parts) {
  std::vector<RateSlice> slices;
  for (const auto& [operations, count] : parts) {
    slices.insert(slices.end(), count, RateSlice{1000, operations});
  }
  return slices;
}

TEST(SteadyMetrics, SayAfterWhatTimeTheRateWasSteady) {
  const auto metrics = steady_metrics(slices_of({{500, 30}, {900, 70}}), 20'000, false);
  EXPECT_EQ(found(metrics, results::kSteady).value, 1);
  EXPECT_DOUBLE_EQ(*found(metrics, results::kSteadyAfter).value, 30'000 * ns_per_tick());
  EXPECT_DOUBLE_EQ(*found(metrics, results::kWarmUp).value, 20'000 * ns_per_tick());
  EXPECT_EQ(found(steady_metrics(slices_of({{900, 40}}), 0, false), results::kSteadyAfter).value,
            0);
}

TEST(SteadyMetrics, SayThatItWasNotSteady) {
  const auto metrics = steady_metrics(slices_of({{500, 90}, {900, 10}}), 0, false);
  EXPECT_EQ(found(metrics, results::kSteady).value, 0);
  EXPECT_FALSE(found(metrics, results::kSteadyAfter).value);
  EXPECT_EQ(found(metrics, results::kSteadyAfter).because,
            "the rate was not steady in the last quarter of it");
}

TEST(SteadyMetrics, WhatIsNotKnownHasAReason) {
  const auto few = steady_metrics(slices_of({{500, 31}}), 0, false);
  EXPECT_EQ(found(few, results::kSteady).because,
            "it takes 32 slices of time with an operation each, and there were 31");
  const auto paced = steady_metrics(slices_of({{500, 100}}), 0, true);
  for (const auto name : {results::kSteady, results::kSteadyAfter}) {
    EXPECT_FALSE(found(paced, name).value);
    EXPECT_THAT(found(paced, name).because, ::testing::HasSubstr("paced trace"));
  }
  EXPECT_EQ(found(paced, results::kWarmUp).value, 0);
}

}  // namespace
}  // namespace violet::steady_metrics_test
