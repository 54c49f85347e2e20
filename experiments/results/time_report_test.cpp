#include "experiments/results/time_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/telemetry/work_phase.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/report.hpp"

namespace violet::results::time_report_test {
namespace {

using ::testing::HasSubstr;

// Of `parts` phases, 10 ns each, and the engine's, 5 ns each, where it has an lcore of its own.
RepetitionRecord record_of(const std::string& cell, std::uint32_t repetition, std::size_t parts,
                           bool own_lcore) {
  RepetitionRecord record;
  record.cell = cell;
  record.repetition = repetition;
  double guest = 0, engine = 0;
  for (std::size_t i = 0; i < kWorkPhases; ++i) {
    const std::string name = time_metric(kWorkPhaseInfos[i].name);
    const bool engines = is_engines(static_cast<WorkPhase>(i));
    if (!engines && i >= parts) {
      record.metrics.push_back(not_measured(name, "it is not there"));
      continue;
    }
    record.metrics.push_back(measured(name, engines ? 5 : 10));
    (engines && own_lcore ? engine : guest) += engines ? 5 : 10;
  }
  const auto add_side = [&](const TimeSide& side, double sum) {
    record.metrics.push_back(measured(side.wall, sum + 10));
    record.metrics.push_back(measured(side.waited, 4));
    record.metrics.push_back(measured(side.own, 1));
    record.metrics.push_back(measured(side.longs, 3));
    record.metrics.push_back(measured(side.rest, 2));
    record.metrics.push_back(measured(side.sum, 101.5));
    record.metrics.push_back(measured(side.sum_error, 3));
    record.metrics.push_back(measured(side.sum_share, 96));
    record.metrics.push_back(measured(side.mark, 12));
    record.metrics.push_back(measured(side.rounds, 1000));
    record.metrics.push_back(measured(side.sampled_rounds, 40));
  };
  add_side(kGuestTime, guest);
  if (own_lcore) {
    add_side(kEngineTime, engine);
  } else {
    for (const auto name :
         {kEngineTime.wall, kEngineTime.own, kEngineTime.waited, kEngineTime.longs,
          kEngineTime.rest, kEngineTime.sum, kEngineTime.sum_error, kEngineTime.sum_share,
          kEngineTime.mark, kEngineTime.rounds, kEngineTime.sampled_rounds}) {
      record.metrics.push_back(not_measured(name, "the engine runs on the guest's lcore"));
    }
  }
  return record;
}

CellData timed_cell(const std::string& strategy, const std::string& placement, std::size_t parts) {
  CellData cell;
  cell.cell.id = strategy + "-" + placement;
  cell.cell.label = fmt::format("strategy={} placement={}", strategy, placement);
  cell.cell.axes = {{"strategy", strategy}, {"placement", placement}};
  for (std::uint32_t i = 0; i < 3; ++i) {
    cell.repetitions.push_back(record_of(cell.cell.id, i, parts, placement != "samecore"));
  }
  return cell;
}

RunData timed_run() {
  RunData run;
  run.manifest.plan_name = "example";
  run.manifest.outcome = "finished";
  for (const char* strategy :
       {"strict", "lazy-percpu", "lazy-single", "bounce-dynamic", "direct", "off"}) {
    run.cells.push_back(timed_cell(strategy, "sidecore", 8));
    run.cells.push_back(timed_cell(strategy, "samecore", 12));
  }
  return run;
}

void expect_columns_add_up(const Table& table) {
  for (std::size_t column = 1; column < table.columns.size(); ++column) {
    double sum = 0;
    for (std::size_t row = 0; row + 1 < table.rows.size(); ++row) {
      sum += std::get<Quantity>(table.rows[row][column]).value.value_or(0);
    }
    EXPECT_NEAR(sum, *std::get<Quantity>(table.rows.back()[column]).value, 1e-9) << table.title;
  }
}

TEST(TimeReport, HasATableForEachLcoreWhoseColumnsAddUp) {
  const auto tables = time_tables(timed_run());
  ASSERT_TRUE(tables) << tables.error().message;
  ASSERT_EQ(tables->size(), 3u) << "samecore has one lcore";
  EXPECT_THAT((*tables)[0].title, HasSubstr("sidecore: the guest's lcore"));
  EXPECT_THAT((*tables)[1].title, HasSubstr("sidecore: the engine's lcore"));
  EXPECT_THAT((*tables)[2].title, HasSubstr("samecore: the guest's lcore"));
  for (const Table& table : *tables) {
    EXPECT_EQ(table.columns.size(), 7u);
    expect_columns_add_up(table);
    EXPECT_EQ(std::get<Text>(table.rows.back().front()).text, "together");
  }
  // Eight parts, long rounds, what others had, the breakdown itself, what is not attributed, and their sum.
  EXPECT_EQ((*tables)[0].rows.size(), 13u);
  ASSERT_EQ((*tables)[0].notes.size(), 1u);
  EXPECT_THAT((*tables)[0].notes[0], HasSubstr("(720 of 18000)"));
  EXPECT_THAT((*tables)[0].notes[0], HasSubstr("come to 101.5 % to 101.5 %"));
  // Three repetitions that err by 3 % each, by themselves.
  EXPECT_THAT((*tables)[0].notes[0], HasSubstr("standard error: up to 1.7 %"));
  EXPECT_THAT((*tables)[0].notes[0], HasSubstr("are 96.0 % to 96.0 % of the time"));
}

TEST(TimeReport, APartThatARepetitionMetTooRarelyIsNotAttributed) {
  RunData run;
  run.cells = {timed_cell("strict", "sidecore", 8)};
  for (Metric& metric : run.cells[0].repetitions[1].metrics) {
    if (metric.name == "time_cut") metric = not_measured("time_cut", "met 2 times");
  }
  const auto tables = time_tables(run);
  ASSERT_TRUE(tables) << tables.error().message;
  for (const Table& table : *tables) expect_columns_add_up(table);
  for (const auto& row : (*tables)[0].rows) {
    EXPECT_NE(std::get<Text>(row[0]).text, "cut");
    if (std::get<Text>(row[0]).text == "not attributed") {
      EXPECT_NEAR(*std::get<Quantity>(row[1]).value, 12, 1e-9);
    }
  }
  EXPECT_THAT((*tables)[0].notes, ::testing::Contains(HasSubstr(
                                      "cut in strategy=strict placement=sidecore: met too rarely "
                                      "in 1 of 3 repetitions")));
}

// 90 ns, 4 of them waited, 1 the breakdown's: 2 of the 86 in which it ran are nobody's, and 3 in long rounds.
TEST(TimeReport, WhatOthersHadOfTheCpuIsNotAttributed) {
  RunData run;
  run.cells = {timed_cell("strict", "sidecore", 8)};
  const auto tables = time_tables(run);
  ASSERT_TRUE(tables) << tables.error().message;
  EXPECT_THAT((*tables)[0].notes[0], HasSubstr("attributed: 94.2 %"));
  EXPECT_THAT((*tables)[0].notes[0], HasSubstr("3.5 % is in rare long rounds"));
}

// Both cells, where one has this sum, and this error in each repetition.
RunData with_sum(double sum, double error) {
  RunData run;
  run.cells = {timed_cell("strict", "samecore", 12), timed_cell("off", "samecore", 12)};
  for (CellData& cell : run.cells) {
    for (RepetitionRecord& record : cell.repetitions) {
      for (Metric& metric : record.metrics) {
        if (metric.name == kGuestTime.sum && &cell == &run.cells[1]) {
          metric = measured(kGuestTime.sum, sum);
        }
        if (metric.name == kGuestTime.sum_error) metric = measured(kGuestTime.sum_error, error);
      }
    }
  }
  return run;
}

std::vector<std::vector<std::string>> notes_of(const RunData& run) {
  const auto tables = time_tables(run);
  const auto rows = time_rows(run);
  EXPECT_TRUE(tables && rows);
  if (!tables || !rows) return {};
  return {(*tables)[0].notes, rows->notes};
}

TEST(TimeReport, WarnsWhereTheSampledRoundsDoNotComeToTheMeasuredTime) {
  const auto warned = ::testing::Contains(HasSubstr("warning: in 1 of 2 cells the sampled"));
  const auto vague = ::testing::Contains(HasSubstr("cells too few rounds were sampled"));
  for (const double sum : {95.0, 105.0}) {
    for (const auto& notes : notes_of(with_sum(sum, 0.5))) {
      EXPECT_THAT(notes, ::testing::Not(warned)) << sum;
      EXPECT_THAT(notes, ::testing::Not(vague)) << sum;
    }
  }
  for (const double sum : {94.9, 105.1}) {
    for (const auto& notes : notes_of(with_sum(sum, 0.5))) {
      EXPECT_THAT(notes, warned) << sum;
      EXPECT_THAT(notes, ::testing::Not(vague)) << sum;
    }
  }
}

// A sum that misses by no more than chance does is no reason to doubt, and none to trust either.
TEST(TimeReport, TellsAMissFromChance) {
  const auto warned = ::testing::Contains(HasSubstr("warning: in 1 of 2 cells the sampled"));
  const auto vague = ::testing::Contains(HasSubstr("in 2 of 2 cells too few rounds were sampled"));
  for (const auto& notes : notes_of(with_sum(94, 30))) {
    EXPECT_THAT(notes, ::testing::Not(warned));
    EXPECT_THAT(notes, vague);
  }
  for (const auto& notes : notes_of(with_sum(10, 30))) {
    EXPECT_THAT(notes, warned);
    EXPECT_THAT(notes, ::testing::Contains(HasSubstr("in 1 of 2 cells too few rounds")));
  }
}

// Whoever asks how fast a run was is not told how well its breakdown adds up.
TEST(TimeReport, TheDoubtIsInTheBreakdownAlone) {
  RunData run;
  run.cells = {timed_cell("strict", "samecore", 12), timed_cell("off", "samecore", 12)};
  for (CellData& cell : run.cells) {
    for (RepetitionRecord& record : cell.repetitions) {
      for (Metric& metric : record.metrics) {
        if (metric.name == kGuestTime.sum) metric = measured(kGuestTime.sum, 80);
      }
    }
  }
  const auto tables = time_tables(run);
  ASSERT_TRUE(tables);
  const Report plain = report(run);
  const std::string doubt = "the sampled rounds";
  EXPECT_THAT(render_breakdown(plain, *tables), HasSubstr(doubt));
  for (const std::string& text :
       {render_summary(plain, {plain.table}, {.notes = true}), render(run, plain, Format::kText),
        render(run, plain, Format::kJson)}) {
    EXPECT_THAT(text, ::testing::Not(HasSubstr(doubt)));
  }
}

// Runs from before a sum knew its error related it to all of the time, and had no long rounds.
TEST(TimeReport, AnOlderRunIsReadAsItWasMeant) {
  RunData run;
  run.cells = {timed_cell("strict", "samecore", 12)};
  for (RepetitionRecord& record : run.cells[0].repetitions) {
    std::erase_if(record.metrics, [](const Metric& metric) {
      return metric.name == kGuestTime.longs || metric.name == kGuestTime.sum_error ||
             metric.name == kGuestTime.sum_share || metric.name == kGuestTime.mark;
    });
  }
  const auto tables = time_tables(run);
  ASSERT_TRUE(tables);
  expect_columns_add_up((*tables)[0]);
  EXPECT_THAT((*tables)[0].notes[0],
              HasSubstr("scaled by their number alone, come to 101.5 % of the measured time"));
}

// A phase that is not there is one of many, unless somebody asks for it.
TEST(TimeReport, APartThatWasAskedForSaysWhyItIsNotThere) {
  const RunData run = timed_run();
  const auto said = [&](const ReportOptions& options) {
    const Report all = report(run, options);
    return fmt::format("{}\n{}", fmt::join(all.warnings, "\n"), fmt::join(all.notes, "\n"));
  };
  EXPECT_THAT(said({.columns = {"time_copy"}}), HasSubstr("it is not there"));
  EXPECT_THAT(said({}), ::testing::Not(HasSubstr("it is not there")));
}

TEST(TimeReport, FitsTheWidthThatItIsRenderedIn) {
  const RunData run = timed_run();
  const auto tables = time_tables(run);
  ASSERT_TRUE(tables);
  for (const unsigned width : {80u, 100u, 160u}) {
    std::istringstream text(render_breakdown(report(run), *tables, {.style = {.width = width}}));
    for (std::string line; std::getline(text, line);) {
      EXPECT_LE(display_width(line), width) << line;
    }
  }
}

TEST(TimeReport, ProgramsReadARowForEachPartWithItsReason) {
  const auto table = time_rows(timed_run());
  ASSERT_TRUE(table) << table.error().message;
  const auto json = nlohmann::json::parse(render(*table, Format::kJson));
  const std::string text = json.dump();
  EXPECT_THAT(text, HasSubstr("time_copy"));
  EXPECT_THAT(text, HasSubstr("it is not there"));
  EXPECT_THAT(text, HasSubstr("the engine runs on the guest's lcore"));
}

TEST(TimeReport, OfARunWithoutTimesSaysWhyThereAreNone) {
  RunData old;
  old.cells.emplace_back();
  old.cells[0].repetitions.emplace_back();
  const auto tables = time_tables(old);
  ASSERT_FALSE(tables);
  EXPECT_THAT(
      tables.error().message,
      HasSubstr(
          "not recorded by this run: an older program made it, or a guest that has no phases"));
  old.cells[0].repetitions[0].metrics = {
      not_measured(kGuestTime.wall, "the plan has run.breakdown = false")};
  const auto rows = time_rows(old);
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().message, HasSubstr("the plan has run.breakdown = false"));
}

}  // namespace
}  // namespace violet::results::time_report_test
