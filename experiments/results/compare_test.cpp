#include "experiments/results/compare.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/base/rng.hpp"
#include "experiments/results/report.hpp"

namespace violet::results {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// `count` values around `centre`, at most `noise` away, relative.
std::vector<double> around(double centre, double noise, std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<double> values(count);
  for (double& value : values) {
    value = centre * (1 + noise * (static_cast<double>(rng() >> 11) * 0x1.0p-52 - 1));
  }
  return values;
}

Samples samples(std::vector<double> values, Better better) {
  Samples s{"metric", "ns", better, std::move(values), {}, {}};
  for (std::uint32_t i = 0; i < s.values.size(); ++i) s.repetitions.push_back(i);
  return s;
}

Difference judge(double contender, double noise, Better better, std::size_t count = 9) {
  return compare_samples(samples(around(1000, noise, count, 1), better),
                         samples(around(contender, noise, count, 2), better), {});
}

TEST(Verdicts, FollowTheDirectionOfTheMetric) {
  EXPECT_EQ(judge(1300, 0.02, Better::kLower).verdict, Verdict::kWorse);
  EXPECT_TRUE(judge(1300, 0.02, Better::kLower).regression);
  EXPECT_EQ(judge(1300, 0.02, Better::kHigher).verdict, Verdict::kBetter);
  EXPECT_EQ(judge(700, 0.02, Better::kLower).verdict, Verdict::kBetter);
  EXPECT_EQ(judge(700, 0.02, Better::kHigher).verdict, Verdict::kWorse);
  EXPECT_EQ(judge(1300, 0.02, Better::kNeither).verdict, Verdict::kInconclusive);
}

TEST(Verdicts, BelowTheNoiseFloorIsNoDifference) {
  const Difference d = judge(1005, 0.1, Better::kLower);
  EXPECT_EQ(d.verdict, Verdict::kNoDifference);
  EXPECT_THAT(d.reason, HasSubstr("below noise floor"));
  Judgement how;
  how.known_noise_floor = 0.5;  // What the host showed in A/A runs counts, too.
  const Difference known = compare_samples(samples(around(1000, 0.02, 9, 1), Better::kLower),
                                           samples(around(1300, 0.02, 9, 2), Better::kLower), how);
  EXPECT_EQ(known.verdict, Verdict::kNoDifference);
}

// A tenth is as far away as ten times: neither hides below a floor that the other rises above.
TEST(Verdicts, TheFloorIsTheSameUpAndDown) {
  Judgement how;
  how.known_noise_floor = 1.5;  // Two and a half times.
  const auto against = [&how](double contender) {
    return compare_samples(samples(around(1000, 0.02, 9, 1), Better::kLower),
                           samples(around(contender, 0.02, 9, 2), Better::kLower), how)
        .verdict;
  };
  EXPECT_EQ(against(10000), Verdict::kWorse);
  EXPECT_EQ(against(100), Verdict::kBetter);
  EXPECT_EQ(against(2000), Verdict::kNoDifference);
  EXPECT_EQ(against(500), Verdict::kNoDifference);
}

TEST(Verdicts, FewRepetitionsSettleNothing) {
  const Difference d = judge(2000, 0.01, Better::kLower, 3);
  EXPECT_EQ(d.verdict, Verdict::kInconclusive);
  EXPECT_THAT(d.reason, HasSubstr("fewer than 4"));
  EXPECT_FALSE(d.regression);
  const Difference none =
      compare_samples(samples({}, Better::kLower), samples({1}, Better::kLower), {});
  EXPECT_THAT(none.reason, HasSubstr("not measured"));
}

TEST(Verdicts, SmallRegressionsStayBelowTheThreshold) {
  const Difference d = judge(1040, 0.005, Better::kLower);
  EXPECT_EQ(d.verdict, Verdict::kWorse);
  EXPECT_FALSE(d.regression);  // 4 % of 5 %.
}

TEST(Verdicts, ZeroMediansHaveNoRatioButAVerdict) {
  const Samples zero = samples(std::vector<double>(9, 0.0), Better::kLower);
  EXPECT_EQ(compare_samples(zero, zero, {}).verdict, Verdict::kNoDifference);
  const Difference d = compare_samples(zero, samples(around(5, 0.1, 9, 1), Better::kLower), {});
  EXPECT_FALSE(d.ratio.has_value());
  EXPECT_EQ(d.verdict, Verdict::kWorse);
  EXPECT_TRUE(d.regression);
}

TEST(Verdicts, IdenticalArmsAreRarelyCalledDifferent) {
  int called = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const Difference d =
        compare_samples(samples(around(1000, 0.05, 9, 2 * i + 1), Better::kLower),
                        samples(around(1000, 0.05, 9, 2 * i + 2), Better::kLower), {});
    called += d.verdict == Verdict::kBetter || d.verdict == Verdict::kWorse ? 1 : 0;
  }
  EXPECT_LE(called, 300 * 0.04);
}

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
      for (std::uint64_t v = 0; v < 100; ++v)
        h.record(static_cast<std::uint64_t>(1e9 / rates[i]) + v);
      record.histograms.push_back({"map", "ns", h, Better::kLower});
      cell.repetitions.push_back(std::move(record));
    }
    run.cells.push_back(std::move(cell));
  }
  return run;
}

