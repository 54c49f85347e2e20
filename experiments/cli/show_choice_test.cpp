// Which cell, which repetition and which part of its time `show` is about, and what it says of that.
#include "experiments/cli/show_choice.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "experiments/query/tiny_run_testing.hpp"

namespace violet::cli {
namespace {

using query::CellInfo;
using query::TinyCell;

constexpr query::Nanos kMilli = TinyCell::kMs;

// Two cells, of which the second was recorded twice, in the order of a run that takes turns.
std::vector<CellInfo> three_recordings() {
  std::vector<CellInfo> cells(3);
  cells[0].label = "strategy=strict";
  cells[1].label = cells[2].label = "strategy=strict-pages";
  cells[1].repetition = 0;
  cells[2].repetition = 1;
  return cells;
}

ShowFlags flags_of(std::string cell, std::optional<std::uint32_t> repetition = {}) {
  ShowFlags flags;
  flags.run = "latest";
  flags.cell = std::move(cell);
  flags.repetition = repetition;
  return flags;
}

TEST(ShowChoice, ACellIsNamedByNumberOrByWords) {
  const auto cells = three_recordings();
  EXPECT_EQ(choose_cell(cells, flags_of("")), 0u);
  EXPECT_EQ(choose_cell(cells, flags_of("3")), 2u);
  EXPECT_EQ(choose_cell(cells, flags_of("pages")), 1u);
  EXPECT_EQ(choose_cell(cells, flags_of("strategy=strict")), 0u) << "it is the whole of a label";
  EXPECT_FALSE(choose_cell(cells, flags_of("stric"))) << "of which of the two?";
  const auto beyond = choose_cell(cells, flags_of("4"));
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().message,
            "there is no cell 4: the run has 1 to 3; `show latest` lists them");
}

TEST(ShowChoice, RepetitionsCountFromOne) {
  const auto cells = three_recordings();
  EXPECT_EQ(choose_cell(cells, flags_of("", 1)), 0u);
  EXPECT_EQ(choose_cell(cells, flags_of("pages", 1)), 1u);
  EXPECT_EQ(choose_cell(cells, flags_of("pages", 2)), 2u);
  EXPECT_EQ(choose_cell(cells, flags_of("2", 2)), 2u) << "the same cell, another repetition";
}

TEST(ShowChoice, ARepetitionThatIsNotThereNamesThoseThatAre) {
  const auto cells = three_recordings();
  for (const std::uint32_t absent : {0u, 3u}) {
    const auto chosen = choose_cell(cells, flags_of("pages", absent));
    ASSERT_FALSE(chosen);
    EXPECT_EQ(chosen.error().kind, ErrorKind::kUsage);
    EXPECT_NE(chosen.error().message.find("repetitions 1 to 2 of it were recorded"),
              std::string::npos)
        << chosen.error().message;
  }
  const auto only = choose_cell(cells, flags_of("1", 2));
  ASSERT_FALSE(only);
  EXPECT_NE(only.error().message.find("repetition 1 of it was recorded (they count from 1)"),
            std::string::npos)
      << only.error().message;
}

TEST(ShowChoice, WithoutOptionsItIsTheMeasuredTime) {
  const CellInfo cell = TinyCell().info();
  const auto shown = choose_window(cell, {});
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->window, cell.measured);
  EXPECT_EQ(window_words(*shown, cell), "measured time, 10.0 ms to 380 ms");
}

TEST(ShowChoice, TheWholeRecordingSaysWhatOfItWasMeasured) {
  const CellInfo cell = TinyCell().info();
  ShowFlags flags;
  flags.whole = true;
  const auto shown = choose_window(cell, flags);
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->window, cell.whole);
  EXPECT_EQ(window_words(*shown, cell),
            "whole recording, 0 s to 400 ms, of which 10.0 ms to 380 ms was measured");
}

TEST(ShowChoice, WithoutAMarkNothingIsCalledMeasured) {
  CellInfo cell = TinyCell().info();
  cell.measured = cell.whole;
  cell.measure_marked = false;
  const auto shown = choose_window(cell, {});
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->of, ShownWindow::Of::kWhole);
  EXPECT_EQ(window_words(*shown, cell),
            "whole recording, 0 s to 400 ms, of which no mark says what was measured");
  for (const results::TableFact& fact : facts_of(*shown, cell, 1)) {
    if (fact.name != "measured_from_s") continue;
    EXPECT_FALSE(std::get<std::optional<double>>(fact.value)) << "not known is not 0";
  }
}

