#include "experiments/results/steadiness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/report.hpp"

namespace violet::results::steadiness_test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kMs = 1e6;
constexpr double kNever = -1;

// One repetition for each: in ms, or kNever; the warm-up took 200 ms.
CellData steady_cell(const std::string& id, const std::vector<double>& after_ms) {
  CellData cell;
  cell.cell.id = id;
  cell.cell.label = "strategy=" + id;
  for (std::uint32_t i = 0; i < after_ms.size(); ++i) {
    RepetitionRecord record;
    record.repetition = i;
    record.metrics = {measured("operations_per_s", 1000), measured(kWarmUp, 200 * kMs)};
    if (after_ms[i] == kNever) {
      record.metrics.push_back(measured(kSteady, 0));
      record.metrics.push_back(not_measured(kSteadyAfter, "it was not"));
    } else {
      record.metrics.push_back(measured(kSteady, 1));
      record.metrics.push_back(measured(kSteadyAfter, after_ms[i] * kMs));
    }
    cell.repetitions.push_back(std::move(record));
  }
  return cell;
}

CellData unknown_cell() {
  CellData cell;
  cell.cell.label = "strategy=short";
  RepetitionRecord record;
  record.metrics = {not_measured(kSteady, "it was short"),
                    not_measured(kSteadyAfter, "it was short"), measured(kWarmUp, 0)};
  cell.repetitions.push_back(std::move(record));
  return cell;
}

TEST(Steadiness, IsOneSentenceForEachCell) {
  EXPECT_EQ(steady_text(steady_cell("a", {0, 0, 0})), "steady from the start");
  EXPECT_EQ(steady_text(steady_cell("a", {12, 12})), "steady after 12.0 ms");
  EXPECT_EQ(steady_text(steady_cell("a", {12, 41, 10})),
            "steady after 12.0 ms, 41.0 ms at the latest");
  EXPECT_EQ(steady_text(steady_cell("a", {0, 0, 41})),
            "steady from the start, 41.0 ms at the latest");
  EXPECT_EQ(steady_text(steady_cell("a", {12, kNever, 10, kNever, 0})),
            "not steady in 2 of 5 repetitions");
  EXPECT_EQ(steady_text(unknown_cell()),
            "whether the rate was steady is not known, because it was short");
  EXPECT_EQ(steady_text({}), "");
  CellData old;
  old.repetitions.push_back({});
  EXPECT_EQ(steady_text(old), "");
}

RunData run_of_cells(std::vector<CellData> cells) {
  RunData run;
  run.manifest.outcome = "finished";
  run.cells = std::move(cells);
  return run;
}

TEST(Steadiness, WarnsOfMostRepetitionsAlone) {
  EXPECT_TRUE(steadiness_warnings(run_of_cells({steady_cell("a", {0, 190, kNever, 900, 0}),
                                                steady_cell("b", {200, 200}), unknown_cell()}))
                  .empty());
  const auto warnings = steadiness_warnings(
      run_of_cells({steady_cell("a", {0, 0}), steady_cell("cold", {250, 340, 190}),
                    steady_cell("wild", {kNever, kNever, 0}), steady_cell("colder", {900, 900})}));
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_THAT(warnings[0], AllOf(HasSubstr("not steady in most repetitions: 1 of 4 cells"),
                                 HasSubstr("strategy=wild: not steady in 2 of 3 repetitions")));
  EXPECT_THAT(warnings[1],
              AllOf(HasSubstr("measured before the rate was steady"), HasSubstr("2 of 4 cells"),
                    HasSubstr("strategy=cold: steady after 250 ms, 340 ms at the latest, and its "
                              "warm-up took 200 ms")));
}

// No rate is known more exactly than to a slice, of which a repetition has 256 at least.
TEST(Steadiness, ASliceIsNoWarning) {
  CellData cell = steady_cell("a", {203, 203, 203});
  EXPECT_EQ(steadiness_warnings(run_of_cells({cell})).size(), 1U);
  for (RepetitionRecord& record : cell.repetitions) record.duration_s = 0.824;  // Slices of 4 ms.
  EXPECT_TRUE(steadiness_warnings(run_of_cells({cell})).empty());
}

TEST(Steadiness, ATraceIsNotToBeWarmedUp) {
  CellData trace = steady_cell("a", {300, 300});
  trace.cell.axes = {{"workload", std::string("trace:net-rx-strict")}};
  const auto warnings = steadiness_warnings(run_of_cells({trace}));
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0], HasSubstr("measured before the rate was steady: 1 of 1 cell"));
  EXPECT_THAT(warnings[0], Not(HasSubstr("run.warmup_s")));
  EXPECT_THAT(steadiness_warnings(run_of_cells({trace, steady_cell("b", {300, 300})}))[0],
              HasSubstr("run.warmup_s warms up for longer"));
}

TEST(Steadiness, WhatIsNotKnownForOneReasonIsSaidOnce) {
  CellData other = unknown_cell();
  other.cell.label = "strategy=other";
  EXPECT_THAT(steadiness_notes(run_of_cells({unknown_cell(), steady_cell("a", {0, 0}), other})),
              ::testing::ElementsAre(
                  "strategy=a: steady from the start",
                  "whether the rate was steady is not known, because it was short (2 cells)"));
  EXPECT_THAT(
      report(run_of_cells({unknown_cell()})).notes,
      Contains("whether the rate was steady is not known, because it was short (strategy=short)"));
}

TEST(Steadiness, IsInTheNotesOfAReport) {
  const Report said = report(run_of_cells({steady_cell("a", {12, kNever, 10, 11, 12})}));
  EXPECT_THAT(said.notes, Contains("strategy=a: not steady in 1 of 5 repetitions"));
  // That it has no time then is no number that some repetitions lack.
  EXPECT_THAT(said.warnings, Not(Contains(HasSubstr("some repetitions only"))));
  EXPECT_THAT(said.notes, Not(Contains(HasSubstr("steady_after"))));
}

}  // namespace
}  // namespace violet::results::steadiness_test
