#include "experiments/results/expectations.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/base/rng.hpp"
#include "experiments/results/expectation_cells.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/report.hpp"

namespace violet::results::expectations_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint32_t kRepetitions = 9;

// A cell whose metric is around `centre`; nothing: it has none, because of `because`.
CellData cell_at(SettingAssignments axes, std::optional<double> centre, double noise = 0.01,
                 const std::string& metric = "operations_per_s", const std::string& because = "") {
  CellData cell;
  for (const auto& [axis, value] : axes) {
    cell.cell.label +=
        fmt::format("{}{}={}", cell.cell.label.empty() ? "" : " ", axis, violet::to_text(value));
  }
  cell.cell.id = cell.cell.label;
  cell.cell.axes = std::move(axes);
  Rng rng(std::hash<std::string>()(cell.cell.id));
  for (std::uint32_t i = 0; i < kRepetitions; ++i) {
    RepetitionRecord record;
    record.cell = cell.cell.id;
    record.repetition = i;
    std::optional<double> value;
    if (centre) value = *centre * (1 + noise * (static_cast<double>(rng.below(2001)) / 1000 - 1));
    record.metrics = {metric.empty() ? Metric{} : measured(metric, 0)};
    record.metrics[0].value = value;
    record.metrics[0].because = because;
    cell.repetitions.push_back(std::move(record));
  }
  return cell;
}

RunData run_with(std::vector<CellData> cells, std::vector<Expectation> expectations) {
  RunData run;
  run.manifest.plan_name = "example";
  run.manifest.interleaved = true;
  run.cells = std::move(cells);
  run.expectations = std::move(expectations);
  return run;
}

Expectation expect(ExpectationKind kind, const std::string& metric = "operations_per_s") {
  Expectation e;
  e.claim = "a claim";
  e.source = "a test";
  e.kind = kind;
  e.metric = metric;
  return e;
}

JudgedExpectation judged_one(std::vector<CellData> cells, const Expectation& expectation) {
  const auto judged = judge_expectations(run_with(std::move(cells), {expectation}));
  EXPECT_EQ(judged.size(), 1u);
  return judged.at(0);
}

SettingAssignments strategy(const std::string& name) { return {{"strategy", name}}; }

// `metric` at the values 1, 2, 4, ... of an axis.
std::vector<CellData> sweep(const std::vector<double>& centres, double noise = 0.01,
                            const std::string& name = "of") {
  std::vector<CellData> cells;
  std::int64_t at = 1;
  for (const double centre : centres) {
    cells.push_back(cell_at({{"strategy", name}, {"cpus", at}}, centre, noise));
    at *= 2;
  }
  return cells;
}

Fulfilment swept(const std::vector<double>& centres, Expectation e, double noise = 0.01) {
  e.over = "cpus";
  return judged_one(sweep(centres, noise), e).fulfilment;
}

TEST(Expectations, ARatioHoldsFailsOrStraddlesItsLimit) {
  Expectation e = expect(ExpectationKind::kRatio);
  e.of = {{"strategy", {"lazy"}}};
  e.to = {{"strategy", {"strict"}}};
  e.at_least = 2;
  const auto at = [&](double rate, double noise) {
    return judged_one({cell_at(strategy("strict"), 1e6), cell_at(strategy("lazy"), rate, noise)},
                      e);
  };
  EXPECT_EQ(at(2.5e6, 0.01).fulfilment, Fulfilment::kHolds);
  EXPECT_EQ(at(1.5e6, 0.01).fulfilment, Fulfilment::kFails);
  EXPECT_THAT(at(2.5e6, 0.01).measured, HasSubstr("×2.5"));
  const auto unclear = at(2.0e6, 0.2);
  EXPECT_EQ(unclear.fulfilment, Fulfilment::kInconclusive);
  EXPECT_NE(unclear.reason, "");
}

