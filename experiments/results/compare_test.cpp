#include "experiments/results/compare.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/retries.hpp"
#include "experiments/results/run_differences.hpp"
#include "experiments/results/samples_testing.hpp"

namespace violet::results {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

RunData run_of(const std::string& id, double factor, std::vector<std::string> strategies) {
  RunData run;
  run.manifest.run_id = id;
  run.manifest.outcome = "finished";
  run.manifest.host = run.manifest.kernel = run.manifest.cpu_model = {"h", {}};
  run.manifest.hugepages = run.manifest.clock_source = run.manifest.git_revision = {"x", {}};
  run.manifest.governor = {{}, "there is no cpufreq here"};
  std::uint64_t seed = 1;
  for (const std::string& strategy : strategies) {
    CellData cell{{strategy + ".1",
                   "strategy=" + strategy,
                   {{"strategy", strategy}, {"iova", std::string("rcache")}}},
                  {}};
    const auto rates = around(1e6 * factor, 0.01, 6, seed++);
    for (std::uint32_t i = 0; i < rates.size(); ++i) {
      RepetitionRecord record{cell.cell.id, i, 0, 1, {}, {}, {}};
      record.metrics = {{"operations_per_s", "op/s", rates[i], {}, Better::kHigher},
                        {"cycles", "1", {}, "no PMU", Better::kLower}};
      HdrHistogram h;
      for (std::uint64_t v = 0; v < 400; ++v)  // Enough for a 99th percentile.
        h.record(static_cast<std::uint64_t>(1e9 / rates[i]) + v / 4);
      record.histograms.push_back({"map", "ns", h, Better::kLower});
      cell.repetitions.push_back(std::move(record));
    }
    run.cells.push_back(std::move(cell));
  }
  return run;
}

// Equal runs may differ by a hundredth.
CompareOptions quiet() {
  CompareOptions options;
  options.noise_percent = 1;
  return options;
}

CompareOptions only_rate() {
  CompareOptions options = quiet();
  options.metrics = {"operations_per_s"};
  return options;
}

void disturb(CellData& cell, std::size_t repetitions) {
  for (std::size_t i = 0; i < repetitions; ++i) {
    cell.repetitions[i].metrics.push_back(measured(kCpuWaitShare, 75));
  }
}

// A cell that is over within a time slice is quiet while the neighbour takes most of a longer one.
TEST(Comparing, WithinARunTheMostlyDisturbedIsNotHeldAgainstTheQuiet) {
  const auto verdict_with = [](std::size_t baseline, std::size_t contender) {
    RunData run = run_of("a", 1, {"strict"});
    run.manifest.interleaved = true;
    run.cells.push_back(run_of("a", 5, {"off"}).cells[0]);
    disturb(run.cells[0], baseline);
    disturb(run.cells[1], contender);
    return compare_within(run, {{"strategy", "strict"}}, only_rate())
        ->contrasts[0]
        .differences[0]
        .verdict;
  };
  EXPECT_EQ(verdict_with(0, 0), Verdict::kBetter);
  EXPECT_EQ(verdict_with(3, 0), Verdict::kBetter);
  EXPECT_EQ(verdict_with(4, 0), Verdict::kInconclusive);
  EXPECT_EQ(verdict_with(0, 6), Verdict::kInconclusive);
  EXPECT_EQ(verdict_with(6, 6), Verdict::kBetter);
}

// What drifted on the host between one cell and the next would pass for a difference of theirs.
TEST(Comparing, CellsThatDidNotTakeTurnsAreNotHeldAgainstEachOther) {
  for (const bool interleaved : {true, false}) {
    RunData run = run_of("a", 1, {"strict"});
    run.manifest.interleaved = interleaved;
    run.cells.push_back(run_of("a", 5, {"off"}).cells[0]);
    const auto compared = compare_within(run, {{"strategy", "strict"}}, only_rate());
    ASSERT_TRUE(compared);
    const Difference& d = compared->contrasts[0].differences[0];
    EXPECT_EQ(d.verdict, interleaved ? Verdict::kBetter : Verdict::kInconclusive);
    if (!interleaved) EXPECT_THAT(d.reason, HasSubstr("run.order = \"sequential\""));
    EXPECT_FALSE(compared->regression());
  }
}

// As the application asks.
TEST(Comparing, WhoJudgesDifferencesAloneGetsNoVerdictOnDisturbedCellsEither) {
  RunData slow = run_of("a", 1, {"strict"}), fast = run_of("b", 5, {"strict"});
  const auto verdict = [&] {
    auto rows = differences_of({&slow, &slow.cells[0]}, {&fast, &fast.cells[0]}, only_rate());
    Difference* const one[] = {&rows[0]};
    judge(one);
    return rows[0].verdict;
  };
  EXPECT_EQ(verdict(), Verdict::kBetter);
  disturb(fast.cells[0], 1);
  EXPECT_EQ(verdict(), Verdict::kInconclusive);
}

TEST(Comparing, MatchesCellsOnEqualAxesAndListsTheRest) {
  const std::vector<RunData> runs{run_of("a", 1, {"strict", "off"}),
                                  run_of("b", 0.7, {"off", "lazy"})};
  const auto comparison = compare(runs, quiet());
  ASSERT_TRUE(comparison.has_value()) << comparison.error().message;
  const Contrast& contrast = comparison->contrasts[0];
  EXPECT_THAT(contrast.only_in_baseline, ElementsAre("strategy=strict"));
  EXPECT_THAT(contrast.only_in_contender, ElementsAre("strategy=lazy"));
  ASSERT_EQ(contrast.differences.size(), 5u);  // Rate, cycles, p50, mean, p99 of "off".
  EXPECT_EQ(contrast.differences[0].verdict, Verdict::kWorse);
  EXPECT_TRUE(comparison->regression());
  const std::string text = render(*comparison, Format::kText);
  EXPECT_THAT(text, HasSubstr("only in a: strategy=strict"));
  EXPECT_THAT(text, HasSubstr("worse, too much"));
}

TEST(Comparing, AnEqualRunHasNoRegression) {
  const std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 1, {"strict"}),
                                  run_of("c", 2, {"strict"})};
  const auto comparison = compare(runs, only_rate());
  ASSERT_TRUE(comparison.has_value());
  EXPECT_FALSE(comparison->regression());
  EXPECT_EQ(comparison->contrasts[0].differences[0].verdict, Verdict::kNoDifference);
  EXPECT_EQ(comparison->contrasts[1].differences[0].verdict, Verdict::kBetter);
}

