#include "experiments/results/break_even.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "experiments/results/report.hpp"

namespace violet::results::break_even_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// One exit an operation, on top of 1 us: what a samecore is.
double samecore_rate(double exit_ns) { return 1e9 / (1000 + exit_ns); }

CellData cell(const char* placement, std::int64_t exit_ns, double rate, double cpus,
              std::uint32_t repetitions = 6) {
  CellData data;
  data.cell.id = fmt::format("{}.{}", placement, exit_ns);
  data.cell.label = data.cell.id;
  data.cell.axes = {{"strategy", std::string("strict")},
                    {"placement", std::string(placement)},
                    {"costs.exit_ns", exit_ns}};
  for (std::uint32_t i = 0; i < repetitions; ++i) {
    RepetitionRecord record;
    record.repetition = i;
    const double drift = 1 + 0.01 * i;  // Of the host: the same for all cells.
    record.metrics = {
        {"operations_per_s", "op/s", rate * drift, "", Better::kHigher},
        {"operations_per_s_per_cpu", "op/s", rate * drift / cpus, "", Better::kHigher},
        {"cpus_used", "1", cpus, "", Better::kNeither}};
    data.repetitions.push_back(std::move(record));
  }
  return data;
}

RunData sweep(double sidecore_ns, std::vector<std::int64_t> exits = {0, 250, 1500, 5000}) {
  RunData run;
  for (const std::int64_t exit : exits) {
    run.cells.push_back(cell("samecore", exit, samecore_rate(static_cast<double>(exit)), 1));
  }
  run.cells.push_back(cell("sidecore", 0, 1e9 / sidecore_ns, 2));
  return run;
}

TEST(BreakEven, IsNoneWhereNothingKicks) {
  RunData run = sweep(1180);
  for (CellData& data : run.cells) {
    for (auto& record : data.repetitions) {
      record.metrics.push_back({"kicks_per_operation", "1", 0, "", Better::kLower});
    }
  }
  const auto found = break_evens(run);
  ASSERT_EQ(found.size(), 2u);
  for (const BreakEven& one : found) {
    EXPECT_EQ(one.outcome, BreakEven::Outcome::kNoExits);
    EXPECT_FALSE(one.at_ns);
    EXPECT_THAT(to_text(one), HasSubstr("an exit costs it nothing"));
  }
}

// A sidecore is measured with the first of each cost of exits alone.
TEST(BreakEven, IsFoundForEveryEntry) {
  RunData run;
  for (const std::int64_t entry : {0, 2000}) {
    for (const std::int64_t exit : {0, 250, 1500}) {
      run.cells.push_back(cell("samecore", exit, samecore_rate(static_cast<double>(exit)), 1));
      run.cells.back().cell.axes.emplace_back("costs.entry_ns", entry);
    }
  }
  run.cells.push_back(cell("sidecore", 0, 1e9 / 1180, 2));
  run.cells.back().cell.axes.emplace_back("costs.entry_ns", std::int64_t{0});
  const auto found = break_evens(run);
  ASSERT_EQ(found.size(), 4u);
  EXPECT_THAT(found[0].cells, HasSubstr("costs.entry_ns=0"));
  EXPECT_THAT(found[2].cells, HasSubstr("costs.entry_ns=2000"));
}

TEST(BreakEven, IsInterpolatedInTimeBetweenTheMeasuredExits) {
  const auto found = break_evens(sweep(1180));
  ASSERT_EQ(found.size(), 2u);
  ASSERT_EQ(found[0].outcome, BreakEven::Outcome::kFound);
  EXPECT_NEAR(found[0].at_ns->value, 180, 1e-6);
  EXPECT_EQ(found[0].between_ns, std::pair(0.0, 250.0));
  ASSERT_TRUE(found[0].at_ns->interval);
  EXPECT_NEAR(found[0].at_ns->interval->low, 180, 1e-6) << "the host's drift is that of all cells";
  EXPECT_EQ(found[0].found_in, 6u);
  EXPECT_THAT(to_text(found[0]), AllOf(HasSubstr("by throughput"), HasSubstr("180 ns"),
                                       HasSubstr("between the measured 0 ns and 250 ns")));
  // Of two CPUs a sidecore has to carry twice as much.
  ASSERT_EQ(found[1].outcome, BreakEven::Outcome::kFound);
  EXPECT_NEAR(found[1].at_ns->value, 2 * 1180 - 1000, 1e-6);
  EXPECT_THAT(to_text(found[1]), HasSubstr("for each CPU used"));
}

