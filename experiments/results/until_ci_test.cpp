#include "experiments/results/until_ci.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/base/test_folder_testing.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/retries.hpp"
#include "experiments/results/samples.hpp"

namespace violet::results::until_ci_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

RepetitionRecord rate_of(const std::string& cell, std::uint32_t number, double rate) {
  RepetitionRecord record;
  record.cell = cell;
  record.repetition = number;
  record.metrics = {measured("operations_per_s", rate), measured(kCpuWaitShare, 0)};
  return record;
}

RepetitionRecord disturbed_retry(RepetitionRecord record, std::uint32_t repeats, double wait) {
  record.retry_of = repeats;
  record.metrics.push_back(measured(kRetryOf, repeats + 1.0));
  record.metrics[1] = measured(kCpuWaitShare, wait);
  return record;
}

CellData cell_of(const std::string& id, const std::vector<double>& rates) {
  CellData cell;
  cell.cell.id = id;
  cell.cell.label = "strategy=" + id;
  for (std::uint32_t i = 0; i < rates.size(); ++i) {
    cell.repetitions.push_back(rate_of(id, i, rates[i]));
  }
  return cell;
}

// As many as are asked for, on both sides of a median of about 1000.
double wobbling(std::uint32_t number, double away) {
  return 1000 + (number % 2 == 0 ? 1 : -1) * away * (1 + number / 100.0);
}

TEST(UntilCi, MeasuresAnIntervalByItsMedian) {
  const UntilCi rule = until_ci_rule(5, 5, 30);
  EXPECT_EQ(rule.confidence, 0.983876);
  const CellPrecision seven = precision_of(cell_of("a", {1000, 1010, 990, 1020, 980, 1005, 995}),
                                           rule);  // The range, of seven.
  EXPECT_EQ(seven.repetitions, 7U);
  EXPECT_DOUBLE_EQ(*seven.width_percent, 4);
  EXPECT_TRUE(seven.narrow);
  EXPECT_FALSE(precision_of(cell_of("a", {1000, 1010, 990, 1020, 969, 1005, 995}), rule).narrow);
}

TEST(UntilCi, WhatIsNotKnownHasAReason) {
  const UntilCi rule = until_ci_rule(5, 5, 30);
  const CellPrecision six = precision_of(cell_of("a", {1, 1, 1, 1, 1, 1}), rule);
  EXPECT_FALSE(six.width_percent);
  EXPECT_FALSE(six.narrow);
  EXPECT_EQ(six.because, "6 repetitions are too few for an interval: it takes 7");
  EXPECT_EQ(precision_of(cell_of("a", {}), rule).because, "it was not measured");
  const CellPrecision still = precision_of(cell_of("a", {0, 0, 0, 0, 0, 0, 0}), rule);
  EXPECT_EQ(still.because, "its median is 0");
  EXPECT_FALSE(still.narrow);
}

TEST(UntilCi, RepeatsACellAsLongAsItIsWide) {
  RepeatUntilNarrow quiet(until_ci_rule(5, 5, 30)), loud(until_ci_rule(5, 5, 30));
  EXPECT_FALSE(quiet.wants("a", 0));  // Nothing is known of the cell.
  for (std::uint32_t i = 0; i < 5; ++i) {
    quiet.add(rate_of("a", i, wobbling(i, 2)));
    loud.add(rate_of("a", i, wobbling(i, 100)));
  }
  for (std::uint32_t i = 5; i < 7; ++i) {  // Too few for an interval.
    EXPECT_TRUE(quiet.wants("a", i)) << i;
    quiet.add(rate_of("a", i, wobbling(i, 2)));
  }
  EXPECT_FALSE(quiet.wants("a", 7));
  for (std::uint32_t i = 5; i < 30; ++i) {
    EXPECT_TRUE(loud.wants("a", i)) << i;
    EXPECT_FALSE(loud.wants("a", i + 1)) << i;  // Not the next one.
    loud.add(rate_of("a", i, wobbling(i, 100)));
  }
  EXPECT_FALSE(loud.wants("a", 30));
  const UntilCi ended = loud.outcome();
  EXPECT_EQ(ended.cells.at("a").repetitions, 30U);
  EXPECT_FALSE(ended.cells.at("a").narrow);
  EXPECT_EQ(quiet.outcome().cells.at("a").repetitions, 7U);
  EXPECT_TRUE(quiet.outcome().cells.at("a").narrow);
}

TEST(UntilCi, DoesNotRepeatACellThatStandsStill) {
  RepeatUntilNarrow watch(until_ci_rule(5, 5, 30));
  for (std::uint32_t i = 0; i < 7; ++i) {
    EXPECT_EQ(watch.wants("a", i), i > 0) << i;  // Before there is an interval it may still move.
    EXPECT_EQ(watch.wants_another("a"), i >= 5) << i;
    watch.add(rate_of("a", i, i == 3 ? 8 : 0));
  }
  EXPECT_FALSE(watch.wants("a", 7));
  EXPECT_FALSE(watch.wants_another("a"));
  EXPECT_EQ(watch.outcome().cells.at("a").because, "its median is 0");
}

