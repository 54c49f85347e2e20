// How much of a run's time was injected is said wherever its numbers are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "experiments/results/compare.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/summary.hpp"

namespace violet::results::injected_label_test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

CellData cell(const char* placement, std::optional<double> injected, double cpus) {
  CellData data;
  data.cell.id = placement;
  data.cell.label = fmt::format("strategy=strict placement={}", placement);
  data.cell.axes = {{"strategy", std::string("strict")}, {"placement", std::string(placement)}};
  for (std::uint32_t i = 0; i < 6; ++i) {
    RepetitionRecord record;
    record.repetition = i;
    record.duration_s = 2;
    record.metrics = {{"operations_per_s", "op/s", 1e6 + i, "", Better::kHigher},
                      {"requests_per_operation", "1", 2.0, "", Better::kLower}};
    if (injected) {
      record.metrics.push_back(measured("cpus_used", cpus));
      record.metrics.push_back(measured(kRatePerCpu, (1e6 + i) / cpus));
      record.metrics.push_back(measured(kInjectedShare, *injected));
      record.metrics.push_back(measured("injected_exit_share", *injected));
    }
    data.repetitions.push_back(std::move(record));
  }
  return data;
}

RunData run_of(std::optional<double> same, std::optional<double> side) {
  RunData run;
  run.manifest.run_id = "r";
  run.manifest.outcome = "finished";
  run.manifest.injected_costs = {{"exit_ns, least", 0}, {"exit_ns, most", 500}};
  run.cells = {cell("samecore", same, 1), cell("sidecore", side, 2)};
  return run;
}

std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const Column& column : table.columns) names.push_back(column.name);
  return names;
}

TEST(InjectedLabel, StandsInEveryTableWhateverWasAskedFor) {
  const RunData run = run_of(61.5, 0);
  for (const std::vector<std::string>& asked :
       {std::vector<std::string>{}, {"operations_per_s"}, {"injected_share"}}) {
    const auto tables = summary(run, {.metrics = asked});
    ASSERT_TRUE(tables);
    for (const Table& table : *tables) {
      EXPECT_THAT(names_of(table), Contains("injected_share").Times(1));
      EXPECT_THAT(names_of(table), Contains("operations_per_s_per_cpu").Times(1));
    }
  }
  EXPECT_THAT(names_of(report(run, {{"operations_per_s"}}).table), Contains("injected_share"));
  EXPECT_THAT(render(run, report(run), Format::kCsv), HasSubstr("injected_share"));
  const std::string text = render_summary(report(run), *summary(run));
  EXPECT_THAT(text, HasSubstr("exit_ns 0 to 500; 0 to 61.5 % of the measured time"));
  EXPECT_THAT(text, HasSubstr("spun on purpose"));
}

TEST(InjectedLabel, TheNumberOfCpusStandsInTheTitle) {
  const auto tables = summary(run_of(61.5, 0));
  ASSERT_EQ(tables->size(), 2u);
  EXPECT_EQ((*tables)[0].title, "placement samecore (1 CPU)");
  EXPECT_EQ((*tables)[1].title, "placement sidecore (2 CPUs)");
}

TEST(InjectedLabel, NotMeasuredIsNotNothing) {
  const RunData old = run_of(std::nullopt, std::nullopt);
  const std::string text = render_summary(report(old), *summary(old));
  EXPECT_THAT(text, HasSubstr("exit_ns 0 to 500; share of time not available, because"));
  EXPECT_THAT(render(old, report(old), Format::kCsv), Not(HasSubstr("injected")));
  RunData none = run_of(0, 0);
  none.manifest.injected_costs.clear();
  EXPECT_THAT(report(none).head, Contains("injected   nothing"));
  none.manifest.injected_costs = {{"wake_ns", 7}};
  EXPECT_THAT(report(none).head, Contains("injected   wake_ns 7, of which nothing was spun"));
}

TEST(InjectedLabel, IsBesideEveryRowOfAComparison) {
  const RunData run = run_of(61.5, 0);
  const auto comparison = compare_within(run, {{"placement", "samecore"}}, {});
  ASSERT_TRUE(comparison) << comparison.error().message;
  const auto json = nlohmann::json::parse(render(*comparison, Format::kJson));
  for (const auto& row : json["contrasts"][0]["table"]["rows"]) {
    EXPECT_EQ(row["baseline injected"]["value"], 61.5);
    EXPECT_EQ(row["contender injected"]["value"], 0);
    EXPECT_NE(row["metric"], "operations_per_s_per_cpu") << "judged when it is asked for";
  }
  EXPECT_THAT(render(*comparison, Format::kText), HasSubstr("61.5 → 0"));
  EXPECT_THAT(render(*comparison, Format::kCsv), HasSubstr("baseline injected"));
  CompareOptions per_cpu;
  per_cpu.metrics = {"operations_per_s_per_cpu"};
  const auto mixed = compare_cells({&run, &run.cells[0]}, {&run, &run.cells[1]}, per_cpu);
  ASSERT_TRUE(mixed);
  EXPECT_NEAR(mixed->contrasts[0].differences[0].ratio->value, 0.5, 1e-9);
}

TEST(InjectedLabel, AComparisonWithAnOldRunSaysNotKnown) {
  const RunData run = run_of(61.5, std::nullopt);
  const auto comparison = compare_cells({&run, &run.cells[0]}, {&run, &run.cells[1]}, {});
  ASSERT_TRUE(comparison);
  EXPECT_THAT(render(*comparison, Format::kText), HasSubstr("61.5 → n/a"));
  const auto json = nlohmann::json::parse(render(*comparison, Format::kJson));
  EXPECT_TRUE(json["contrasts"][0]["table"]["rows"][0]["contender injected"]["value"].is_null());
}

TEST(InjectedLabel, ACostOfNothingIsNone) {
  RunData old = run_of(61.5, 0), today = run_of(61.5, 0);
  today.manifest.run_id = "s";
  for (CellData& data : today.cells) {
    data.cell.axes.emplace_back("costs.host_map_ns", std::int64_t{0});
  }
  const std::vector<RunData> runs{old, today};
  EXPECT_TRUE(compare(runs, {})->contrasts[0].only_in_baseline.empty());
  today.cells[0].cell.axes.back().second = std::int64_t{5};
  EXPECT_EQ(compare(std::vector{old, today}, {})->contrasts[0].only_in_baseline.size(), 1u);
}

TEST(InjectedTotals, AddUpAndAreKeptInTheManifest) {
  Manifest manifest = run_of(0, 0).manifest;
  const auto read = [&] { return manifest_from_json(to_json(manifest), "m").value(); };
  EXPECT_FALSE(read().injected) << "an old run does not know";
  manifest.injected.emplace();
  for (const CellData& data : run_of(50, 25).cells) {
    for (const RepetitionRecord& record : data.repetitions) manifest.injected->add(record);
  }
  const auto totals = read().injected;
  ASSERT_TRUE(totals);
  EXPECT_EQ(totals->repetitions, 12u);
  EXPECT_DOUBLE_EQ(totals->measured_s, 24);
  EXPECT_EQ(totals->spun_s.size(), 1u);
  EXPECT_DOUBLE_EQ(totals->spun_s.at("exit"), 6 * 2 * 0.5 + 6 * 2 * 0.25);
}

}  // namespace
}  // namespace violet::results::injected_label_test
