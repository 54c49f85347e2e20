// What stays mapped by design: how much it is, that nothing of it is left behind, and that it can be revoked.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "experiments/plans/plan.hpp"
#include "experiments/runner/repetition.hpp"
#include "experiments/runner/vocabulary.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kBlock = 2 << 20;  // Of `registered`, by default.

const std::string kDatasets =
    (std::filesystem::path(__FILE__).parent_path().parent_path().parent_path() / "datasets")
        .string();

plans::Plan plan_of(const std::string& axes, const std::string& rest) {
  const auto words = make_vocabulary(kDatasets).value();
  plans::Problems problems;
  auto plan = plans::parse_plan("[plan]\nname = 'test'\n[axes]\n" + axes + "\n" + rest +
                                    "\n[cores]\nallow_oversubscribed = true\n",
                                "test.toml", {}, words, problems);
  EXPECT_TRUE(plan) << plans::to_text(problems);
  return plan.value();
}

double value_of(const results::RepetitionRecord& record, const std::string& name) {
  for (const auto& metric : record.metrics) {
    if (metric.name != name) continue;
    EXPECT_TRUE(metric.value) << name << ": " << metric.because;
    return metric.value.value_or(-1);
  }
  ADD_FAILURE() << "no metric " << name;
  return -1;
}

std::uint64_t count_of(const results::RepetitionRecord& record, const std::string& histogram) {
  for (const auto& named : record.histograms) {
    if (named.name == histogram) return named.histogram.total();
  }
  return 0;
}

// A repetition of a cell; the testbed that it used is left as it was taken down.
struct Ran {
  std::unique_ptr<Testbed> testbed;
  results::RepetitionRecord record;
};

Ran run(const plans::Plan& plan, const plans::Cell& cell) {
  const auto cores = choose_cores(plan.cores, allowed_cpus()).value();
  static Eal* const eal = Eal::start({.cpus = cores.lcore_cpus()}).value();
  Ran ran;
  auto testbed = Testbed::create({.eal = *eal,
                                  .cores = cores,
                                  .cell = cell,
                                  .limits = plan.limits,
                                  .dataset_dir = kDatasets,
                                  .seed = 1,
                                  .rogue_every = 4});
  EXPECT_TRUE(testbed) << (testbed ? "" : testbed.error().message);
  ran.testbed = std::move(*testbed);
  auto record = run_repetition(*ran.testbed, {.run = plan.run, .recorder = {}});
  EXPECT_TRUE(record) << (record ? "" : record.error().message);
  if (record) ran.record = std::move(*record);
  return ran;
}

TEST(WhatStaysMapped, IsSaidOfTheEndOfMeasuringAndIsGoneAfterTakingDown) {
  const auto plan = plan_of(
      "workload = ['net-rx', 'nvme-4k']\n"
      "strategy = ['registered', 'persistent', 'pool', 'dma-tracking']",
      "[run]\nrepetitions = 1\nwarmup_operations = 100\noperations = 2000");
  for (const auto& cell : plan.cells) {
    SCOPED_TRACE(cell.label);
    const Ran ran = run(plan, cell);
    const auto bytes = static_cast<std::uint64_t>(value_of(ran.record, "always_mapped_bytes"));
    EXPECT_GE(bytes, 128u * 4096);  // Whatever is in flight.
    if (cell.strategy == "registered") {
      EXPECT_EQ(bytes % kBlock, 0u);
    }
    EXPECT_EQ(ran.testbed->strategy().always_mapped_bytes(), 0u);
  }
}

// Rings are used as long as their driver works: a block that one lies in has to drain all the same. Timers go by
// operations, so that there is a revocation in every thousand of them, on whatever machine.
TEST(Revocation, EndsUnderEveryLoadAndTheNextUseRegistersAgain) {
  const auto plan = plan_of(
      "workload = ['net-rx', 'net-tx', 'nvme-4k']\nstrategy = 'registered'\n"
      "placement = ['sidecore', 'samecore']\ntimers = 'workload'",
      "[strategy.registered]\nrevoke_per_s = 1000\n"
      "[run]\nrepetitions = 1\nwarmup_operations = 1000\noperations = 20000");
  for (const auto& cell : plan.cells) {
    SCOPED_TRACE(cell.label);
    const Ran ran = run(plan, cell);
    EXPECT_GE(value_of(ran.record, "revocations"), 5);
    EXPECT_EQ(static_cast<double>(count_of(ran.record, "revocation")),
              value_of(ran.record, "revocations"));
    // Of strict, which it is while a block drains, 2 and more.
    EXPECT_LT(value_of(ran.record, "requests_per_operation"), 1);
    EXPECT_GT(value_of(ran.record, "rogue_probes"), 0);
    EXPECT_EQ(value_of(ran.record, "rogue_unexpected_hits"), 0);
    EXPECT_EQ(value_of(ran.record, "rogue_unexpected_misses"), 0);
    EXPECT_EQ(value_of(ran.record, "iova_reuse_violations"), 0);
    for (const char* none : {"data_errors", "failed_requests", "map_failures", "faults"}) {
      EXPECT_EQ(value_of(ran.record, none), 0) << none;
    }
    EXPECT_EQ(ran.testbed->strategy().always_mapped_bytes(), 0u);
  }
}

}  // namespace
}  // namespace violet
