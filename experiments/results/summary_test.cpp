#include "experiments/results/summary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "experiments/results/report.hpp"
#include "experiments/results/retries.hpp"

namespace violet::results {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

NamedHistogram histogram_of(const std::string& name, std::uint64_t ns) {
  HdrHistogram counted;
  for (std::uint64_t i = 0; i < 1000; ++i) counted.record(ns + i % 10);
  counted.record(ns * 1000);  // The mean is not the median.
  return {name, "ns", counted, Better::kLower};
}

CellData cell_of(const std::string& workload, const std::string& strategy, double rate,
                 double copied = 0) {
  CellData cell;
  cell.cell.id = workload + "-" + strategy;
  cell.cell.label = fmt::format("workload={} strategy={}", workload, strategy);
  cell.cell.axes = {{"workload", workload}, {"strategy", strategy}};
  for (std::uint32_t i = 0; i < 5; ++i) {
    RepetitionRecord record;
    record.cell = cell.cell.id;
    record.repetition = i;
    record.metrics = {{"operations_per_s", "op/s", rate * (1 + 0.01 * i), "", Better::kHigher},
                      {"requests_per_operation", "1", 1.5, "", Better::kLower},
                      {"kicks_per_operation", "1", 0.0, "", Better::kLower},
                      {"bytes_copied_per_operation", "B", copied, "", Better::kLower},
                      {"iotlb_hit_rate", "%", std::nullopt, "no accesses", Better::kHigher},
                      {"mean_stale_pages", "pages", 3.5, "", Better::kLower}};
    record.histograms = {histogram_of("map", 400), histogram_of("unmap", 700)};
    cell.repetitions.push_back(std::move(record));
  }
  return cell;
}

RunData run_of(std::vector<CellData> cells) {
  RunData run;
  run.manifest.plan_name = "example";
  run.manifest.outcome = "finished";
  run.manifest.seed = 7;
  run.cells = std::move(cells);
  return run;
}

const RunData kRun = run_of({cell_of("net-rx", "strict", 1e6), cell_of("net-rx", "lazy", 2e6),
                             cell_of("disk", "strict", 5e5), cell_of("disk", "lazy", 4e5)});

std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const Column& column : table.columns) names.push_back(column.name);
  return names;
}
std::string text_at(const Table& table, std::size_t row, std::size_t column) {
  return std::get<Text>(table.rows.at(row).at(column)).text;
}