TEST(Comparing, ThresholdsAndIgnoredAxes) {
  std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 0.7, {"off"})};
  EXPECT_TRUE(compare(runs, quiet())->contrasts[0].differences.empty());
  CompareOptions options = quiet();
  options.ignored_axes = {"strategy"};
  EXPECT_TRUE(compare(runs, options)->regression());
  options.threshold_percent = 50;
  EXPECT_FALSE(compare(runs, options)->regression());
  runs[0] = run_of("a", 1, {"strict", "off"});
  EXPECT_THAT(compare(runs, options).error().message, HasSubstr("cannot be told apart"));
}

TEST(Comparing, ErrorsAreAboutUsage) {
  const std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 1, {"strict"})};
  EXPECT_EQ(compare(std::span(runs).first(1), quiet()).error().kind, ErrorKind::kUsage);
  CompareOptions options = quiet();
  options.metrics = {"speed"};
  const auto unknown = compare(runs, options);
  EXPECT_THAT(unknown.error().message,
              HasSubstr("metric 'speed' was not measured; there are cycles"));
}

TEST(Comparing, AKilledRunIsNoComparison) {
  std::vector<RunData> runs{run_of("a", 1, {"strict", "off"}), run_of("b", 1, {"strict", "off"})};
  runs[1].manifest.outcome = "running";
  runs[1].cells[1].repetitions.clear();
  const auto comparison = compare(runs, quiet());
  EXPECT_THAT(comparison->gap(), HasSubstr("for example strategy=off"));
  EXPECT_THAT(comparison->contrasts[0].warnings, Contains(HasSubstr("b is not finished")));
  EXPECT_THAT(render(*comparison, Format::kText),
              HasSubstr("not measured on both sides: strategy=off"));
  for (auto& cell : runs[1].cells) cell.repetitions.clear();
  EXPECT_FALSE(compare(runs, only_rate())->gap().empty());
  EXPECT_TRUE(compare(std::vector{runs[0], runs[0]}, quiet())->gap().empty());
}

