#include "gui/compare/difference_table.hpp"

#include <gtest/gtest.h>

#include <QAbstractItemModelTester>

#include "experiments/query/run_fixture_testing.hpp"

namespace violet::gui {
using namespace query;
namespace {

TEST(DifferenceTable, DifferencesHaveVerdicts) {
  const TestFolder folder;
  const auto read = results::read_run(write_fixture_run(folder.path(), every_place()));
  ASSERT_TRUE(read.has_value());
  const results::RunData& run = *read;
  auto rows = measure_differences(run, run.cells[1], run, run.cells[3], "lazy");
  sort_by_importance(rows);
  ASSERT_FALSE(rows.empty());
  EXPECT_EQ(rows[0].difference.metric, "operations_per_s");
  EXPECT_EQ(rows[0].difference.verdict, results::Verdict::kBetter);
  for (const auto& row : rows) EXPECT_NE(row.difference.metric, "unmap.p99.9");
  DifferenceTable table;
  const QAbstractItemModelTester tester(&table,
                                        QAbstractItemModelTester::FailureReportingMode::Fatal);
  table.setDifferences(rows);
  EXPECT_EQ(table.index(0, DifferenceTable::kVerdict).data().toString(), "better");
  EXPECT_EQ(table.index(0, DifferenceTable::kRatio).data().toString(), "2.00");
  EXPECT_TRUE(
      table.index(0, DifferenceTable::kAfter).data(Qt::ToolTipRole).toString().contains("95 %"));
}

TEST(DifferenceTable, WhatNothingEverEndsIsAlwaysAndNotUnknown) {
  const TestFolder folder;
  FixtureCell off{"off"};
  off.persistent = true;
  FixtureCell lossy{"lazy-percpu"};
  lossy.stale = -1;
  const auto run = results::read_run(write_fixture_run(folder.path(), {{"strict"}, off, lossy}));
  ASSERT_TRUE(run.has_value());
  DifferenceTable table;
  const auto shown = [&](std::size_t contender) {
    table.setDifferences(
        measure_differences(*run, run->cells[0], *run, run->cells[contender], "c"));
    for (int row = 0; row < table.rowCount(); ++row) {
      if (table.index(row, DifferenceTable::kMetric).data().toString() == "mean stale pages")
        return table.index(row, DifferenceTable::kAfter).data().toString();
    }
    return QStringLiteral("no row");
  };
  EXPECT_EQ(shown(1), QStringLiteral("always"));
  EXPECT_EQ(shown(2), QStringLiteral("n/a")) << "12 events were lost";
}

TEST(DifferenceTable, EveryRowSaysHowMuchWasInjected) {
  const TestFolder folder;
  FixtureCell costly{"strict", "net-rx", "samecore"}, free{"strict"};
  costly.injected = 61.5;
  free.injected = 0;
  const auto run = results::read_run(
      write_fixture_run(folder.path(), {costly, free, {"strict", "net-rx", "kick-thread"}}));
  ASSERT_TRUE(run.has_value());
  DifferenceTable table;
  const auto shown = [&](std::size_t contender) {
    table.setDifferences(
        measure_differences(*run, run->cells[0], *run, run->cells[contender], "c"));
    return table.index(0, DifferenceTable::kInjected).data().toString();
  };
  EXPECT_EQ(shown(1), QStringLiteral("61.5 % → 0 %"));
  EXPECT_EQ(shown(2), QStringLiteral("61.5 % → not known"));
}

}  // namespace
}  // namespace violet::gui