TEST(Expectations, ARatioWithTwoLimitsIsAboutBoth) {
  Expectation e = expect(ExpectationKind::kRatio);
  e.of = {{"strategy", {"lazy"}}};
  e.to = {{"strategy", {"strict"}}};
  e.at_least = 0.9;
  e.at_most = 1.1;
  const auto at = [&](double rate) {
    return judged_one({cell_at(strategy("strict"), 1e6), cell_at(strategy("lazy"), rate)}, e)
        .fulfilment;
  };
  EXPECT_EQ(at(1e6), Fulfilment::kHolds);
  EXPECT_EQ(at(0.8e6), Fulfilment::kFails);
  EXPECT_EQ(at(1.2e6), Fulfilment::kFails);
}

TEST(Expectations, AnOrderIsJudgedBetweenNeighbours) {
  Expectation e = expect(ExpectationKind::kOrder);
  e.over = "strategy";
  e.order = {"off", "lazy", "strict"};
  const auto at = [&](double lazy) {
    return judged_one({cell_at(strategy("strict"), 1e6), cell_at(strategy("lazy"), lazy),
                       cell_at(strategy("off"), 3e6)},
                      e);
  };
  EXPECT_EQ(at(2e6).fulfilment, Fulfilment::kHolds);
  const auto wrong = at(0.5e6);
  EXPECT_EQ(wrong.fulfilment, Fulfilment::kFails);
  EXPECT_THAT(wrong.reason, HasSubstr("lazy over strict is ×0.5"));
  EXPECT_EQ(at(1e6).fulfilment, Fulfilment::kInconclusive);
  e.tolerance_percent = 5;
  EXPECT_EQ(at(1e6).fulfilment, Fulfilment::kHolds);
}

// Stale pages of a strategy that never ends them lie above every number, and equal constants are in order.
TEST(Expectations, AnOrderKnowsWhatNeverEndsAndWhatIsAlwaysZero) {
  const std::string metric = "mean_stale_pages";
  Expectation e = expect(ExpectationKind::kOrder, metric);
  e.over = "strategy";
  e.order = {"off", "direct", "lazy", "strict", "bounce"};
  std::vector<CellData> cells = {
      cell_at(strategy("off"), std::nullopt, 0, metric, std::string(kStaysReachable)),
      cell_at(strategy("direct"), std::nullopt, 0, metric, std::string(kStaysReachable)),
      cell_at(strategy("lazy"), 12, 0.1, metric), cell_at(strategy("strict"), 0, 0, metric),
      cell_at(strategy("bounce"), 0, 0, metric)};
  const auto judged = judged_one(cells, e);
  EXPECT_EQ(judged.fulfilment, Fulfilment::kHolds) << judged.reason;
  EXPECT_THAT(judged.measured, HasSubstr("off always, direct always, lazy 1"));
  e.order = {"lazy", "off"};
  EXPECT_EQ(judged_one(cells, e).fulfilment, Fulfilment::kFails);
}

TEST(Expectations, AValueIsHeldAgainstItsLimits) {
  const std::string metric = "failed_requests";
  Expectation e = expect(ExpectationKind::kValue, metric);
  e.at_most = 0;
  const auto at = [&](std::optional<double> hits) {
    return judged_one({cell_at(strategy("strict"), hits, 0, metric, "no probe was made")}, e);
  };
  EXPECT_EQ(at(0).fulfilment, Fulfilment::kHolds);
  EXPECT_EQ(at(0).measured, "0");
  EXPECT_EQ(at(3).fulfilment, Fulfilment::kFails);
  const auto missing = at(std::nullopt);
  EXPECT_EQ(missing.fulfilment, Fulfilment::kNotJudged);
  EXPECT_THAT(missing.reason, HasSubstr("no probe was made"));
}

// The median of eight zeros and a one is 0, and so is all of its interval.
TEST(Expectations, WhatMustNeverHappenFailsByOneRepetition) {
  const std::string metric = "iova_reuse_violations";
  Expectation never = expect(ExpectationKind::kValue, metric);
  never.at_most = 0;
  CellData cell = cell_at(strategy("strict"), 0, 0, metric);
  EXPECT_EQ(judged_one({cell}, never).fulfilment, Fulfilment::kHolds);
  cell.repetitions[4].metrics[0].value = 1;
  const auto judged = judged_one({cell}, never);
  EXPECT_EQ(judged.fulfilment, Fulfilment::kFails);
  EXPECT_EQ(judged.measured, "1");
  EXPECT_TRUE(must_failed(std::vector{judged}));
}