TEST(Comparing, RunsOfOtherLengthsGetNoVerdict) {
  std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 0.5, {"strict"})};
  runs[0].run_settings = {{"duration_s", "null"}, {"operations", "200"}};
  runs[1].run_settings = {{"duration_s", "null"}, {"operations", "300"}};
  EXPECT_TRUE(compare(runs, quiet())->regression());
  for (const char* operations : {"3000000", "null"}) {
    runs[1].run_settings["operations"] = operations;
    const auto comparison = compare(runs, quiet());
    EXPECT_FALSE(comparison->regression()) << operations;
    const Contrast& contrast = comparison->contrasts[0];
    EXPECT_EQ(contrast.differences[0].verdict, Verdict::kInconclusive);
    EXPECT_THAT(contrast.warnings, Contains(HasSubstr("run.operations differs: 200 / ")));
  }
}

TEST(Comparing, WithoutNoiseOfEqualRunsThereIsNoVerdict) {
  const std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 0.5, {"strict"})};
  const auto comparison = compare(runs, {});
  EXPECT_FALSE(comparison->regression());
  EXPECT_EQ(comparison->gap(), "");
  EXPECT_THAT(comparison->contrasts[0].warnings, Contains(HasSubstr("not known")));
  EXPECT_EQ(comparison->contrasts[0].differences[0].verdict, Verdict::kInconclusive);
  EXPECT_THAT(compare(runs, quiet())->contrasts[0].warnings, Not(Contains(HasSubstr("not known"))));
}

TEST(Comparing, ClocksAreCalibratedAlike) {
  std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 1, {"strict"})};
  runs[0].manifest.ns_per_tick = 0.5;
  runs[1].manifest.ns_per_tick = 0.5 * 1.0001;
  const auto comparison = compare(runs, quiet());
  for (const Difference& d : comparison->contrasts[0].differences) {
    if (d.unit == "ns") {
      EXPECT_NEAR(d.contender.value, d.baseline.value / 1.0001, 1e-9 * d.baseline.value);
    }
    if (d.unit == "op/s") {
      EXPECT_NEAR(d.contender.value, d.baseline.value * 1.0001, 1e-9 * d.baseline.value);
    }
  }
  EXPECT_EQ(common_calibration(runs[0].manifest, runs[1].manifest), 1 / 1.0001);
  runs[1].manifest.ns_per_tick = 0.4;  // Another clock.
  EXPECT_EQ(common_calibration(runs[0].manifest, runs[1].manifest), 1);
}

TEST(Comparing, CellsOfOneRunAreComparedByTheirRepetitions) {
  RunData run = run_of("a", 1, {"strict", "lazy", "off"});
  run.manifest.interleaved = true;
  for (std::size_t i = 0; i < 6; ++i) {
    const double strict = *run.cells[0].repetitions[i].metrics[0].value;
    run.cells[1].repetitions[i].metrics[0].value = 1.8 * strict;
  }
  CompareOptions options;
  options.metrics = {"operations_per_s"};
  const auto comparison = compare_within(run, {{"strategy", "strict"}}, options);
  ASSERT_TRUE(comparison.has_value()) << comparison.error().message;
  const Contrast& contrast = comparison->contrasts[0];
  ASSERT_EQ(contrast.differences.size(), 2u);
  EXPECT_EQ(contrast.differences[0].cell, "strategy=lazy");
  EXPECT_EQ(contrast.differences[0].against, "strategy=strict");
  EXPECT_NEAR(contrast.differences[0].ratio->value, 1.8, 1e-9);
  EXPECT_EQ(contrast.differences[0].verdict, Verdict::kBetter);  // 2 / 924 twice, of 2 tests.
  EXPECT_FALSE(contrast.differences[0].noise_floor.has_value());
  EXPECT_EQ(contrast.warnings, std::vector<std::string>());
  const std::string text = render(*comparison, Format::kText);
  EXPECT_THAT(text, HasSubstr("1.80 .. 1.80"));
  EXPECT_THAT(compare_within(run, {{"strategy", "none"}}, options).error().message,
              HasSubstr("no cell has strategy=none"));
  EXPECT_THAT(compare_within(run, {{"iova", "rcache"}}, options)->gap(),
              HasSubstr("no cell in common"));
}