TEST(UntilCi, DoesNotRepeatACellOfWhichARepetitionFailed) {
  RepeatUntilNarrow watch(until_ci_rule(5, 5, 30));
  for (const std::uint32_t i : {0U, 1U, 3U, 4U}) watch.add(rate_of("a", i, wobbling(i, 100)));
  EXPECT_FALSE(watch.wants("a", 5));
  watch.add(rate_of("a", 2, 1000));  // A --resume made up for it.
  EXPECT_TRUE(watch.wants("a", 5));
}

TEST(UntilCi, JudgesByTheRepetitionsThatCount) {
  RepeatUntilNarrow watch(until_ci_rule(5, 7, 30));
  for (std::uint32_t i = 0; i < 7; ++i) watch.add(rate_of("a", i, 1000 + i));
  EXPECT_FALSE(watch.wants("a", 7));
  RepeatUntilNarrow slow(until_ci_rule(5, 7, 30));
  for (std::uint32_t i = 0; i < 7; ++i) {
    RepetitionRecord record = rate_of("a", i, i == 3 ? 400 : 1000 + i);
    if (i == 3) record.metrics[1] = measured(kCpuWaitShare, 60);
    slow.add(record);
  }
  EXPECT_TRUE(slow.wants("a", 7));
  slow.add(disturbed_retry(rate_of("a", 30, 1003), 3, 0));
  EXPECT_FALSE(slow.wants("a", 7));
  EXPECT_EQ(slow.outcome().cells.at("a").repetitions, 7U);
}

RunData run_with(UntilCi rule, std::vector<CellData> cells) {
  RunData run;
  run.manifest.outcome = "finished";
  for (CellData& cell : cells) cell.confidence = rule.confidence;
  run.manifest.until_ci = std::move(rule);
  run.cells = std::move(cells);
  return run;
}

std::vector<double> rates(std::size_t count, double away) {
  std::vector<double> all;
  for (std::uint32_t i = 0; i < count; ++i) all.push_back(wobbling(i, away));
  return all;
}

std::vector<std::string> texts_of(const std::vector<Item>& row) {
  std::vector<std::string> texts;
  for (const Item& item : row) texts.push_back(std::get<Text>(item).text);
  return texts;
}

TEST(UntilCi, SaysWhoWasRepeatedAndWhoIsStillWide) {
  const RunData run = run_with(
      until_ci_rule(5, 7, 12),
      {cell_of("quiet", rates(7, 2)), cell_of("wide", rates(12, 90)),
       cell_of("wider", rates(12, 200)), cell_of("later", rates(9, 10)), cell_of("none", {})});
  const auto table = until_ci_table(run);
  ASSERT_TRUE(table);
  EXPECT_THAT(table->title, AllOf(HasSubstr("at most 5 %"), HasSubstr("7 to 12 times")));
  ASSERT_EQ(table->rows.size(), 4U);
  EXPECT_THAT(texts_of(table->rows[0]),
              ElementsAre("strategy=wide", "12", "19.2 %", "still wide after 12, the most"));
  EXPECT_THAT(texts_of(table->rows[2]),
              ElementsAre("strategy=later", "9", "2.13 %", "narrow enough"));
  EXPECT_THAT(texts_of(table->rows[3]),
              ElementsAre("strategy=none", "0", "n/a", "not known, because it was not measured"));
  EXPECT_THAT(table->notes.front(), HasSubstr("1 cell of 5 narrow enough after the plan's 7"));
  EXPECT_THAT(still_wide_text(run),
              AllOf(HasSubstr("wider than 5 % after 12 repetitions, the most: 2 of 5 cells"),
                    HasSubstr("of strategy=wider")));
  const Report said = report(run);
  EXPECT_THAT(said.warnings, ::testing::Contains(HasSubstr("wider than 5 %")));
  EXPECT_THAT(render(run, said, Format::kText), HasSubstr("still wide after 12, the most"));
}

TEST(UntilCi, NamesAWideCellThatAFailureEnded) {
  RunData run = run_with(until_ci_rule(5, 7, 12),
                         {cell_of("wide", rates(12, 90)), cell_of("failed", rates(9, 90))});
  run.manifest.outcome = "failed";
  EXPECT_THAT(still_wide_text(run), AllOf(HasSubstr("after 12 repetitions, the most: 1 of 2 cells"),
                                          HasSubstr(", and in 1 cell of which a repetition failed"),
                                          HasSubstr("strategy=failed")));
  run.cells.erase(run.cells.begin());
  EXPECT_THAT(still_wide_text(run),
              HasSubstr("is wider than 5 % in 1 cell of which a repetition failed"));
  run.manifest.outcome = "running";
  EXPECT_EQ(still_wide_text(run), "");
}