TEST(Comparing, MatchesCellsOnEqualAxesAndListsTheRest) {
  const std::vector<RunData> runs{run_of("a", 1, {"strict", "off"}),
                                  run_of("b", 0.7, {"off", "lazy"})};
  const auto comparison = compare(runs, {});
  ASSERT_TRUE(comparison.has_value()) << comparison.error().message;
  const Contrast& contrast = comparison->contrasts[0];
  EXPECT_THAT(contrast.only_in_baseline, ElementsAre("strategy=strict"));
  EXPECT_THAT(contrast.only_in_contender, ElementsAre("strategy=lazy"));
  ASSERT_EQ(contrast.differences.size(), 4u);  // Rate, cycles, p50, p99 of "off".
  EXPECT_EQ(contrast.differences[0].verdict, Verdict::kWorse);
  EXPECT_TRUE(comparison->regression());
  const std::string text = render(*comparison, Format::kText);
  EXPECT_THAT(text, HasSubstr("only in a: strategy=strict"));
  EXPECT_THAT(text, HasSubstr("worse (regression)"));
}

TEST(Comparing, AnEqualRunHasNoRegression) {
  const std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 1, {"strict"}),
                                  run_of("c", 2, {"strict"})};
  const auto comparison = compare(runs, {{"operations_per_s"}, {}, {}, 1});
  ASSERT_TRUE(comparison.has_value());
  EXPECT_FALSE(comparison->regression());
  EXPECT_EQ(comparison->contrasts[0].differences[0].verdict, Verdict::kNoDifference);
  EXPECT_EQ(comparison->contrasts[1].differences[0].verdict, Verdict::kBetter);
}

TEST(Comparing, ThresholdsAndIgnoredAxes) {
  std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 0.7, {"off"})};
  EXPECT_TRUE(compare(runs, {})->contrasts[0].differences.empty());
  CompareOptions options;
  options.ignored_axes = {"strategy"};
  EXPECT_TRUE(compare(runs, options)->regression());
  options.threshold_percent = 50;
  EXPECT_FALSE(compare(runs, options)->regression());
  runs[0] = run_of("a", 1, {"strict", "off"});
  EXPECT_THAT(compare(runs, options).error().message, HasSubstr("cannot be told apart"));
}

TEST(Comparing, ErrorsAreAboutUsage) {
  const std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 1, {"strict"})};
  EXPECT_EQ(compare(std::span(runs).first(1), {}).error().kind, ErrorKind::kUsage);
  const auto unknown = compare(runs, {{"speed"}, {}, {}, 1});
  EXPECT_THAT(unknown.error().message,
              HasSubstr("metric 'speed' was not measured; there are cycles"));
}

TEST(Comparing, AKilledRunIsNoComparison) {
  std::vector<RunData> runs{run_of("a", 1, {"strict", "off"}), run_of("b", 1, {"strict", "off"})};
  runs[1].manifest.outcome = "running";
  runs[1].cells[1].repetitions.clear();
  const auto comparison = compare(runs, {});
  EXPECT_THAT(comparison->gap(), HasSubstr("for example strategy=off"));
  EXPECT_THAT(comparison->contrasts[0].warnings, Contains(HasSubstr("b is not finished")));
  EXPECT_THAT(render(*comparison, Format::kText),
              HasSubstr("not measured on both sides: strategy=off"));
  for (auto& cell : runs[1].cells) cell.repetitions.clear();
  EXPECT_FALSE(compare(runs, {{"operations_per_s"}, {}, {}, 1})->gap().empty());
  EXPECT_TRUE(compare(std::vector{runs[0], runs[0]}, {})->gap().empty());
}

TEST(Comparing, RunsOfOtherLengthsGetNoVerdict) {
  std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 0.5, {"strict"})};
  runs[0].run_settings = {{"duration_s", "null"}, {"operations", "200"}};
  runs[1].run_settings = {{"duration_s", "null"}, {"operations", "300"}};
  EXPECT_TRUE(compare(runs, {})->regression());
  for (const char* operations : {"3000000", "null"}) {
    runs[1].run_settings["operations"] = operations;
    const auto comparison = compare(runs, {});
    EXPECT_FALSE(comparison->regression()) << operations;
    const Contrast& contrast = comparison->contrasts[0];
    EXPECT_EQ(contrast.differences[0].verdict, Verdict::kInconclusive);
    EXPECT_THAT(contrast.warnings, Contains(HasSubstr("run.operations differs: 200 / ")));
  }
}

