// Periods in which a cgroup's CPU quota stopped a repetition are in its record and told.
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

#include "experiments/plans/plan.hpp"
#include "experiments/runner/cpu_quota.hpp"
#include "experiments/runner/metrics.hpp"
#include "experiments/runner/vocabulary.hpp"

namespace violet {
namespace {

// The checkout: the test is built from it.
const std::filesystem::path kRoot =
    std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();

using Count = std::optional<std::uint64_t>;

class Throttled : public testing::Test {
 protected:
  Throttled() {
    const auto words = make_vocabulary((kRoot / "datasets").string()).value();
    plans::Problems problems;
    plan_ = plans::parse_plan(
                "[plan]\nname = 'throttled'\n[axes]\nstrategy = 'strict'\n[run]\nrepetitions = 1\n"
                "[cores]\nallow_oversubscribed = true\n",
                "throttled.toml", {}, words, problems)
                .value();
    cores_ = choose_cores(plan_.cores, allowed_cpus()).value();
  }

  // Of some operations, with these counts of the cgroup before and behind them.
  results::RepetitionRecord record_of(Count before, Count after) {
    static Eal* const eal = Eal::start({.cpus = cores_.lcore_cpus()}).value();
    auto testbed = Testbed::create({.eal = *eal,
                                    .cores = cores_,
                                    .cell = plan_.cells.front(),
                                    .limits = plan_.limits,
                                    .dataset_dir = (kRoot / "datasets").string(),
                                    .seed = 1})
                       .value();
    Recorder recorder(*testbed, nullptr, nullptr, {});
    EXPECT_TRUE(recorder.start());
    EXPECT_TRUE(testbed->start());
    recorder.begin_sampling();
    recorder.begin_measuring();
    Measurement measured;
    measured.before = Snapshot::of(*testbed);
    EXPECT_EQ(measured.before.throttled.has_value(), throttled_periods().has_value());
    measured.start = recorder.mark(Phase::kMeasure);
    testbed->begin_phase(Deadline::kNever);
    for (; measured.operations < 10; ++measured.operations) testbed->step();
    measured.end = recorder.mark(Phase::kTakeDown);
    measured.after = Snapshot::of(*testbed);
    measured.before.throttled = before;
    measured.after.throttled = after;
    EXPECT_TRUE(testbed->finish());
    EXPECT_TRUE(recorder.stop());
    return to_record(measured, *testbed, recorder);
  }

  plans::Plan plan_;
  CoreMap cores_;
};

results::Metric metric_of(const results::RepetitionRecord& record) {
  for (const auto& metric : record.metrics) {
    if (metric.name == "throttled_periods") return metric;
  }
  ADD_FAILURE() << "no metric throttled_periods";
  return {};
}

std::string warning_of(const results::RepetitionRecord& record) {
  for (const auto& text : record.warnings) {
    if (text.find("CPU quota") != std::string::npos) return text;
  }
  return {};
}

TEST_F(Throttled, PeriodsAreThoseOfTheRepetitionAndAreToldOf) {
  const auto record = record_of(3, 10);
  EXPECT_EQ(metric_of(record).value, 7);
  EXPECT_EQ(warning_of(record), "7 periods in which the cgroup's CPU quota stopped the run");
}

TEST_F(Throttled, NoPeriodIsZeroAndNoWarning) {
  const auto record = record_of(3, 3);
  EXPECT_EQ(metric_of(record).value, 0);
  EXPECT_EQ(warning_of(record), "");
}

TEST_F(Throttled, WhatNobodyCountsIsNotKnown) {
  const auto record = record_of({}, {});
  EXPECT_FALSE(metric_of(record).value.has_value());
  EXPECT_EQ(metric_of(record).because, "no cgroup of this process counts them");
  EXPECT_EQ(warning_of(record), "");
}

}  // namespace
}  // namespace violet