TEST(UntilCi, ExpectationsOfSuchARunAreSaidToBeUncorrected) {
  RunData run = run_with(until_ci_rule(5, 7, 12), {cell_of("quiet", rates(7, 2))});
  const auto said = ::testing::Contains(HasSubstr("expectations, are not corrected"));
  EXPECT_THAT(report(run).notes, ::testing::Not(said));
  run.expectations.emplace_back();
  EXPECT_THAT(report(run).notes, said);
  EXPECT_THAT(render_summary(report(run), {}, {}), HasSubstr("are not corrected"));
  run.manifest.until_ci.reset();
  EXPECT_THAT(report(run).notes, ::testing::Not(said));
}

TEST(UntilCi, ARunWithoutARuleSaysNothing) {
  RunData run;
  run.cells = {cell_of("a", rates(6, 2))};
  EXPECT_FALSE(until_ci_table(run));
  EXPECT_EQ(still_wide_text(run), "");
  EXPECT_EQ(median_confidence(run.manifest), kConfidence);
}

TEST(UntilCi, TheManifestKeepsIt) {
  Manifest manifest = host_manifest();
  EXPECT_EQ(to_json(manifest).find("until_ci"), std::string::npos);
  RepeatUntilNarrow watch(until_ci_rule(2.5, 5, 30));
  for (std::uint32_t i = 0; i < 7; ++i) watch.add(rate_of("a", i, wobbling(i, 2)));
  watch.add(rate_of("b", 0, 7));
  manifest.until_ci = watch.outcome();
  const auto back = manifest_from_json(to_json(manifest), "m");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->until_ci, manifest.until_ci);
  for (const char* confidence : {"0.5", "1", "1.0", "true"}) {
    std::string text = to_json(manifest);
    const std::string was = "\"confidence\": 0.983876";
    text.replace(text.find(was), was.size(), std::string("\"confidence\": ") + confidence);
    const auto refused = manifest_from_json(text, "m");
    ASSERT_FALSE(refused) << confidence;
    EXPECT_THAT(refused.error().message,
                HasSubstr("until_ci.confidence: expected 0.95 to below 1"));
  }
  auto none = nlohmann::json::parse(to_json(manifest));
  none["until_ci"] = nullptr;
  const auto without = manifest_from_json(none.dump(), "m");
  ASSERT_TRUE(without) << without.error().message;
  EXPECT_FALSE(without->until_ci) << "as other readers take it";
}

// Every table takes the confidence of the run's rule: six repetitions have no interval here.
TEST(UntilCi, IntervalsOfTheRunAllowForTheLooks) {
  const TestFolder folder;
  RunSetup setup;
  setup.root = folder.path();
  setup.resolved_json = "{}";
  setup.cells = {{"a", "strategy=a", {}}};
  setup.manifest = host_manifest();
  setup.manifest.plan_name = "t";
  setup.manifest.plan_hash = "0";
  setup.manifest.until_ci = until_ci_rule(5, 5, 30);
  auto writer = RunWriter::create(setup);
  ASSERT_TRUE(writer) << writer.error().message;
  for (std::uint32_t i = 0; i < 6; ++i) {
    ASSERT_TRUE(writer->begin_repetition("a", i));
    ASSERT_TRUE(writer->finish_repetition(rate_of("a", i, 1000 + i)));
  }
  ASSERT_TRUE(writer->close("finished"));
  const auto run = read_run(writer->directory());
  ASSERT_TRUE(run) << run.error().message;
  // What a --resume goes on with.
  Manifest ended = writer->manifest();
  ended.until_ci->cells["a"] = {6, 2.0, "", true};
  ASSERT_TRUE(writer->update_manifest(ended));
  const std::filesystem::path directory = writer->directory();
  *writer = *RunWriter::create(setup);
  const auto resumed = RunWriter::resume(directory, "0", nullptr);
  ASSERT_TRUE(resumed) << resumed.error().message;
  EXPECT_TRUE(resumed->manifest().until_ci->cells.empty()) << "how they stood when it ended";
  const Samples samples = samples_of(run->cells[0], kUntilCiMetric);
  EXPECT_EQ(samples.confidence, 0.983876);
  EXPECT_FALSE(median_estimate(samples).interval);
  EXPECT_TRUE(median_estimate(samples.values).interval);
  EXPECT_THAT(report(*run).warnings,
              ::testing::Contains(HasSubstr("fewer than 7 repetitions, too few for an interval")));
}

}  // namespace
}  // namespace violet::results::until_ci_test