TEST(Expectations, WhatMustNeverHappenIsNotForgottenByARetry) {
  const std::string metric = "iova_reuse_violations";
  Expectation never = expect(ExpectationKind::kValue, metric);
  never.at_most = 0;
  CellData cell = cell_at(strategy("strict"), 0, 0, metric);
  cell.repetitions[4].metrics[0].value = 7;
  cell.repetitions[4].metrics.push_back({"cpu_wait_share", "%", 40.0, "", Better::kNeither});
  RepetitionRecord retry = cell.repetitions[3];
  retry.repetition = kRepetitions;
  retry.retry_of = 4;
  cell.repetitions.push_back(retry);
  const auto judged = judged_one({cell}, never);
  EXPECT_EQ(judged.fulfilment, Fulfilment::kFails);
  EXPECT_EQ(judged.measured, "7");
}

// One value that lies on the right side by chance is no interval; one and the same in all is what it is.
TEST(Expectations, AValueOfFewRepetitionsIsInconclusiveUnlessItIsConstant) {
  Expectation e = expect(ExpectationKind::kValue);
  e.at_least = 0.5e6;
  const auto of = [&](double noise, std::size_t count) {
    CellData cell = cell_at(strategy("strict"), 1e6, noise);
    cell.repetitions.resize(count);
    return judged_one({cell}, e);
  };
  EXPECT_EQ(of(0.01, 6).fulfilment, Fulfilment::kHolds);
  EXPECT_EQ(of(0.01, 5).fulfilment, Fulfilment::kInconclusive);
  EXPECT_THAT(of(0.01, 5).reason, HasSubstr("5 repetitions are too few"));
  EXPECT_EQ(of(0, 2).fulfilment, Fulfilment::kHolds);
  EXPECT_EQ(of(0, 1).fulfilment, Fulfilment::kInconclusive);
  e.at_least = 2e6;
  EXPECT_EQ(of(0.01, 5).fulfilment, Fulfilment::kInconclusive);
  EXPECT_EQ(of(0, 2).fulfilment, Fulfilment::kFails);
  const Table table = expectations_table(std::vector{of(0, 2)});
  EXPECT_THAT(table.notes.back(), HasSubstr("interval of its median"));
}

TEST(Expectations, NothingOverNothingIsNoRatio) {
  Expectation ratio = expect(ExpectationKind::kRatio);
  ratio.of = {{"strategy", {"lazy"}}};
  ratio.to = {{"strategy", {"strict"}}};
  ratio.at_least = 0.5;
  ratio.at_most = 2;
  const auto none =
      judged_one({cell_at(strategy("strict"), 0, 0), cell_at(strategy("lazy"), 0, 0)}, ratio);
  EXPECT_EQ(none.fulfilment, Fulfilment::kNotJudged);
  EXPECT_THAT(none.reason, HasSubstr("0 over 0 is no ratio"));
  Expectation collapse = expect(ExpectationKind::kCollapse);
  collapse.at_most = 0.5;
  EXPECT_EQ(swept({0, 0, 0}, collapse, 0), Fulfilment::kNotJudged);
  Expectation flat = expect(ExpectationKind::kFlat);
  flat.tolerance_percent = 5;
  EXPECT_EQ(swept({0, 0, 0}, flat, 0), Fulfilment::kHolds) << "what is always nothing is flat";
}

// 20 ns by a clock of 10 ns may be 15 or 25: ten times that is anything from 150 to 250.
TEST(Expectations, ALimitScalesTheStepOfTheClock) {
  Expectation e = expect(ExpectationKind::kRatio, "unmap.p50");
  e.of = {{"strategy", {"lazy"}}};
  e.to = {{"strategy", {"strict"}}};
  e.at_most = 10;
  std::vector<CellData> cells = {cell_at(strategy("strict"), 20), cell_at(strategy("lazy"), 170)};
  for (CellData& cell : cells) {
    for (RepetitionRecord& one : cell.repetitions) {
      one.metrics[0].name = e.metric;
      one.metrics[0].unit = "ns";
    }
  }
  RunData run = run_with(cells, {e});
  EXPECT_EQ(judge_expectations(run)[0].fulfilment, Fulfilment::kHolds);
  run.manifest.clock_step_ns = 10;
  EXPECT_EQ(judge_expectations(run)[0].fulfilment, Fulfilment::kInconclusive);
}