TEST(Comparing, ABaselineAgreesInAllOtherAxes) {
  RunData run = run_of("a", 1, {"strict", "lazy", "strict", "lazy"});
  for (std::size_t i = 0; i < 4; ++i) {
    run.cells[i].cell.axes.emplace_back("placement", std::string(i < 2 ? "sidecore" : "samecore"));
    run.cells[i].cell.label += i < 2 ? " placement=sidecore" : " placement=samecore";
  }
  run.cells[1].cell.axes.emplace_back("entries",
                                      std::string("128"));  // Strict has no such setting.
  run.cells[3].cell.axes.emplace_back("entries", std::string("256"));
  const auto comparison = compare_within(run, {{"strategy", "strict"}}, {});
  ASSERT_TRUE(comparison.has_value()) << comparison.error().message;
  for (const Difference& d : comparison->contrasts[0].differences) {
    EXPECT_EQ(d.cell.substr(d.cell.find(' ')), d.against.substr(d.against.find(' ')));
  }
  EXPECT_EQ(baseline_choice(run, "strategy=strict,placement=samecore").value().size(), 2u);
  EXPECT_FALSE(baseline_choice(run, "strategy=").has_value());
  EXPECT_FALSE(baseline_choice(run, "").has_value());
  EXPECT_THAT(compare_within(run, {{"placement", "sidecore"}, {"strategy", "strict"}}, {})
                  ->contrasts[0]
                  .only_in_contender,
              ElementsAre());
}

TEST(Comparing, ABaselineIsNamedByValuesInAnyOrder) {
  RunData run = run_of("a", 1, {"strict", "lazy"});
  run.cells[0].cell.axes.emplace_back("costs.exit_ns", std::int64_t{1500});
  run.cells[1].cell.axes.emplace_back("costs.exit_ns", std::int64_t{0});
  run.cells[1].cell.axes.emplace_back("costs.entry_ns", std::int64_t{0});
  const BaselineChoice wanted{{"costs.exit_ns", "1500"}, {"strategy", "strict"}};
  for (const char* text :
       {"strict costs.exit_ns=1500", "costs.exit_ns=1500 strict", "1500,strict"}) {
    auto choice = baseline_choice(run, text);
    ASSERT_TRUE(choice) << choice.error().message;
    std::sort(choice->begin(), choice->end());
    EXPECT_EQ(*choice, wanted) << text;
  }
  EXPECT_THAT(baseline_choice(run, "strict 0").error().message,
              HasSubstr("'0' is a value of costs.entry_ns and costs.exit_ns: write which"));
  EXPECT_THAT(baseline_choice(run, "strickt").error().message,
              HasSubstr("no cell has strickt; did you mean 'strict'? There are: "));
}

TEST(Comparing, ARunIsNotComparedWithItself) {
  RunData run = run_of("a", 1, {"strict", "lazy"});
  run.directory = "/runs/a";
  const auto twice = compare(std::vector{run, run}, quiet());
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(twice.error().message, HasSubstr("a is given twice"));
  const Arm strict{&run, &run.cells[0]};
  EXPECT_THAT(compare_cells(strict, strict, quiet()).error().message, HasSubstr("name two cells"));
}

TEST(Comparing, ItsTextCountsAndNamesThingsOnce) {
  const std::vector<RunData> runs{run_of("first", 1, {"strict"}), run_of("second", 1, {"strict"})};
  const std::string text = render(*compare(runs, only_rate()), Format::kText);
  EXPECT_EQ(text.find("first  →  second"), text.rfind("first  →  second")) << text;
  EXPECT_THAT(text, HasSubstr("(one comparison is judged here)"));
}

// Two repetitions reach no p below .05: nothing is judged, and the text does not claim that one comparison were.
TEST(Comparing, ItsTextDoesNotCountWhatCannotBeJudged) {
  RunData a = run_of("a", 1, {"strict"}), b = run_of("b", 1, {"strict"});
  for (RunData* run : {&a, &b}) run->cells[0].repetitions.resize(2);
  CompareOptions options = quiet();
  options.metrics = {"operations_per_s", "cycles"};  // The latter was not measured.
  const auto both = compare(std::vector{a, b}, options);
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_EQ(both->tests, 0u);
  const std::string text = render(*both, Format::kText);
  EXPECT_THAT(text, HasSubstr("none of these has repetitions enough"));
  EXPECT_THAT(text, HasSubstr("2 repetitions a cell")) << text;
  EXPECT_THAT(text, HasSubstr("2 repetitions of each are too few"));
}

