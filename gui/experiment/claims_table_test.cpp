#include "gui/experiment/claims_table.hpp"

#include <gtest/gtest.h>

#include <QClipboard>
#include <QGuiApplication>
#include <QHeaderView>
#include <QSignalSpy>
#include <QStyle>
#include <QTest>

#include "experiments/results/metric_catalogue.hpp"
#include "gui/experiment/claims_view.hpp"

namespace violet::gui {
namespace {

using results::ExpectationKind;
using results::Fulfilment;
using results::Importance;

constexpr std::uint32_t kRounds = 9;

// Of every repetition the metric is 1, 1.01, ... times `first`; nothing: it has none, because no probe was made.
results::CellData judgedCell(const std::string& strategy, const std::string& metric,
                             std::optional<double> first, std::uint32_t repetitions = kRounds) {
  results::CellData cell;
  cell.cell = {strategy, "strategy=" + strategy, {{"strategy", strategy}}};
  for (std::uint32_t i = 0; i < repetitions; ++i) {
    results::RepetitionRecord record;
    record.cell = strategy;
    record.repetition = i;
    record.metrics = {first ? results::measured(metric, *first * (1 + 0.01 * i))
                            : results::not_measured(metric, "no probe was made")};
    cell.repetitions.push_back(std::move(record));
  }
  return cell;
}

results::Expectation ratioAtLeast(double limit) {
  results::Expectation e;
  e.claim = "lazy is faster";
  e.source = "a paper";
  e.kind = ExpectationKind::kRatio;
  e.metric = "operations_per_s";
  e.of = {{"strategy", {"lazy-percpu"}}};
  e.to = {{"strategy", {"strict"}}};
  e.at_least = limit;
  return e;
}

results::Expectation atMost(const std::string& metric, double limit) {
  results::Expectation e;
  e.claim = "nothing is left";
  e.source = "a definition";
  e.importance = Importance::kShould;
  e.kind = ExpectationKind::kValue;
  e.metric = metric;
  e.at_most = limit;
  return e;
}

results::RunData judgedRun(std::vector<results::CellData> cells,
                           std::vector<results::Expectation> expectations) {
  results::RunData run;
  run.manifest.plan_hash = "0badcafe";
  run.manifest.outcome = "finished";
  run.manifest.interleaved = true;
  run.cells = std::move(cells);
  run.expectations = std::move(expectations);
  return run;
}

results::RunData rateRun(std::uint32_t repetitions, double limit) {
  return judgedRun({judgedCell("strict", "operations_per_s", 1000, repetitions),
                    judgedCell("lazy-percpu", "operations_per_s", 2500, repetitions)},
                   {ratioAtLeast(limit)});
}

QString shown(const ClaimsTable& table, int row, int column, int role = Qt::DisplayRole) {
  return table.index(row, column).data(role).toString();
}

TEST(ClaimsTable, ARatioAboveItsLimitHolds) {
  ClaimsTable table;
  table.setClaims(judgeClaims(rateRun(kRounds, 2)));
  ASSERT_EQ(table.rowCount(), 1);
  EXPECT_EQ(shown(table, 0, ClaimsTable::kVerdict), "holds");
  EXPECT_EQ(shown(table, 0, ClaimsTable::kClass), "must");
  EXPECT_EQ(shown(table, 0, ClaimsTable::kClaim), "lazy is faster");
  EXPECT_EQ(shown(table, 0, ClaimsTable::kExpected),
            "operations_per_s, lazy-percpu over strict: at least 2");
  EXPECT_TRUE(shown(table, 0, ClaimsTable::kMeasured).startsWith("×2.5"))
      << shown(table, 0, ClaimsTable::kMeasured).toStdString();
  EXPECT_EQ(table.heading(), "Expectations (1): 1 holds");
}

TEST(ClaimsTable, TheTipHasTestNumberProbabilityEffectAndSource) {
  ClaimsTable table;
  table.setClaims(judgeClaims(rateRun(kRounds, 2)));
  for (int column = 0; column < ClaimsTable::kColumns; ++column) {
    const QString tip = shown(table, 0, column, Qt::ToolTipRole);
    EXPECT_TRUE(tip.startsWith("ratio: ×2.5")) << tip.toStdString();
    EXPECT_TRUE(tip.contains("above 2\n")) << tip.toStdString();
    EXPECT_TRUE(tip.contains("Mann-Whitney, exact")) << tip.toStdString();
    EXPECT_TRUE(tip.contains(", n = 9, p = 8.23e-05 after Holm, A12 = 1.00; large effect\n"))
        << tip.toStdString();
    EXPECT_TRUE(tip.endsWith("source: a paper")) << tip.toStdString();
  }
}

TEST(ClaimsTable, ARatioBelowItsLimitFails) {
  ClaimsTable table;
  table.setClaims(judgeClaims(rateRun(kRounds, 3)));
  EXPECT_EQ(shown(table, 0, ClaimsTable::kVerdict), "fails");
  EXPECT_EQ(table.index(0, 0).data(ClaimsTable::kVerdictRole).toInt(), int(Fulfilment::kFails));
  EXPECT_EQ(table.heading(), "Expectations (1): 1 fails");
}

TEST(ClaimsTable, WhatIsNotClearSaysWhy) {
  ClaimsTable table;
  const auto run = rateRun(2, 2);
  table.setClaims(judgeClaims(run));
  EXPECT_EQ(shown(table, 0, ClaimsTable::kVerdict), "inconclusive");
  const auto judged = results::judge_expectations(run);
  ASSERT_FALSE(judged[0].reason.empty());
  EXPECT_TRUE(shown(table, 0, ClaimsTable::kMeasured)
                  .endsWith("; " + QString::fromStdString(judged[0].reason)))
      << shown(table, 0, ClaimsTable::kMeasured).toStdString();
}

TEST(ClaimsTable, AValueIsHeldAgainstItsLimit) {
  ClaimsTable table;
  table.setClaims(judgeClaims(
      judgedRun({judgedCell("strict", "mean_stale_pages", 0)}, {atMost("mean_stale_pages", 0)})));
  EXPECT_EQ(shown(table, 0, ClaimsTable::kVerdict), "holds");
  EXPECT_EQ(shown(table, 0, ClaimsTable::kClass), "should");
  EXPECT_EQ(shown(table, 0, ClaimsTable::kExpected), "mean_stale_pages: 0");
  const QString tip = shown(table, 0, ClaimsTable::kVerdict, Qt::ToolTipRole);
  EXPECT_TRUE(tip.contains("median of 9 repetitions")) << tip.toStdString();
  EXPECT_TRUE(tip.endsWith("source: a definition")) << tip.toStdString();
  EXPECT_FALSE(tip.contains("A12")) << tip.toStdString();
}

TEST(ClaimsTable, WhatWasNotMeasuredIsNotJudgedWithTheReason) {
  ClaimsTable table;
  table.setClaims(judgeClaims(judgedRun({judgedCell("strict", "mean_stale_pages", std::nullopt)},
                                        {atMost("mean_stale_pages", 0)})));
  EXPECT_EQ(shown(table, 0, ClaimsTable::kVerdict), "not judged");
  EXPECT_EQ(shown(table, 0, ClaimsTable::kMeasured),
            "n/a; strategy=strict has no mean_stale_pages: no probe was made");
  // Before the first repetition.
  table.setClaims(judgeClaims(judgedRun({judgedCell("strict", "mean_stale_pages", 0, 0)},
                                        {atMost("mean_stale_pages", 0)})));
  EXPECT_EQ(shown(table, 0, ClaimsTable::kVerdict), "not judged");
  EXPECT_EQ(shown(table, 0, ClaimsTable::kMeasured), "n/a; strategy=strict was not measured");
  EXPECT_EQ(table.heading(), "Expectations (1): 1 not judged");
}

TEST(ClaimsTable, APlanThatExpectsNothingHasNoRows) {
  const Claims claims =
      judgeClaims(judgedRun({judgedCell("strict", "operations_per_s", 1000)}, {}));
  EXPECT_TRUE(claims.rows.empty());
  EXPECT_EQ(claims.plan_hash, "0badcafe");
}

TEST(ClaimsTable, ARunThatIsNotOverIsJudgedSoFar) {
  auto run = rateRun(kRounds, 2);
  run.expectations.push_back(ratioAtLeast(3));
  run.expectations.push_back(ratioAtLeast(2.1));
  for (const auto& [outcome, words] :
       {std::pair("running", "Expectations (3) so far: 2 hold, 1 fails"),
        std::pair("interrupted", "Expectations (3) so far: 2 hold, 1 fails"),
        std::pair("failed", "Expectations (3): 2 hold, 1 fails"),
        std::pair("finished", "Expectations (3): 2 hold, 1 fails")}) {
    run.manifest.outcome = outcome;
    ClaimsTable table;
    table.setClaims(judgeClaims(run));
    EXPECT_EQ(table.heading(), words);
  }
}

TEST(ClaimsTable, TheSameExpectationsJudgedAnewChangeInPlace) {
  ClaimsTable table;
  QSignalSpy resets(&table, &QAbstractItemModel::modelReset);
  QSignalSpy changes(&table, &QAbstractItemModel::dataChanged);
  table.setClaims(judgeClaims(rateRun(2, 2)));
  EXPECT_EQ(resets.count(), 1);
  table.setClaims(judgeClaims(rateRun(2, 2)));
  EXPECT_EQ(changes.count(), 0);
  table.setClaims(judgeClaims(rateRun(kRounds, 2)));
  EXPECT_EQ(changes.count(), 1);
  EXPECT_EQ(resets.count(), 1);
  EXPECT_EQ(shown(table, 0, ClaimsTable::kVerdict), "holds");
  table.clear();
  EXPECT_EQ(resets.count(), 2);
  EXPECT_EQ(table.rowCount(), 0);
}

TEST(ClaimsView, ChosenRowsAreCopiedWithTheirEvidence) {
  ClaimsTable table;
  auto run = rateRun(kRounds, 2);
  run.expectations.push_back(ratioAtLeast(3));
  table.setClaims(judgeClaims(run));
  ClaimsView view(&table);
  view.resize(800, 300);
  view.show();
  view.selectRow(1);
  QTest::keyClick(&view, Qt::Key_C, Qt::ControlModifier);
  const QStringList fields = QGuiApplication::clipboard()->text().split('\t');
  ASSERT_EQ(fields.size(), 7) << QGuiApplication::clipboard()->text().toStdString();
  EXPECT_EQ(fields[0], "fails");
  EXPECT_EQ(fields[1], "must");
  EXPECT_EQ(fields[5], "a paper");
  EXPECT_TRUE(fields[6].contains("n = 9")) << fields[6].toStdString();
  view.selectAll();
  QTest::keyClick(&view, Qt::Key_C, Qt::ControlModifier);
  EXPECT_EQ(QGuiApplication::clipboard()->text().count('\n'), 1);
}

// Every line of a text is in its cell, however narrow the window.
TEST(ClaimsView, RowsAreAsHighAsTheirWords) {
  ClaimsTable table;
  auto run = rateRun(kRounds, 2);
  run.expectations[0].claim = QString("a sentence of many words ").repeated(12).toStdString();
  table.setClaims(judgeClaims(run));
  ClaimsView view(&table);
  view.show();
  int before = 0;
  for (const int width : {1600, 1000, 700, 420}) {
    view.resize(width, 300);
    const QString text = shown(table, 0, ClaimsTable::kClaim).trimmed();
    const int margin = view.style()->pixelMetric(QStyle::PM_FocusFrameHMargin, nullptr, &view) + 1;
    const int inside = view.columnWidth(ClaimsTable::kClaim) - 2 * margin;
    const int needed =
        view.fontMetrics().boundingRect(0, 0, inside, 10000, Qt::TextWordWrap, text).height();
    EXPECT_GE(view.rowHeight(0), needed) << width;
    EXPECT_GE(view.rowHeight(0), before) << width;
    before = view.rowHeight(0);
  }
}

// The scroll bar of many rows takes from the columns; nothing is to be scrolled sideways for.
TEST(ClaimsView, ColumnsHaveTheWidthOfTheView) {
  ClaimsTable table;
  auto run = rateRun(kRounds, 2);
  for (int limit = 3; limit < 20; ++limit) run.expectations.push_back(ratioAtLeast(limit));
  ClaimsView view(&table);
  view.resize(700, 200);
  table.setClaims(judgeClaims(run));
  view.show();
  EXPECT_TRUE(QTest::qWaitFor(
      [&view] { return view.horizontalHeader()->length() <= view.viewport()->width(); }, 20000));
  EXPECT_LT(view.viewport()->height(), view.verticalHeader()->length());
}

}  // namespace
}  // namespace violet::gui