// Without a value on either side of it nothing would be asked, and nothing that is not asked holds.
TEST(Expectations, BetweenNeedsAValueOnEitherSide) {
  Expectation knee = expect(ExpectationKind::kKnee);
  knee.over = "cpus";
  knee.tolerance_percent = 5;
  Expectation crossover = expect(ExpectationKind::kCrossover);
  crossover.over = "cpus";
  crossover.of = {{"strategy", {"copy"}}};
  crossover.to = {{"strategy", {"map"}}};
  std::vector<CellData> cells = sweep({4e6, 3e6, 1e6}, 0.01, "copy");
  for (CellData& cell : sweep({2e6, 2e6, 2e6}, 0.01, "map")) cells.push_back(std::move(cell));
  for (const Interval between : {Interval{0.1, 0.5}, Interval{0.1, 100}, Interval{1, 100}}) {
    knee.between = crossover.between = between;
    for (const auto& judged :
         {judged_one(sweep({4e6, 4e6, 2e6}), knee), judged_one(cells, crossover)}) {
      EXPECT_EQ(judged.fulfilment, Fulfilment::kNotJudged) << between.low << " " << between.high;
      EXPECT_THAT(judged.reason, HasSubstr("between: expected"));
    }
  }
}

TEST(Expectations, ARatioNeedsAPartnerForEveryCell) {
  Expectation e = expect(ExpectationKind::kRatio);
  e.of = {{"strategy", {"lazy"}}};
  e.to = {{"strategy", {"strict"}}};
  e.at_least = 1.5;
  const auto cell = [](const std::string& workload, const std::string& name, double rate) {
    return cell_at({{"workload", workload}, {"strategy", name}}, rate);
  };
  const auto judged =
      judged_one({cell("rx", "strict", 1e6), cell("rx", "lazy", 2e6), cell("tx", "lazy", 1e3)}, e);
  EXPECT_EQ(judged.fulfilment, Fulfilment::kNotJudged);
  EXPECT_THAT(judged.reason, HasSubstr("to: expected a cell beside"));
}

TEST(Expectations, AnOrderNamesEachValueOnceAndFewOfThem) {
  Expectation e = expect(ExpectationKind::kOrder);
  e.over = "strategy";
  e.order = {"lazy", "strict", "lazy"};
  const std::set<std::string> given = {"claim", "class", "source", "metric",
                                       "kind",  "over",  "order"};
  ASSERT_EQ(problems_of(e, given).size(), 1u);
  EXPECT_EQ(problems_of(e, given)[0].key, "order");
  EXPECT_THAT(problems_of(e, given)[0].message, HasSubstr("each value once, found 'lazy' twice"));
  e.order.clear();
  for (std::size_t i = 0; i < kMostChosenCells; ++i) e.order.push_back(std::to_string(i));
  EXPECT_TRUE(problems_of(e, given).empty());
  e.order.push_back("one more");
  ASSERT_EQ(problems_of(e, given).size(), 1u);
  EXPECT_THAT(problems_of(e, given)[0].message, HasSubstr("at most 256 values, found 257"));
}

TEST(Expectations, MonotoneNeedsEveryStepAndADifferenceBetweenTheEnds) {
  const Expectation rising = expect(ExpectationKind::kRising);
  EXPECT_EQ(swept({1e6, 2e6, 4e6}, rising), Fulfilment::kHolds);
  EXPECT_EQ(swept({1e6, 4e6, 2e6}, rising), Fulfilment::kFails);
  Expectation falling = expect(ExpectationKind::kFalling);
  EXPECT_EQ(swept({4e6, 2e6, 1e6}, falling), Fulfilment::kHolds);
  EXPECT_EQ(swept({1e6, 2e6, 4e6}, falling), Fulfilment::kFails);
  falling.tolerance_percent = 10;
  EXPECT_EQ(swept({4e6, 2e6, 2e6, 1e6}, falling), Fulfilment::kHolds);
  EXPECT_NE(swept({1e6, 1e6, 1e6}, falling), Fulfilment::kHolds) << "what is flat does not fall";
}