TEST(Comparing, AMisspeltMetricIsGuessed) {
  const std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 1, {"strict"})};
  CompareOptions options = quiet();
  options.metrics = {"operations_per_"};
  const auto wrong = compare(runs, options);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("did you mean 'operations_per_s'?"));
}

// Its cells stopped where they looked good: that is in its own intervals, and not in a ratio's.
TEST(Comparing, ThatCellsWereRepeatedUntilTheyWereNarrowIsSaid) {
  std::vector<RunData> runs = {run_of("a", 1, {"strict", "off"}),
                               run_of("b", 1, {"strict", "off"})};
  const auto said = HasSubstr("b repeated its cells until their intervals were narrow");
  EXPECT_THAT(compare(runs, quiet())->contrasts[0].warnings, Not(Contains(said)));
  runs[1].manifest.until_ci = UntilCi{5, 6, 30, 0.98, {}};
  EXPECT_THAT(compare(runs, quiet())->contrasts[0].warnings, Contains(said));
  const auto within = compare_within(runs[1], {{"strategy", "strict"}}, quiet());
  EXPECT_THAT(within->contrasts[0].warnings, testing::Contains(said).Times(1));
}

TEST(Comparing, TheCoarserClockOfTwoRunsCounts) {
  std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 1, {"strict"})};
  EXPECT_EQ(compare(runs, quiet())->contrasts[0].differences[0].how.clock_step_ns, 1);
  runs[1].manifest.clock_step_ns = 10;
  EXPECT_EQ(compare(runs, quiet())->contrasts[0].differences[0].how.clock_step_ns, 10);
  runs[0].manifest.clock_step_ns = 0.4;
  EXPECT_EQ(compare(runs, quiet())->contrasts[0].differences[0].how.clock_step_ns, 10);
}

TEST(Comparing, WhyNothingIsKnownOfEqualRunsIsSaid) {
  const std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 1, {"strict"})};
  CompareOptions options;
  options.noise.read_runs = 2;
  options.noise.read_cells = 6;
  options.noise.disturbed_cells = 4;
  EXPECT_THAT(compare(runs, options)->contrasts[0].warnings,
              Contains(HasSubstr("4 of 6 cells of the finished runs here do not count, because "
                                 "other programs had the CPUs")));
}

TEST(Comparing, TwoCellsWhateverTheirAxes) {
  const RunData run = run_of("a", 1, {"strict", "lazy"}), other = run_of("b", 0.5, {"off"});
  EXPECT_EQ((*find_cell(run, "2"))->cell.label, "strategy=lazy");
  EXPECT_EQ((*find_cell(run, "lazy"))->cell.label, "strategy=lazy");
  EXPECT_THAT(find_cell(run, "strategy").error().message, HasSubstr("part of the name of 2 cells"));
  EXPECT_THAT(find_cell(run, "9").error().message, HasSubstr("no cell is called '9'"));
  const Arm strict{&run, &run.cells[0]}, lazy{&run, &run.cells[1]}, off{&other, &other.cells[0]};
  const auto one = compare_cells(strict, lazy, only_rate());
  EXPECT_EQ(one->contrasts[0].baseline, "a:strategy=strict");
  EXPECT_EQ(one->contrasts[0].differences[0].against, "strategy=strict");
  const auto two = compare_cells(strict, off, only_rate());
  EXPECT_EQ(two->contrasts[0].differences[0].how.arms, Arms::kTwoRuns);
  EXPECT_TRUE(two->regression());
}

TEST(Comparing, DifferentHostsAndCostsAreSaid) {
  std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 1, {"strict"})};
  runs[1].manifest.kernel = {"other", {}};
  runs[1].manifest.injected_costs["exit_ns"] = 7;
  runs[1].manifest.oversubscribed = {"guest and endpoint share CPU 1"};
  const auto warnings = compare(runs, quiet())->contrasts[0].warnings;
  EXPECT_THAT(warnings, Contains(HasSubstr("kernel differs: h / other")));
  EXPECT_THAT(warnings, Contains(HasSubstr("injected costs differs: none / exit_ns 7")));
  EXPECT_THAT(warnings, Contains(HasSubstr("b: guest and endpoint share CPU 1")));
}