TEST(ShowChoice, AnEndThatIsNotGivenIsTheMeasuredTimes) {
  const CellInfo cell = TinyCell().info();
  ShowFlags flags;
  flags.from = "20ms";
  EXPECT_EQ(choose_window(cell, flags)->window, (query::TimeWindow{20 * kMilli, 380 * kMilli}));
  EXPECT_EQ(window_words(*choose_window(cell, flags), cell), "20.0 ms to 380 ms");
  flags.from = "5ms";
  EXPECT_EQ(window_words(*choose_window(cell, flags), cell),
            "5.00 ms to 380 ms, of which 10.0 ms to 380 ms was measured");
  flags.from = "390ms";
  const auto behind = choose_window(cell, flags);
  ASSERT_FALSE(behind);
  EXPECT_NE(behind.error().message.find("0 s to 400 ms"), std::string::npos)
      << behind.error().message;
  EXPECT_NE(behind.error().message.find("10.0 ms to 380 ms"), std::string::npos);
  flags.whole = true;
  EXPECT_EQ(choose_window(cell, flags)->window, (query::TimeWindow{390 * kMilli, 400 * kMilli}));
}

TEST(ShowChoice, AnEndBeforeItsBeginningIsSaidToBeThat) {
  ShowFlags flags;
  flags.from = "20ms";
  flags.to = "15ms";
  const auto shown = choose_window(TinyCell().info(), flags);
  ASSERT_FALSE(shown);
  EXPECT_EQ(shown.error().message,
            "--from 20ms is not before --to 15ms: nothing lies between them; the recording goes "
            "from 0 s to 400 ms");
}

TEST(ShowChoice, ACellThatIsNotThereNamesThoseThatAre) {
  const auto chosen = choose_cell(three_recordings(), flags_of("strct"));
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().message,
            "no cell is called 'strct'; did you mean 'strict'? There are: strategy=strict; "
            "strategy=strict-pages");
}

// The words of the report, in the title of every view.
TEST(ShowChoice, ARepetitionThatDoesNotCountIsSaidToBeThat) {
  CellInfo cell = TinyCell().info();
  cell.repetition = 1;
  EXPECT_EQ(repetition_words(cell), "repetition 2");
  cell.standing = {query::Standing::Kind::kSetAside, "disturbed by the host, not counted", "x"};
  EXPECT_EQ(repetition_words(cell), "repetition 2 (disturbed by the host, not counted)");
  for (const results::TableFact& fact : facts_of(*choose_window(cell, {}), cell, 1)) {
    if (fact.name != "standing") continue;
    EXPECT_EQ(std::get<std::string>(fact.value), "not counted");
  }
}

TEST(ShowChoice, ProgramsGetTheWindowTheCellAndTheStoredRepetition) {
  CellInfo cell = TinyCell().info();
  cell.repetition = 1;
  cell.calls_sampled = true;
  results::Table table;
  table.about = facts_of(*choose_window(cell, {}), cell, 4);
  const auto document =
      nlohmann::json::parse(results::render(table, results::Format::kJson, {})).at("about");
  EXPECT_EQ(document.at("run"), "7f3a");
  EXPECT_EQ(document.at("cell"), 4);
  EXPECT_EQ(document.at("repetition"), 1) << "as in results.sqlite";
  EXPECT_EQ(document.at("standing"), "not known") << "there are no results to ask";
  EXPECT_EQ(document.at("window"), "measured");
  EXPECT_EQ(document.at("from_s"), 0.01);
  EXPECT_EQ(document.at("to_s"), 0.38);
  EXPECT_EQ(document.at("calls_sampled"), true);
}

TEST(ShowChoice, TimesAreReadWithTheirUnit) {
  EXPECT_EQ(time_from("150ms"), 150 * kMilli);
  EXPECT_EQ(time_from("1.5s"), 1500 * kMilli);
  EXPECT_EQ(time_from("20us"), 20'000);
  EXPECT_EQ(time_from("7ns"), 7);
  for (const char* wrong : {"", "5", "ms", "-1ms", "1 ms", "1e30s", "nans", "infs", "1m"}) {
    EXPECT_FALSE(time_from(wrong)) << wrong;
  }
}

TEST(ShowChoice, RangesAreReadWithTheirLimits) {
  EXPECT_EQ(range_from("0x1000-0x1fff"), (IovaRange{{0x1000}, {0x1fff}}));
  EXPECT_EQ(range_from("0x1000+4096"), (IovaRange{{0x1000}, {0x1fff}}));
  EXPECT_EQ(range_from("0x1000"), (IovaRange{{0x1000}, {0x1000}}));
  EXPECT_EQ(range_from("0-0xffffffffffffffff"), IovaRange::all());
  for (const char* wrong : {"", "0x", "0x2000-0x1000", "0x1000+0", "0xffffffffffffffff+2", "x",
                            "1-", "0x10000000000000000", "-5"}) {
    EXPECT_FALSE(range_from(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace violet::cli