TEST(Expectations, FlatIsWithinItsTolerance) {
  Expectation e = expect(ExpectationKind::kFlat);
  e.tolerance_percent = 5;
  EXPECT_EQ(swept({1e6, 1.01e6, 0.99e6}, e), Fulfilment::kHolds);
  EXPECT_EQ(swept({1e6, 1.2e6, 1e6}, e), Fulfilment::kFails);
  EXPECT_EQ(swept({1e6, 0.8e6, 1e6}, e), Fulfilment::kFails);
}

TEST(Expectations, AKneeLiesBetweenTwoValues) {
  Expectation e = expect(ExpectationKind::kKnee);
  e.tolerance_percent = 5;
  e.between = Interval{2, 8};
  EXPECT_EQ(swept({4e6, 4e6, 3e6, 2e6}, e), Fulfilment::kHolds);
  EXPECT_EQ(swept({4e6, 3e6, 3e6, 2e6}, e), Fulfilment::kFails) << "it comes before";
  EXPECT_EQ(swept({4e6, 4e6, 4e6, 4e6}, e), Fulfilment::kFails) << "there is none";
  e.over = "cpus";
  EXPECT_THAT(judged_one(sweep({4e6, 4e6, 3e6, 2e6}), e).measured, HasSubstr("between 2 and 4"));
}

TEST(Expectations, ACollapseIsOneSteepStep) {
  Expectation e = expect(ExpectationKind::kCollapse);
  e.at_most = 0.5;
  EXPECT_EQ(swept({4e6, 4.1e6, 0.4e6}, e), Fulfilment::kHolds);
  EXPECT_EQ(swept({4e6, 3e6, 2e6, 1.4e6}, e), Fulfilment::kFails) << "a decline is none";
  e.over = "cpus";
  EXPECT_THAT(judged_one(sweep({4e6, 4.1e6, 0.4e6}), e).measured, HasSubstr("2 to 4: ×0.0"));
}

TEST(Expectations, ACrossoverNeedsBothSides) {
  Expectation e = expect(ExpectationKind::kCrossover);
  e.over = "cpus";
  e.of = {{"strategy", {"copy"}}};
  e.to = {{"strategy", {"map"}}};
  const auto at = [&](const std::vector<double>& copy, const std::vector<double>& map) {
    std::vector<CellData> cells = sweep(copy, 0.01, "copy");
    for (CellData& cell : sweep(map, 0.01, "map")) cells.push_back(std::move(cell));
    return judged_one(std::move(cells), e);
  };
  const auto crosses = at({4e6, 3e6, 1e6, 0.5e6}, {2e6, 2e6, 2e6, 2e6});
  EXPECT_EQ(crosses.fulfilment, Fulfilment::kHolds) << crosses.reason;
  EXPECT_THAT(crosses.measured, HasSubstr("between 2 and 4"));
  EXPECT_EQ(at({4e6, 4e6, 4e6, 4e6}, {2e6, 2e6, 2e6, 2e6}).fulfilment, Fulfilment::kFails);
  e.between = Interval{1, 2};
  EXPECT_EQ(at({4e6, 3e6, 1e6, 0.5e6}, {2e6, 2e6, 2e6, 2e6}).fulfilment, Fulfilment::kFails)
      << "it is still above at 2";
}

// A sidecore has no exits and is measured once: every point of the sweep is held against it.
TEST(Expectations, ASidecoreTakesPartInEverySweepOfExits) {
  const auto cell = [](const std::string& placement, std::int64_t exit_ns, double rate) {
    return cell_at({{"placement", placement}, {"costs.exit_ns", exit_ns}}, rate);
  };
  Expectation e = expect(ExpectationKind::kCrossover);
  e.over = "costs.exit_ns";
  e.of = {{"placement", {"samecore"}}};
  e.to = {{"placement", {"sidecore"}}};
  const auto judged = judged_one({cell("samecore", 0, 2e6), cell("samecore", 1000, 0.8e6),
                                  cell("samecore", 5000, 0.3e6), cell("sidecore", 0, 1e6)},
                                 e);
  EXPECT_EQ(judged.fulfilment, Fulfilment::kHolds) << judged.reason;
}