TEST(Comparing, AnUnknownNoiseFloorIsSaid) {
  std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 1, {"strict"})};
  EXPECT_THAT(compare(runs, {})->contrasts[0].warnings, Contains(HasSubstr("no noise floor")));
  runs[0].manifest.noise_floor["*"] = 0.02;
  EXPECT_THAT(compare(runs, {})->contrasts[0].warnings, Not(Contains(HasSubstr("no noise floor"))));
}

TEST(Comparing, DifferentHostsAndCostsAreSaid) {
  std::vector<RunData> runs{run_of("a", 1, {"strict"}), run_of("b", 1, {"strict"})};
  runs[1].manifest.kernel = {"other", {}};
  runs[1].manifest.injected_costs["exit_ns"] = 7;
  runs[1].manifest.oversubscribed = {"guest and endpoint share CPU 1"};
  const auto warnings = compare(runs, {})->contrasts[0].warnings;
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
  EXPECT_THAT(compare(runs, {})->contrasts[0].warnings,
              Not(Contains(HasSubstr("memory of the guest"))));
  stamp(runs[1], 0);
  EXPECT_THAT(compare(runs, {})->contrasts[0].warnings,
              Contains(HasSubstr("memory of the guest differs: hugepages / 4 KiB pages")));
  stamp(runs[0], 0);
  EXPECT_THAT(compare(runs, {})->contrasts[0].warnings,
              Contains(HasSubstr("hugepages and 4 KiB pages / 4 KiB pages")));
}

TEST(Comparing, MachineFormatsHaveNumbers) {
  const std::vector<RunData> runs{run_of("a", 1, {"off"}), run_of("b", 0.7, {"off"})};
  const auto comparison = compare(runs, {{"operations_per_s"}, {}, {}, 1});
  const auto json = nlohmann::json::parse(render(*comparison, Format::kJson));
  EXPECT_EQ(json["schema"], "violet.comparison");
  EXPECT_EQ(json["regression"], true);
  const auto& row = json["contrasts"][0]["table"]["rows"][0];
  EXPECT_NEAR(row["baseline"]["value"].get<double>(), 1e6, 2e4);
  EXPECT_EQ(row["baseline"]["unit"], "op/s");
  EXPECT_EQ(row["verdict"], "worse (regression)");
  EXPECT_THAT(render(*comparison, Format::kCsv),
              HasSubstr("contender run,cell,metric,unit,baseline,"));
}

TEST(Reports, ShowTheTableAndWhatToDistrust) {
  RunData run = run_of("r", 1, {"strict", "off"});
  run.manifest.drop_counts["events, guest lcore"] = 412;
  run.manifest.oversubscribed = {"guest and endpoint share CPU 1"};
  run.cells[0].repetitions[2].metrics[0].value = 9e6;
  run.cells[0].repetitions[3].warnings = {"a hiccup"};
  run.cells[1].repetitions.resize(2);
  run.notes.push_back({0, "error", "the disk was full", ""});
  const Report r = report(run);
  EXPECT_EQ(r.table.columns[0].name, "strategy");  // iova does not vary.
  EXPECT_EQ(r.table.columns[1].name, "operations_per_s");
  EXPECT_EQ(r.table.rows.size(), 2u);
  const std::string text = render(run, r, Format::kText);
  for (const char* part :
       {"412 dropped: events, guest lcore", "oversubscribed: guest and endpoint",
        "governor not available, because there is no cpufreq", "a hiccup (1 repetitions)",
        "fewer than 4 repetitions", "error: the disk was full",
        "note: cycles not available, because no PMU (2 cells)", "2 to 6 repetitions"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  const auto json = nlohmann::json::parse(render(run, r, Format::kJson));
  EXPECT_EQ(json["schema"], "violet.report");
  EXPECT_FALSE(json["warnings"].empty());
}

TEST(Reports, ColumnsCanBeChosen) {
  const RunData run = run_of("r", 1, {"strict"});
  const Report r = report(run, {{"map.p99.9", "operations_per_s"}});
  ASSERT_EQ(r.table.columns.size(), 3u);
  EXPECT_EQ(r.table.columns[0].name, "cell");
  EXPECT_EQ(r.table.columns[1].name, "map.p99.9");
  EXPECT_EQ(r.table.columns[2].name, "operations_per_s");
  EXPECT_THAT(render(run, r, Format::kCsv), Not(HasSubstr("cycles")));
}

}  // namespace
}  // namespace violet::results