// One cell was measured more often, on a host that was three times as fast by then.
TEST(BreakEven, IsOfTheRepetitionsThatAllCellsHave) {
  RunData run = sweep(1180);
  CellData longer = cell("samecore", 250, samecore_rate(250), 1, 15);
  for (std::size_t i = 6; i < 15; ++i) {
    for (Metric& metric : longer.repetitions[i].metrics) *metric.value *= 3;
  }
  run.cells[1] = std::move(longer);
  const auto found = break_evens(run);
  ASSERT_EQ(found[0].outcome, BreakEven::Outcome::kFound);
  EXPECT_NEAR(found[0].at_ns->value, 180, 1e-6);
  EXPECT_NEAR(found[0].at_ns->interval->high, 180, 1e-6);
  EXPECT_EQ(found[0].repetitions, 6u);
}

// Six repetitions are too few for 98.39 %.
TEST(BreakEven, HasTheConfidenceOfTheRunsMedians) {
  RunData run = sweep(1180);
  for (CellData& data : run.cells) data.confidence = 0.983876;
  const auto found = break_evens(run);
  ASSERT_EQ(found[0].outcome, BreakEven::Outcome::kFound);
  EXPECT_NEAR(found[0].at_ns->value, 180, 1e-6);
  EXPECT_FALSE(found[0].at_ns->interval);
}

TEST(BreakEven, SaysWhereTheSweepHasNone) {
  const auto faster = break_evens(sweep(400));
  EXPECT_EQ(faster[0].outcome, BreakEven::Outcome::kBelow);
  EXPECT_FALSE(faster[0].at_ns);
  EXPECT_THAT(to_text(faster[0]), AllOf(HasSubstr("not within the sweep of exits, 0 ns to 5"),
                                        HasSubstr("sidecore has the higher rate")));
  const auto slower = break_evens(sweep(9000));
  EXPECT_EQ(slower[0].outcome, BreakEven::Outcome::kAbove);
  EXPECT_THAT(to_text(slower[0]), HasSubstr("samecore has the higher rate"));
}

TEST(BreakEven, NeedsASweepAndASidecore) {
  EXPECT_TRUE(break_evens(sweep(1180, {1500})).empty());
  RunData run = sweep(1180);
  run.cells.pop_back();
  EXPECT_TRUE(break_evens(run).empty());
}

TEST(BreakEven, ACellWithoutARateLeavesItUnknown) {
  RunData run = sweep(1180);
  run.cells[1].repetitions.clear();
  const auto found = break_evens(run);
  EXPECT_EQ(found[0].outcome, BreakEven::Outcome::kNotMeasured);
  EXPECT_THAT(to_text(found[0]), HasSubstr("not available, because"));
}

TEST(BreakEven, CrossingsAreCountedAndNoneIsExtrapolated) {
  const std::vector<std::pair<double, double>> line = {{0, 1}, {10, 2}, {20, 3}};
  EXPECT_EQ(crossings(line, 0.9).count, 0u);
  EXPECT_EQ(crossings(line, 3.1).count, 0u);
  EXPECT_EQ(crossings(line, 2).count, 1u) << "a measured point is one and not two";
  EXPECT_EQ(crossings(line, 2).at, 10);
  EXPECT_EQ(crossings(line, 2.5).at, 15);
  EXPECT_EQ(crossings({{0, 1}, {10, 3}, {20, 1}}, 2).count, 2u);
}

TEST(BreakEven, SaysWhereARepetitionAloneHasNone) {
  RunData run = sweep(1180);
  for (CellData& data :
       run.cells) {  // In one repetition the sidecore was the faster one throughout.
    if (axis_text(data.cell, "placement") != "sidecore") continue;
    for (auto& metric : data.repetitions[0].metrics) metric.value = *metric.value * 10;
  }
  const auto found = break_evens(run);
  ASSERT_EQ(found[0].outcome, BreakEven::Outcome::kFound);
  EXPECT_THAT(to_text(found[0]),
              HasSubstr("in 1 of 6 repetitions, taken alone, the rates do not cross just once, so "
                        "that no interval can be given"));
}

TEST(BreakEven, IsPartOfTheReport) {
  const RunData run = sweep(1180);
  const Report said = report(run);
  EXPECT_THAT(render(run, said, Format::kText), HasSubstr("break-even"));
  const auto json = nlohmann::json::parse(render(run, said, Format::kJson));
  EXPECT_NEAR(json["break_even"][0]["exit_ns"].get<double>(), 180, 1e-6);
}

}  // namespace
}  // namespace violet::results::break_even_test