TEST(Expectations, EveryGroupOfCellsHasToHold) {
  Expectation e = expect(ExpectationKind::kRatio);
  e.of = {{"strategy", {"lazy"}}};
  e.to = {{"strategy", {"strict"}}};
  e.at_least = 1.5;
  const auto cell = [](const std::string& workload, const std::string& name, double rate) {
    return cell_at({{"workload", workload}, {"strategy", name}}, rate);
  };
  const std::vector<CellData> cells = {cell("rx", "strict", 1e6), cell("rx", "lazy", 2e6),
                                       cell("tx", "strict", 1e6), cell("tx", "lazy", 1.1e6)};
  const auto all = judged_one(cells, e);
  EXPECT_EQ(all.fulfilment, Fulfilment::kFails);
  EXPECT_EQ(all.groups, 2u);
  EXPECT_EQ(all.holding, 1u);
  EXPECT_THAT(all.measured, HasSubstr("tx: ×1.1"));
  e.where = {{"workload", {"r*"}}};
  EXPECT_EQ(judged_one(cells, e).fulfilment, Fulfilment::kHolds);
}

TEST(Expectations, AMissingCellIsNotJudged) {
  Expectation e = expect(ExpectationKind::kRatio);
  e.of = {{"strategy", {"lasy"}}};
  e.to = {{"strategy", {"strict"}}};
  e.at_least = 1;
  const auto judged =
      judged_one({cell_at(strategy("strict"), 1e6), cell_at(strategy("lazy"), 2e6)}, e);
  EXPECT_EQ(judged.fulfilment, Fulfilment::kNotJudged);
  EXPECT_THAT(judged.reason, HasSubstr("did you mean 'lazy'?"));
  CellData unmeasured = cell_at(strategy("lasy"), 2e6);
  unmeasured.repetitions.clear();
  const auto other = judged_one({cell_at(strategy("strict"), 1e6), unmeasured}, e);
  EXPECT_EQ(other.fulfilment, Fulfilment::kNotJudged);
  EXPECT_THAT(other.reason, HasSubstr("was not measured"));
}

// Three repetitions settle nothing, however far apart they are.
TEST(Expectations, FewRepetitionsAreInconclusive) {
  Expectation e = expect(ExpectationKind::kRatio);
  e.of = {{"strategy", {"lazy"}}};
  e.to = {{"strategy", {"strict"}}};
  e.at_least = 2;
  std::vector<CellData> cells = {cell_at(strategy("strict"), 1e6), cell_at(strategy("lazy"), 9e6)};
  for (CellData& cell : cells) cell.repetitions.resize(3);
  const auto judged = judged_one(cells, e);
  EXPECT_EQ(judged.fulfilment, Fulfilment::kInconclusive);
  EXPECT_THAT(judged.reason, HasSubstr("too few"));
}

void disturb(CellData& cell) {
  for (RepetitionRecord& record : cell.repetitions) {
    record.metrics.push_back({"cpu_wait_share", "%", 40.0, "", Better::kNeither});
  }
}

TEST(Expectations, TimesAndRatesOfDisturbedCellsAreWithheld) {
  Expectation e = expect(ExpectationKind::kRatio);
  e.of = {{"strategy", {"lazy"}}};
  e.to = {{"strategy", {"strict"}}};
  e.at_least = 2;
  std::vector<CellData> cells = {cell_at(strategy("strict"), 1e6), cell_at(strategy("lazy"), 1e6)};
  disturb(cells[1]);
  for (int both = 0; both < 2; ++both) {
    const auto judged = judged_one(cells, e);
    EXPECT_EQ(judged.fulfilment, Fulfilment::kInconclusive);
    EXPECT_THAT(judged.reason, HasSubstr("disturbed"));
    disturb(cells[0]);
  }
  Expectation rate = expect(ExpectationKind::kValue);
  rate.at_least = 2e6;
  EXPECT_EQ(judged_one({cells[1]}, rate).fulfilment, Fulfilment::kInconclusive);
}