TEST(Summary, HasATableForEachWorkloadAndSaysHowItRelates) {
  const auto tables = summary(kRun);
  ASSERT_TRUE(tables) << tables.error().message;
  ASSERT_EQ(tables->size(), 2u);
  EXPECT_EQ((*tables)[0].title, "workload net-rx");
  EXPECT_THAT(names_of((*tables)[0]),
              ::testing::ElementsAre("strategy", "operations_per_s", "relative", "map.p50",
                                     "map.mean", "map.p99", "unmap.p50", "unmap.mean",
                                     "requests_per_operation", "mean_stale_pages"));
  EXPECT_EQ(text_at((*tables)[0], 1, 2), "2.00×");
  EXPECT_EQ(text_at((*tables)[1], 1, 2), "0.800×");
  EXPECT_EQ(std::get<Text>((*tables)[0].rows[1][2]).tone, Tone::kGood);
  EXPECT_EQ(std::get<Text>((*tables)[1].rows[1][2]).tone, Tone::kBad);
  const auto mean = std::get<Quantity>((*tables)[0].rows[0][4]).value;
  ASSERT_TRUE(mean);
  EXPECT_NEAR(*mean, (1000 * 404.5 + 400'000) / 1001, 10) << "the mean counts what is rare";
}

TEST(Summary, ShowsCopiesWhereSomethingIsCopied) {
  const auto tables =
      summary(run_of({cell_of("net-rx", "strict", 1e6), cell_of("net-rx", "bounce", 1e6, 1500)}));
  ASSERT_TRUE(tables);
  const auto names = names_of(tables->front());
  EXPECT_THAT(names, ::testing::Contains("bytes_copied_per_operation"));
  EXPECT_THAT(names, ::testing::Contains("mean_stale_pages"));
  EXPECT_LE(names.size(), SummaryOptions::kMostMetrics + 2);
}

// As in the demo, whose sidecore is kicked once in 100,000 operations.
TEST(Summary, KicksGiveWayToWhatIsExposed) {
  RunData run = run_of({cell_of("net-rx", "strict", 1e6), cell_of("net-rx", "bounce", 1e6, 1500)});
  for (CellData& data : run.cells) {
    for (auto& record : data.repetitions) {
      record.metrics.push_back({"kicks_per_operation", "1", 1e-5, {}, Better::kLower});
    }
  }
  const auto tables = summary(run);
  ASSERT_TRUE(tables);
  EXPECT_THAT(names_of(tables->front()), ::testing::Contains("mean_stale_pages"));
}

TEST(Summary, TakesMetricsBaselineAndOrder) {
  const auto tables = summary(kRun, {.metrics = {"map.p99", "iotlb_hit_rate"},
                                     .baseline = "strategy=lazy",
                                     .sort = "operations_per_s"});
  ASSERT_TRUE(tables) << tables.error().message;
  const Table& first = tables->front();
  EXPECT_EQ(text_at(first, 0, 0), "lazy") << "the faster one comes first";
  EXPECT_EQ(text_at(first, 0, 2), "1");
  EXPECT_EQ(std::get<Quantity>(first.rows[0][3]).because, "no accesses");
  const auto ordered = summary(kRun, {.baseline = "strict workload=disk"});
  ASSERT_TRUE(ordered) << ordered.error().message;
  EXPECT_EQ(names_of((*ordered)[1])[2], "relative") << "words in any order name the baseline";
  EXPECT_NE(names_of((*ordered)[0])[2], "relative") << "of its own table alone";
  EXPECT_THAT(summary(kRun, {.metrics = {"speed"}}).error().message,
              HasSubstr("no metric 'speed'"));
  EXPECT_THAT(summary(kRun, {.sort = "speed"}).error().message, HasSubstr("no metric 'speed'"));
  EXPECT_THAT(summary(kRun, {.baseline = "off"}).error().message,
              HasSubstr("no cell is called 'off'"));
  const auto all = summary(kRun, {.metrics = {"all"}});
  ASSERT_TRUE(all);
  EXPECT_GT(all->front().columns.size(), 14u);
}

TEST(Summary, TransposedHasARowAMetric) {
  const auto tables =
      summary(kRun, {.metrics = {"operations_per_s", "map.p50"}, .transpose = true});
  ASSERT_TRUE(tables);
  EXPECT_THAT(names_of(tables->front()), ::testing::ElementsAre("metric", "strict", "lazy"));
  EXPECT_EQ(text_at(tables->front(), 2, 0), "map.p50");
  EXPECT_EQ(std::get<Quantity>(tables->front().rows[2][1]).unit, "ns");
}

TEST(Summary, FitsAHundredColumns) {
  std::vector<CellData> cells;
  for (const char* strategy : {"strict", "lazy-percpu", "bounce-dynamic", "off"}) {
    cells.push_back(
        cell_of("trace:/a/very/long/path/that/nobody/reads/" + std::string(120, 'x') + "/end",
                strategy, 1.234e6, 1500));
  }
  cells.push_back(cell_of("net-rx", "strict", 1e6));
  const RunData run = run_of(std::move(cells));
  const auto tables = summary(run, {.bars = true});
  ASSERT_TRUE(tables);
  EXPECT_THAT(tables->front().title,
              AllOf(HasSubstr("workload trace:/a/very"), HasSubstr("…"), HasSubstr("/end")));
  for (const unsigned width : {80u, 100u, 160u}) {
    const std::string text = render_summary(report(run), *tables, {.style = {false, width}});
    std::size_t from = 0;
    for (std::size_t to; (to = text.find('\n', from)) != std::string::npos; from = to + 1) {
      EXPECT_LE(display_width(std::string_view(text).substr(from, to - from)), width) << text;
    }
  }
}

TEST(Summary, SaysWhatTheRelationIs) {
  const auto said = [](const RunData& run, const SummaryOptions& options) {
    return render_summary(report(run), *summary(run, options), {.style = {false, 80}});
  };
  EXPECT_THAT(said(kRun, {}), HasSubstr("be the ratio of the medians"));
  EXPECT_THAT(said(kRun, {.transpose = true}), HasSubstr("be the ratio of the medians"));
  EXPECT_THAT(said(run_of({cell_of("net-rx", "strict", 1e6)}), {}),
              Not(HasSubstr("be the ratio of the medians")));
}

TEST(Summary, ABarStandsBesideWhatItShows) {
  const auto tables = summary(kRun, {.bars = true});
  ASSERT_TRUE(tables);
  EXPECT_THAT(names_of((*tables)[0]).at(3), "") << "behind operations and what they relate to";
  EXPECT_EQ(text_at((*tables)[0], 1, 3), "██████████") << "lazy, the faster one";
  EXPECT_EQ(text_at((*tables)[0], 0, 3), "█████");
  const std::string narrow = render_summary(report(kRun), *tables, {.style = {false, 80}});
  const std::size_t bars = narrow.find("██████████");
  EXPECT_LT(narrow.rfind("2.00×", bars), bars);
  EXPECT_EQ(
      narrow.substr(narrow.rfind("2.00×", bars), bars - narrow.rfind("2.00×", bars)).find('\n'),
      std::string::npos)
      << narrow;
}

TEST(Summary, CountsTheWarningsThatItLeavesOut) {
  RunData run = kRun;
  for (int i = 0; i < 9; ++i) run.manifest.drop_counts[fmt::format("events {}", i)] = 3;
  const Report said = report(run);
  const auto tables = summary(run);
  const std::string text = render_summary(said, *tables);
  const auto count = [](const std::string& where, const std::string& what) {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = where.find(what, at)) != std::string::npos; ++at) ++found;
    return found;
  };
  EXPECT_EQ(count(text, "warning: "), kMostWarnings);
  EXPECT_THAT(text, HasSubstr(fmt::format("{} more notes", said.warnings.size() - kMostWarnings +
                                                               said.notes.size())));
  const std::string whole = render_summary(said, *tables, {.notes = true});
  EXPECT_EQ(count(whole, "warning: "), said.warnings.size());
  EXPECT_EQ(count(whole, "note: "), said.notes.size());
}