TEST(Comparing, MemoryOnOtherPagesIsSaid) {
  std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 1, {"strict"})};
  const auto stamp = [](RunData& run, double percent) {
    for (auto& record : run.cells[0].repetitions) {
      record.metrics.push_back(Metric{"guest_memory_hugepages", "%", percent, {}});
    }
  };
  stamp(runs[0], 100);  // The other is from before this was stored.
  EXPECT_THAT(compare(runs, quiet())->contrasts[0].warnings,
              Not(Contains(HasSubstr("memory of the guest"))));
  stamp(runs[1], 0);
  EXPECT_THAT(compare(runs, quiet())->contrasts[0].warnings,
              Contains(AllOf(HasSubstr("memory of the guest differs in 1 of 1 cell, for example "),
                             HasSubstr(": hugepages / 4 KiB pages"))));
  stamp(runs[0], 0);
  EXPECT_THAT(compare(runs, quiet())->contrasts[0].warnings,
              Contains(HasSubstr("hugepages and 4 KiB pages / 4 KiB pages")));
}

TEST(Comparing, MachineFormatsHaveNumbers) {
  const std::vector<RunData> runs{run_of("a", 1, {"off"}), run_of("b", 0.7, {"off"})};
  const auto comparison = compare(runs, only_rate());
  const auto json = nlohmann::json::parse(render(*comparison, Format::kJson));
  EXPECT_EQ(json["schema"], "violet.comparison");
  EXPECT_EQ(json["regression"], true);
  const auto& row = json["contrasts"][0]["table"]["rows"][0];
  EXPECT_NEAR(row["baseline"]["value"].get<double>(), 1e6, 2e4);
  EXPECT_EQ(row["baseline"]["unit"], "op/s");
  EXPECT_EQ(row["verdict"], "worse (regression)");
  EXPECT_EQ(json["tests"], 1);
  EXPECT_EQ(row["test"], "Mann-Whitney, exact");
  EXPECT_EQ(row["baseline repetitions"]["value"], 6);
  EXPECT_EQ(row["baseline mean"]["interval"].size(), 2u);
  EXPECT_NEAR(row["p"]["value"].get<double>(), 2.0 / 924, 1e-12);
  EXPECT_THAT(render(*comparison, Format::kCsv),
              HasSubstr("contender run,cell,against,metric,unit,baseline,"));
}

// It has no exits: cells of a sweep are those of a run without one.
TEST(Comparisons, ASidecoreIsOneCellWhateverAnExitCosts) {
  std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 1, {"strict"})};
  for (std::size_t i = 0; i < runs.size(); ++i) {
    auto& axes = runs[i].cells[0].cell.axes;
    axes.emplace_back("placement", std::string("sidecore"));
    axes.emplace_back("costs.exit_ns", std::int64_t{i == 0 ? 1500 : 250});
  }
  const auto same = compare(runs, {});
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(same->contrasts[0].only_in_baseline.size(), 0u);
  for (RunData& run : runs) {
    run.cells[0].cell.axes.rbegin()[1].second = std::string("samecore");
  }
  const auto others = compare(runs, {});
  EXPECT_TRUE(!others || !others->contrasts[0].only_in_baseline.empty());
}

// Older runs have no device that takes its time, and so no such setting.
TEST(Comparisons, ADeviceThatTakesNoTimeIsThatOfOlderRuns) {
  std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 1, {"strict"})};
  auto& axes = runs[1].cells[0].cell.axes;
  axes.emplace_back("workload.nvme-4k.service_ns", std::int64_t{0});
  const auto same = compare(runs, {});
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(same->contrasts[0].only_in_baseline.size(), 0u);
  axes.back().second = std::int64_t{20000};
  const auto others = compare(runs, {});
  EXPECT_TRUE(!others || !others->contrasts[0].only_in_baseline.empty());
}