TEST(Expectations, WhatTheHostCannotChangeIsJudgedOnADisturbedOne) {
  Expectation never = expect(ExpectationKind::kValue, "mean_stale_pages");
  never.at_most = 0;
  CellData breach = cell_at(strategy("strict"), 5, 0.1, "mean_stale_pages");
  disturb(breach);
  EXPECT_EQ(judged_one({breach}, never).fulfilment, Fulfilment::kFails);
  Expectation requests = expect(ExpectationKind::kRatio, "requests_per_operation");
  requests.of = {{"strategy", {"lazy"}}};
  requests.to = {{"strategy", {"strict"}}};
  requests.at_most = 0.5;
  std::vector<CellData> cells = {cell_at(strategy("strict"), 2, 0.01, "requests_per_operation"),
                                 cell_at(strategy("lazy"), 2, 0.01, "requests_per_operation")};
  for (CellData& cell : cells) disturb(cell);
  EXPECT_EQ(judged_one(cells, requests).fulfilment, Fulfilment::kFails);
}

// With a true ratio at its limit an expectation fails for few runs of equal cells, and so it does for many at once.
TEST(Expectations, WhatLiesAtItsLimitSeldomFails) {
  int failed = 0;
  for (int i = 0; i < 100; ++i) {
    std::vector<CellData> cells;
    for (int k = 0; k < 6; ++k) {
      for (const char* name : {"a", "b"}) {
        cells.push_back(
            cell_at({{"strategy", std::string(name)}, {"workload", fmt::format("{}-{}", i, k)}},
                    1e6, 0.05));
      }
    }
    Expectation e = expect(ExpectationKind::kRatio);
    e.of = {{"strategy", {"a"}}};
    e.to = {{"strategy", {"b"}}};
    e.at_least = 1;
    failed += judged_one(cells, e).fulfilment == Fulfilment::kFails ? 1 : 0;
  }
  EXPECT_LE(failed, 10);
}

TEST(Expectations, TheTableHasOneRowEachAndFitsAHundredColumns) {
  Expectation e = expect(ExpectationKind::kRatio);
  e.claim = "A rather long claim about what a sidecore does to the exposure of lazy unmapping here";
  e.of = {{"strategy", {"lazy"}}};
  e.to = {{"strategy", {"strict"}}};
  e.at_least = 2;
  const RunData run =
      run_with({cell_at(strategy("strict"), 1e6), cell_at(strategy("lazy"), 1e6)}, {e, e});
  const auto judged = judge_expectations(run);
  EXPECT_TRUE(must_failed(judged));
  const Table table = expectations_table(judged);
  EXPECT_EQ(table.rows.size(), 2u);
  const std::string text = render_text(table, {.width = 100});
  EXPECT_THAT(text, HasSubstr("must: fails"));
  const std::size_t head = text.find("claim  ");
  ASSERT_NE(head, std::string::npos) << text;
  EXPECT_THAT(text.substr(head, text.find('\n', head) - head), HasSubstr("verdict")) << text;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    EXPECT_LE(display_width(text.substr(at, end - at)), 100u);
    at = end + 1;
  }
  const std::string shown = render_summary(report(run), {}, {.style = {.width = 100}});
  EXPECT_THAT(shown, HasSubstr("What the plan expects"));
  const auto json = nlohmann::json::parse(render(run, report(run), Format::kJson));
  ASSERT_EQ(json["expectations"].size(), 2u);
  EXPECT_EQ(json["expectations"][0]["verdict"], "fails");
  EXPECT_EQ(json["expectations"][0]["evidence"][0]["side"], "below");
}