TEST(Summary, NamesAnOutlierOnlyWhereItIsOne) {
  RunData run = run_of({cell_of("net-rx", "strict", 1e6)});
  auto& repetitions = run.cells[0].repetitions;
  repetitions[2].metrics[0].value = 9e6;
  EXPECT_THAT(report(run).notes, Each(Not(HasSubstr("outlier")))) << "five repetitions are too few";
  for (std::uint32_t i = 5; i < 9; ++i) {
    repetitions.push_back(repetitions[0]);
    repetitions.back().repetition = i;
  }
  EXPECT_THAT(report(run).notes,
              ::testing::Contains(AllOf(HasSubstr("outlier, kept"), HasSubstr("in repetition 3 "))))
      << "the third, as people count";
  // Nearly constant: many deviations away and half a per cent.
  for (RepetitionRecord& record : repetitions) record.metrics[0].value = 1e6;
  repetitions[2].metrics[0].value = 1.005e6;
  EXPECT_THAT(report(run).notes, Each(Not(HasSubstr("operations_per_s"))));
}

TEST(Summary, ShortensInTheMiddle) {
  EXPECT_EQ(shortened("short", 10), "short");
  EXPECT_EQ(shortened("abcdefghijkl", 7), "ab…ijkl");
  EXPECT_TRUE(rc::check([](const std::string& text, std::uint8_t columns) {
    const std::size_t most = 3 + columns % 40;
    RC_ASSERT(display_width(shortened(text, most)) <= most);
  }));
}

// A ratio to a cell that other programs slowed down says nothing, as no verdict is given (compare.hpp).
TEST(Summary, RelatesNoDisturbedCellToAQuietOne) {
  RunData run = run_of({cell_of("net-rx", "strict", 1e6), cell_of("net-rx", "lazy", 2e6)});
  for (RepetitionRecord& record : run.cells[1].repetitions) {
    record.metrics.push_back({kCpuWaitShare, "%", 40.0, "", Better::kNeither});
  }
  EXPECT_EQ(text_at(summary(run)->front(), 1, 2), "n/a");
  for (RepetitionRecord& record : run.cells[0].repetitions) {
    record.metrics.push_back({kCpuWaitShare, "%", 40.0, "", Better::kNeither});
  }
  EXPECT_EQ(text_at(summary(run)->front(), 1, 2), "2.00×") << "both had the same weather";
}

TEST(Summary, AMisspeltMetricIsGuessed) {
  const auto wrong = summary(kRun, {.metrics = {"map.p9"}});
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("did you mean 'map.p9"));
}

}  // namespace
}  // namespace violet::results
