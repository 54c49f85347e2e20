#include "experiments/results/metric_catalogue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "experiments/results/compare.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/results/summary.hpp"

namespace violet::results {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

TEST(MetricCatalogue, ANameBelongsToOneMetricAndEachIsExplained) {
  std::set<std::string_view> names;
  for (const MetricInfo& metric : metric_catalogue()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    for (const auto former : metric.former_names())
      EXPECT_TRUE(names.insert(former).second) << former;
    EXPECT_FALSE(metric.unit.empty()) << metric.name;
    EXPECT_FALSE(metric.meaning.empty()) << metric.name;
  }
}

// Others are of the measured time: who compares two counts has to know that these are not.
TEST(MetricCatalogue, WhatIsNotOfTheMeasuredTimeSaysSo) {
  std::set<std::string_view> whole;
  for (const MetricInfo& metric : metric_catalogue()) {
    if (metric.meaning.find("whole repetition") != std::string_view::npos)
      whole.insert(metric.name);
  }
  EXPECT_EQ(whole,
            (std::set<std::string_view>{"data_errors", "dma_errors", "steal_share", "lost_events",
                                        "iova_reuse_violations", "rogue_probes", "rogue_hit_rate",
                                        "rogue_hit_rate_lower_bound", "rogue_hit_rate_upper_bound",
                                        "rogue_unexpected_hits", "rogue_unexpected_misses",
                                        "rogue_dropped_probes"}));
  for (const char* name : {"rogue_stale_probes", "always_mapped_bytes", "censored_unmaps"})
    EXPECT_THAT(std::string(find_metric(name)->meaning), HasSubstr("measured time")) << name;
}

TEST(MetricCatalogue, FindsAMetricByItsFormerNameAndByAPercentile) {
  ASSERT_NE(find_metric("reowned_pages"), nullptr);
  EXPECT_EQ(find_metric("reowned_pages")->name, "reused_while_stale_pages");
  EXPECT_EQ(find_metric("map.p99.9")->name, "map");
  EXPECT_EQ(find_metric("map.mean")->name, "map");
  EXPECT_EQ(find_metric("exposure_window.mean")->name, "exposure_window.mean");
  EXPECT_EQ(find_metric(".mean"), nullptr);
  EXPECT_EQ(find_metric("exposure_window.p99")->name, "exposure_window.p99");
  EXPECT_EQ(find_metric("nothing"), nullptr);
  EXPECT_EQ(current_metric_name("nothing"), "nothing");
  EXPECT_TRUE(same_metric("rogue_answered_least", "rogue_hit_rate_lower_bound"));
  EXPECT_FALSE(same_metric("rogue_answered_least", "rogue_hit_rate_upper_bound"));
}

TEST(MetricCatalogue, NamesOfOneMetricAreThoseThatAreTheSame) {
  std::vector<std::string> all = {"", ".mean", "nothing", "guest_x"};
  for (const MetricInfo& metric : metric_catalogue()) {
    std::vector<std::string_view> names = {metric.name};
    names.insert(names.end(), metric.former_names().begin(), metric.former_names().end());
    for (const std::string_view name : names) {
      for (const char* suffix : {"", ".mean", ".count", ".p50", ".p99.9"}) {
        all.push_back(std::string(name).append(suffix));
      }
    }
  }
  for (const std::string& one : all) {
    const MetricNames names(one);
    for (const std::string& other : all) {
      ASSERT_EQ(names.contains(other), same_metric(one, other)) << one << " " << other;
    }
  }
}

// What was a mean alone is a distribution today.
TEST(MetricCatalogue, FindsTheMeanOfADistributionByItsFormerName) {
  EXPECT_EQ(current_metric_name("revocation_mean"), "revocation.mean");
  EXPECT_EQ(current_metric_name("revocation.mean"), "revocation.mean");
  EXPECT_EQ(current_metric_name("revocation"), "revocation");
  EXPECT_TRUE(same_metric("revocation_mean", "revocation.mean"));
  ASSERT_NE(find_metric("revocation_mean"), nullptr);
  EXPECT_EQ(find_metric("revocation_mean")->name, "revocation");
  EXPECT_EQ(metric_rank("revocation_mean"), metric_rank("revocation.mean"));
  CellData cell;
  RepetitionRecord record;
  record.metrics = {{"revocation_mean", "ns", 1500, {}, Better::kLower}};
  cell.repetitions.push_back(std::move(record));
  EXPECT_EQ(samples_of(cell, "revocation.mean").values, std::vector<double>{1500});
}

// Unmaps that end nothing: pages stay reachable, and that none is counted as stale is no zero.
TEST(Samples, PagesThatStayReachableByDesignAreNoZero) {
  const auto stale = [](double persistent, double copied, double pages) {
    CellData cell;
    RepetitionRecord record;
    record.metrics = {{"mean_stale_pages", "pages", pages, {}, Better::kLower},
                      {"persistent_unmaps", "1", persistent, {}, Better::kNeither},
                      {"bytes_copied_per_operation", "B", copied, {}, Better::kLower}};
    cell.repetitions.push_back(std::move(record));
    return samples_of(cell, "mean_stale_pages");
  };
  EXPECT_TRUE(stale(10, 0, 0).values.empty());
  EXPECT_EQ(stale(10, 0, 0).because, kStaysReachable);
  EXPECT_EQ(stale(10, 2048, 0).values, std::vector<double>{0}) << "what is reachable is a copy";
  EXPECT_EQ(stale(0, 0, 0).values, std::vector<double>{0}) << "strict";
  EXPECT_EQ(stale(10, 0, 2.5).values, std::vector<double>{2.5}) << "what was counted stays";
}

// A run that counts revocations has said "always" where it means it. A zero beside users that joined a mapping is one.
TEST(Samples, WhatANewerRunCountedIsTaken) {
  CellData cell;
  RepetitionRecord record;
  record.metrics = {{"mean_stale_pages", "pages", 0, {}, Better::kLower},
                    {"persistent_unmaps", "1", 10, {}, Better::kNeither},
                    {"revocations", "1", 0, {}, Better::kNeither}};
  cell.repetitions.push_back(std::move(record));
  EXPECT_EQ(samples_of(cell, "mean_stale_pages").values, std::vector<double>{0});
}

// Two versions of the program measured one cell: whoever asks for one number, or for all, is told the same.
TEST(Samples, OneNameHasOneNumberARepetitionHoweverItIsAskedFor) {
  CellData cell;
  HdrHistogram h;
  h.record_n(300, 40);
  for (std::uint32_t i = 0; i < 4; ++i) {
    RepetitionRecord record;
    record.repetition = i;
    record.metrics = {{"operations_per_s", "1/s", 1e6, {}, Better::kHigher}};
    if (i == 1) record.metrics.push_back({"lost_events", "1", {}, "not counted", Better::kLower});
    if (i < 3) record.metrics.push_back({"revocation_mean", "ns", 1500, {}, Better::kLower});
    if (i == 2) record.metrics.push_back({"revocation.mean", "ns", 1600, {}, Better::kLower});
    if (i > 0) record.histograms.push_back({"revocation", "ns", h, Better::kLower});
    cell.repetitions.push_back(std::move(record));
  }
  const CellSamples all(cell);
  std::set<std::string> names = {"", "nothing", "revocation_mean", "revocation.mean"};
  for (const Samples& samples : all.all()) names.insert(samples.name);
  for (const std::string& name : names) {
    const Samples one = samples_of(cell, name);
    const Samples* const found = all.find(name);
    EXPECT_EQ(one.values, found == nullptr ? std::vector<double>() : found->values) << name;
    EXPECT_EQ(one.because, found == nullptr ? kNoSuchSamples : found->because) << name;
    const std::set<std::uint32_t> apart(one.repetitions.begin(), one.repetitions.end());
    EXPECT_EQ(apart.size(), one.values.size()) << name;
    EXPECT_TRUE(std::is_sorted(one.repetitions.begin(), one.repetitions.end())) << name;
  }
  EXPECT_EQ(samples_of(cell, "revocation.mean").values,
            (std::vector<double>{1500, 1500, 1500, h.mean()}));
}

// As a reader asks: how fast, what a call cost, what else.
TEST(Samples, ComeInTheOrderOfTheCatalogueWithTheirMeans) {
  CellData cell;
  RepetitionRecord record;
  record.metrics = {{"faults", "1", 0, {}, Better::kLower},
                    {"guest_own_word", "1", 7, {}, Better::kNeither},
                    {"operations_per_s", "1/s", 1e6, {}, Better::kHigher}};
  HdrHistogram h;
  for (const std::uint64_t ns : {100U, 200U, 900U}) h.record(ns);
  record.histograms.push_back({"map", "ns", h, Better::kLower});
  cell.repetitions.push_back(std::move(record));
  std::vector<std::string> names;
  for (const Samples& samples : samples_of(cell)) names.push_back(samples.name);
  EXPECT_EQ(names, (std::vector<std::string>{"operations_per_s", "map.count", "map.mean", "map.p50",
                                             "map.p90", "map.p99", "map.p99.9", "map.p99.99",
                                             "faults", "guest_own_word"}));
  EXPECT_NEAR(samples_of(cell, "map.mean").values.at(0), 400, 1);
  EXPECT_EQ(samples_of(cell, "map.count").values.at(0), 3);
  EXPECT_EQ(find_metric("map.count")->name, "map");
}

TEST(MetricCatalogue, APercentileTakesCallsEnough) {
  const auto cell_with = [](std::uint64_t calls) {
    CellData cell;
    HdrHistogram h;
    h.record_n(100, calls);
    RepetitionRecord record;
    record.histograms.push_back({"map", "ns", h, Better::kLower});
    cell.repetitions.push_back(std::move(record));
    return cell;
  };
  const auto known = [&](std::uint64_t calls, const char* name) {
    return !samples_of(cell_with(calls), name).values.empty();
  };
  EXPECT_FALSE(known(299, "map.p99"));
  EXPECT_TRUE(known(300, "map.p99"));
  EXPECT_FALSE(known(5, "map.p50"));
  EXPECT_TRUE(known(6, "map.p50"));
  EXPECT_FALSE(known(10, "map.p99.99"));
  EXPECT_TRUE(known(30'000, "map.p99.99"));
  EXPECT_TRUE(known(1, "map.mean"));
  EXPECT_EQ(samples_of(cell_with(200), "map.p99").because, "it takes 300 values in a repetition");
  // As text with the reason, as CSV with the count beside it, as JSON null.
  RunData run;
  run.cells = {cell_with(200)};
  const Report said = report(run);
  EXPECT_THAT(said.notes,
              Contains(HasSubstr("map.p99 not available, because it takes 300 values")));
  EXPECT_THAT(render(run, said, Format::kCsv), HasSubstr("map.count"));
  std::string json;
  ASSERT_TRUE(write_results_json(run, [&json](std::string_view piece) -> Status {
    json += piece;
    return {};
  }));
  const auto document = nlohmann::json::parse(json);
  const auto& map = document["cells"][0]["repetitions"][0]["histograms"]["map"];
  EXPECT_TRUE(map["percentiles"]["99"].is_null());
  EXPECT_EQ(map["percentiles"]["50"], 100);
  EXPECT_EQ(map["count"], 200);
  EXPECT_TRUE(document["cells"][0]["summary"]["map.p99"]["median"].is_null());
  EXPECT_EQ(document["cells"][0]["summary"]["map.count"]["median"], 200);
}

TEST(MetricCatalogue, AMetricIsWrittenWithItsUnitAndDirection) {
  const Metric hits = measured("iotlb_hit_rate", 99);
  EXPECT_EQ(hits.unit, "%");
  EXPECT_EQ(hits.better, Better::kHigher);
  EXPECT_EQ(measured_ratio("iotlb_hit_rate", 99, 0, "none").because, "none");
  EXPECT_DEATH(measured("reowned_pages", 1), "");  // New runs have today's names alone.
}

// One cell, five repetitions, of a program that called the metric so.
RunData run_with(const std::string& name) {
  RunData run;
  run.manifest.run_id = name;
  run.manifest.outcome = "finished";
  run.cells.push_back(
      {{"a", "strategy=lazy-percpu", {{"strategy", std::string("lazy-percpu")}}}, {}});
  for (std::uint32_t i = 0; i < 5; ++i) {
    RepetitionRecord record;
    record.cell = "a";
    record.repetition = i;
    record.metrics = {{name, "pages", 10.0 + i, {}, Better::kLower}};
    run.cells.front().repetitions.push_back(std::move(record));
  }
  return run;
}

constexpr const char* kFormer = "reowned_pages";
constexpr const char* kToday = "reused_while_stale_pages";

std::vector<std::string> compared(const std::string& a, const std::string& b,
                                  const std::vector<std::string>& metrics = {}) {
  const RunData runs[] = {run_with(a), run_with(b)};
  CompareOptions options;
  options.metrics = metrics;
  const auto comparison = compare(runs, options);
  if (!comparison) return {comparison.error().message};
  std::vector<std::string> names;
  for (const Difference& d : comparison->contrasts.front().differences) {
    names.push_back(d.metric);
    EXPECT_EQ(d.baseline.samples, 5u) << d.reason;
    EXPECT_EQ(d.contender.samples, 5u) << d.reason;
  }
  return names;
}

using Names = std::vector<std::string>;

TEST(FormerNames, AnOldAndANewRunCompareByTodaysName) {
  EXPECT_EQ(compared(kFormer, kToday), Names{kToday});
  EXPECT_EQ(compared(kToday, kFormer), Names{kToday});
}

TEST(FormerNames, TwoOldRunsKeepTheirOwn) { EXPECT_EQ(compared(kFormer, kFormer), Names{kFormer}); }

TEST(FormerNames, WhoAsksForOneNameGetsTheMetricUnderThatName) {
  for (const char* asked : {kFormer, kToday}) {
    EXPECT_EQ(compared(kFormer, kFormer, {asked}), Names{asked});
    EXPECT_EQ(compared(kToday, kToday, {asked}), Names{asked});
    EXPECT_EQ(compared(kFormer, kToday, {asked}), Names{asked});
  }
}

TEST(FormerNames, AReportOfAnOldRunHasItsNamesAndFindsItsColumnsByEither) {
  EXPECT_EQ(report(run_with(kFormer)).table.columns[1].name, kFormer);
  for (const char* asked : {kFormer, kToday}) {
    const Report found = report(run_with(kFormer), {.columns = {asked}});
    ASSERT_EQ(found.table.columns.size(), 2u) << asked;
    EXPECT_EQ(std::get<Quantity>(found.table.rows[0][1]).value, 12) << asked;
  }
}

TEST(FormerNames, ARunThatANewProgramWentOnWithHasOneColumn) {
  RunData run = run_with(kFormer);
  run.cells.front().repetitions.back().metrics.front().name = kToday;
  const Report mixed = report(run);
  ASSERT_EQ(mixed.table.columns.size(), 2u);
  EXPECT_EQ(std::get<Quantity>(mixed.table.rows[0][1]).value, 12);
}

TEST(Reports, ACellsMeansAreInEveryFormat) {
  RunData run = run_with("operations_per_s");
  HdrHistogram h;
  h.record(100);
  for (auto& record : run.cells[0].repetitions) {
    record.histograms.push_back({"unmap", "ns", h, Better::kLower});
  }
  EXPECT_NE(render(run, report(run), Format::kCsv).find("unmap.mean [ns]"), std::string::npos);
  std::string json;
  ASSERT_TRUE(write_results_json(run, [&json](std::string_view piece) -> Status {
    json += piece;
    return {};
  }));
  EXPECT_NE(json.find("\"unmap.mean\""), std::string::npos);
  const auto all = summary(run, {.metrics = {"all"}});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->front().columns[1].name, "operations_per_s");
  EXPECT_EQ(all->front().columns[2].name, "unmap.count");
  EXPECT_EQ(all->front().columns[3].name, "unmap.mean");
}

}  // namespace
}  // namespace violet::results