TEST(Comparisons, WhatStaysReachableIsSaidWithItsReason) {
  RunData run = run_of("a", 1, {"strict", "off"});
  for (CellData& data : run.cells) {
    const bool off = axis_text(data.cell, "strategy") == "off";
    for (auto& record : data.repetitions) {
      record.metrics.push_back({"mean_stale_pages", "pages",
                                off ? std::nullopt : std::optional<double>(0),
                                off ? std::string(kStaysReachable) : "", Better::kLower});
    }
  }
  CompareOptions options;
  options.metrics = {"mean_stale_pages"};
  const auto one = compare_within(run, {{"strategy", "strict"}}, options);
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_THAT(render(*one, Format::kText), HasSubstr("always"));
  EXPECT_THAT(render(*one, Format::kJson), HasSubstr(std::string(kStaysReachable)));
}

TEST(Reports, ShowTheTableAndWhatToDistrust) {
  RunData run = run_of("r", 1, {"strict", "off"});
  run.manifest.drop_counts["events, guest lcore"] = 412;
  run.manifest.oversubscribed = {"guest and endpoint share CPU 1"};
  run.cells[0].repetitions[2].metrics[0].value = 9e6;
  run.cells[0].repetitions[3].warnings = {"a hiccup", "guest and endpoint share CPU 1"};
  run.cells[1].repetitions.resize(2);
  run.notes.push_back({0, "error", "the disk was full", ""});
  const Report r = report(run);
  EXPECT_EQ(r.table.columns[0].name, "strategy");  // iova does not vary.
  EXPECT_EQ(r.table.columns[1].name, "operations_per_s");
  EXPECT_EQ(r.table.rows.size(), 2u);
  const std::string text = render(run, r, Format::kText);
  for (const char* part :
       {"412 dropped: events, guest lcore", "oversubscribed: guest and endpoint",
        "governor not available, because there is no cpufreq", "a hiccup (1 repetition)",
        "fewer than 6 repetitions", "error: the disk was full",
        "note: cycles not available, because no PMU (2 cells)", "2 to 6 repetitions"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(text, Not(HasSubstr("share CPU 1 (")));  // Said once, of the run.
  const auto json = nlohmann::json::parse(render(run, r, Format::kJson));
  EXPECT_EQ(json["schema"], "violet.report");
  EXPECT_FALSE(json["warnings"].empty());
}

// Who has few calls had slow ones: a median of the others looks better than the cell was.
TEST(Reports, SayWhichNumbersAreOfSomeRepetitionsOnly) {
  RunData run = run_of("r", 1, {"strict", "off"});
  EXPECT_THAT(report(run).warnings, Not(Contains(HasSubstr("some repetitions only"))));
  for (const std::size_t i : {std::size_t{1}, std::size_t{3}}) {
    auto& metrics = run.cells[0].repetitions[i].metrics;
    for (auto& metric : metrics) {
      if (metric.name != "operations_per_s") continue;
      metric.value.reset();
      metric.because = "too few";
    }
  }
  const Report r = report(run);
  EXPECT_THAT(r.warnings, Contains(HasSubstr("1 number is of some repetitions only")));
  EXPECT_THAT(r.warnings, Contains(HasSubstr("4 of 6 repetitions")));
  EXPECT_THAT(r.notes, Contains(HasSubstr("operations_per_s of strategy=strict is of 4 of 6")));
}

TEST(Reports, ARunThatNobodyIsAtWorkOnIsNotSaidToBeRunning) {
  RunData run = run_of("r", 1, {"strict"});
  run.manifest.outcome = "running";
  run.directory = "/nonexistent";
  for (const std::string& line : report(run).head) {
    EXPECT_THAT(line, Not(HasSubstr("running")));
  }
  EXPECT_THAT(report(run).head, Contains(HasSubstr("did not end")));
}

TEST(Reports, ColumnsCanBeChosen) {
  const RunData run = run_of("r", 1, {"strict"});
  EXPECT_THAT(render(run, report(run), Format::kText), HasSubstr("1 cell, 6 repetitions"));
  const Report r = report(run, {{"map.p99.9", "operations_per_s"}});
  ASSERT_EQ(r.table.columns.size(), 3u);
  EXPECT_EQ(r.table.columns[0].name, "cell");
  EXPECT_EQ(r.table.columns[1].name, "map.p99.9");
  EXPECT_EQ(r.table.columns[2].name, "operations_per_s");
  EXPECT_THAT(render(run, r, Format::kCsv), Not(HasSubstr("cycles")));
}

}  // namespace
}  // namespace violet::results
