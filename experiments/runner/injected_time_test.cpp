#include "experiments/runner/injected_time.hpp"

#include <gtest/gtest.h>

#include "experiments/results/metric_catalogue.hpp"

namespace violet::injected_time_test {
namespace {

double value_of(const std::vector<results::Metric>& metrics, const std::string& name) {
  for (const auto& metric : metrics) {
    if (metric.name == name) return metric.value.value_or(-1);
  }
  return -2;
}

TEST(InjectedTime, EveryKindHasItsShareAndZeroIsANumber) {
  InjectedTicks spun;
  spun[InjectedKind::kExit] = 600;
  spun[InjectedKind::kHostUnmap] = 150;
  const auto metrics = injected_metrics(spun, 1000);
  EXPECT_EQ(metrics.size(), InjectedTicks::kKinds + 1);
  EXPECT_EQ(value_of(metrics, "injected_share"), 75);
  EXPECT_EQ(value_of(metrics, "injected_exit_share"), 60);
  EXPECT_EQ(value_of(metrics, "injected_host_unmap_share"), 15);
  EXPECT_EQ(value_of(metrics, "injected_wake_share"), 0);
  for (const auto& metric : metrics) {
    EXPECT_EQ(metric.better, results::Better::kNeither)
        << metric.name << " is a label, not a merit";
  }
}

TEST(InjectedTime, OfNoTimeThereIsNoShare) {
  for (const auto& metric : injected_metrics({}, 0)) {
    EXPECT_FALSE(metric.value);
    EXPECT_EQ(metric.because, "no time was measured");
  }
}

TEST(InjectedTime, OnlyWhatWasSpunBetweenTwoMomentsCounts) {
  InjectedTicks before, after;
  before[InjectedKind::kWake] = 10;
  after[InjectedKind::kWake] = 25;
  EXPECT_EQ((after - before).total(), 15u);
}

plans::Cell cell(const char* placement, plans::Costs costs, const char* workload = "net-rx") {
  plans::Cell cell;
  cell.placement = placement;
  cell.workload = workload;
  cell.costs = costs;
  return cell;
}

using CostMap = std::map<std::string, double>;

TEST(ConfiguredCosts, AKickThreadsExitIsInjectedToo) {
  plans::Plan plan;
  plan.cells = {cell("kick-thread", {.exit_ns = 1500, .wake_ns = 40})};
  EXPECT_EQ(configured_costs(plan), (CostMap{{"exit_ns", 1500}, {"wake_ns", 40}}));
}

TEST(ConfiguredCosts, ARangeHasBothEndsZeroIncluded) {
  plans::Plan plan;
  plan.cells = {cell("samecore", {.exit_ns = 0}), cell("samecore", {.exit_ns = 500})};
  EXPECT_EQ(configured_costs(plan), (CostMap{{"exit_ns, least", 0}, {"exit_ns, most", 500}}));
}

TEST(ConfiguredCosts, WhatActsNowhereIsNotInjected) {
  plans::Plan plan;
  plan.cells = {cell("sidecore", {.exit_ns = 1500, .wake_ns = 40, .io_ns = 9})};
  EXPECT_EQ(configured_costs(plan), CostMap());
  plan.cells = {cell("sidecore", {.host_unmap_ns = 2070, .packet_ns = 586, .io_ns = 9})};
  EXPECT_EQ(configured_costs(plan), (CostMap{{"host_unmap_ns", 2070}, {"packet_ns", 586}}));
  plan.cells = {cell("sidecore", {.packet_ns = 586, .io_ns = 9}, "nvme-4k")};
  EXPECT_EQ(configured_costs(plan), (CostMap{{"io_ns", 9}}));
}

// Each cost is one lcore's: where the endpoints have their own, misses are not spun on the guest's.
TEST(InjectedTime, IsOfTheLcoreThatSpinsIt) {
  InjectedTicks spun;
  for (std::size_t i = 0; i < InjectedTicks::kKinds; ++i) spun.of[i] = 1;
  EXPECT_EQ(spun.on_engine(), 3u);
  EXPECT_EQ(spun.on_guest(true), InjectedTicks::kKinds - 3);
  spun = {};
  spun[InjectedKind::kIotlbMiss] = 100;
  EXPECT_EQ(spun.on_guest(true), 100u);
  EXPECT_EQ(spun.on_guest(false), 0u);
}

}  // namespace
}  // namespace violet::injected_time_test