TEST(Expectations, AReportOrAShouldThatFailsIsNoFailedMust) {
  Expectation e = expect(ExpectationKind::kValue);
  e.at_most = 1;
  for (const Importance one : {Importance::kShould, Importance::kReport}) {
    e.importance = one;
    const auto judged = judge_expectations(run_with({cell_at(strategy("strict"), 1e6)}, {e}));
    EXPECT_EQ(judged[0].fulfilment, Fulfilment::kFails);
    EXPECT_FALSE(must_failed(judged));
  }
}

TEST(Expectations, JsonGivesBackWhatItWasGiven) {
  Expectation e = expect(ExpectationKind::kKnee);
  e.importance = Importance::kShould;
  e.where = {{"strategy", {"a", "b"}}};
  e.over = "cpus";
  e.tolerance_percent = 5;
  e.between = Interval{2, 8};
  const auto json = nlohmann::json::parse(to_json(e).dump());
  const auto back = expectations_from_json(nlohmann::json::array({json}), "resolved.json");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(to_json(back->at(0)), to_json(e));
}

TEST(Expectations, ForeignJsonIsAnErrorThatNamesItsFile) {
  const auto refused = [](const char* text) {
    const auto read = expectations_from_json(nlohmann::json::parse(text), "a.json");
    EXPECT_FALSE(read) << text;
    if (!read) {
      EXPECT_THAT(read.error().message, HasSubstr("a.json"));
    }
  };
  refused("{}");
  refused("[1]");
  refused(R"([{"kind": "knee", "class": "must", "metric": "map.p50"}])");
  refused(R"([{"kind": "ratio", "class": "must", "metric": 3, "of": [], "to": 4}])");
  refused(R"([{"kind": "order", "class": "must", "over": "strategy", "order": ["a"]}])");
  refused(R"([{"kind": "none", "class": "must"}])");
}

// Settings of one strategy choose among its cells, and the other strategies take part all the same.
TEST(Expectations, WhereLeavesCellsThatLackASetting) {
  const auto lazy = [](std::int64_t entries, double rate) {
    return cell_at({{"strategy", std::string("lazy")}, {"strategy.lazy.entries", entries}}, rate);
  };
  Expectation e = expect(ExpectationKind::kOrder);
  e.over = "strategy";
  e.order = {"lazy", "strict"};
  e.where = {{"strategy.lazy.entries", {"256"}}};
  const std::vector<CellData> cells = {cell_at(strategy("strict"), 1e6), lazy(128, 0.5e6),
                                       lazy(256, 2e6)};
  const auto judged = judged_one(cells, e);
  EXPECT_EQ(judged.fulfilment, Fulfilment::kHolds) << judged.reason;
  EXPECT_EQ(judged.groups, 1u);
  e.where = {{"strategy.lazy.entries", {"512"}}};
  EXPECT_EQ(judged_one(cells, e).fulfilment, Fulfilment::kNotJudged) << "no cell has that";
}

TEST(Expectations, CellsThatDifferInWhatIsNotNamedAreAmbiguous) {
  const SettingAssignments strict = {{"strategy", std::string("strict")}};
  const auto lazy = [](std::int64_t entries) {
    return SettingAssignments{{"strategy", std::string("lazy")},
                              {"strategy.lazy.entries", entries}};
  };
  const SettingAssignments cells[] = {strict, lazy(128), lazy(256)};
  const SettingAssignments* all[] = {&cells[0], &cells[1], &cells[2]};
  const CellTable table(all);
  EXPECT_THAT(table.varying(), ElementsAre("strategy", "strategy.lazy.entries"));
  Expectation e = expect(ExpectationKind::kRatio);
  e.of = {{"strategy", {"strict"}}};
  e.to = {{"strategy", {"lazy"}}};
  const auto ambiguous = table.groups(e);
  ASSERT_FALSE(ambiguous);
  EXPECT_EQ(ambiguous.error().key, "to");
  EXPECT_THAT(ambiguous.error().message, HasSubstr("name more"));
  std::swap(e.of, e.to);  // Each of both lazy cells against the one strict cell.
  const auto groups = table.groups(e);
  ASSERT_TRUE(groups);
  EXPECT_EQ(groups->size(), 2u);
  EXPECT_EQ(groups->at(1).label, "entries=256");
}

}  // namespace
}  // namespace violet::results::expectations_test
