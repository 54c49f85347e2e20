#include "experiments/results/table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "experiments/results/metric_catalogue.hpp"

namespace violet::results {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Quantity q(double value) { return {value}; }

TEST(Numbers, HaveThreeSignificantDigits) {
  EXPECT_EQ(three_digits(0), "0");
  EXPECT_EQ(three_digits(1.2345), "1.23");
  EXPECT_EQ(three_digits(12.345), "12.3");
  EXPECT_EQ(three_digits(123.45), "123");
  EXPECT_EQ(three_digits(9.996), "10.0");
  EXPECT_EQ(three_digits(99.96), "100");
  EXPECT_EQ(three_digits(-0.012345), "-0.0123");
  EXPECT_EQ(three_digits(12345), "12345");
  EXPECT_EQ(three_digits(1e18), "1.00e+18");
}

TEST(Numbers, KeepTheirValueToHalfAPercent) {
  EXPECT_TRUE(rc::check([](std::int32_t mantissa, std::uint8_t shift) {
    RC_PRE(mantissa != 0);
    const double value = std::ldexp(mantissa, -(shift % 40));
    RC_PRE(std::abs(value) >= 1e-8);
    RC_ASSERT(std::abs(std::stod(three_digits(value)) / value - 1) <= 0.00501);
  }));
}

TEST(Numbers, FindTheirUnit) {
  EXPECT_EQ(with_unit(812, "ns"), "812 ns");
  EXPECT_EQ(with_unit(1234, "ns"), "1.23 µs");
  EXPECT_EQ(with_unit(5.2e6, "ns"), "5.20 ms");
  EXPECT_EQ(with_unit(0.0052, "s"), "5.20 ms");
  EXPECT_EQ(with_unit(0, "s"), "0 s");
  EXPECT_EQ(with_unit(1536, "B"), "1.50 KiB");
  EXPECT_EQ(with_unit(3e6, "op/s"), "3.00 M op/s");
  EXPECT_EQ(with_unit(3e6, "1"), "3.00 M");
  EXPECT_EQ(with_unit(99.5, "%"), "99.5 %");
  EXPECT_EQ(with_unit(2.0 * 1024 * 1024, "B/s"), "2.00 MiB/s");
}

TEST(Width, KnowsUtf8) {
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("µs ±"), 4u);
  EXPECT_EQ(display_width("e\u0301"), 1u);
  EXPECT_EQ(display_width("日本"), 4u);
  EXPECT_EQ(first_columns("日本語", 5), "日本");
  EXPECT_EQ(first_columns("aé±x", 3), "aé±");
  EXPECT_EQ(printable("a\033[31mb\xff\n"), "a?[31mb??");
  EXPECT_EQ(printable_lines("a\033\n\nb\xff\n"), "a?\n\nb?\n");
}

TEST(Width, NeverReadsPastAnyBytes) {
  EXPECT_TRUE(rc::check([](const std::string& text) {
    const std::string clean = printable(text);
    RC_ASSERT(printable(clean) == clean);
    RC_ASSERT(display_width(first_columns(clean, 5)) <= 5u);
    for (const char c : clean) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20);
  }));
}

Table example() {
  Table table{
      "A title", {{"strategy", "", true}, {"map p50", "ns"}, {"rate", "op/s"}}, {}, {"A note."}};
  Quantity spread{1500.0, Interval{1440, 1530}};
  table.rows = {{Text{"strict"}, spread, q(2.5e6)},
                {Text{"bounce"}, Quantity{{}, {}, "it has no map"}, q(1.25e6)}};
  return table;
}

TEST(Tables, TextIsAlignedWithUnitsInTheHeader) {
  EXPECT_EQ(render(example(), Format::kText),
            "A title\n\n"
            "strategy         map p50 [µs]  rate [M op/s]\n"
            "────────  ───────────────────  ─────────────\n"
            "strict    1.50 (1.44 .. 1.53)           2.50\n"
            "bounce                    n/a           1.25\n"
            "\nA note.\n");
}

TEST(Tables, ValuesFarApartCarryTheirOwnUnits) {
  Table table{"",
              {{"latency", "ns"}},
              {{q(800)}, {q(5e9)}, {Quantity{5.0, {}, {}, Tone::kPlain, "B"}}},
              {}};
  const std::string text = render(table, Format::kText);
  EXPECT_THAT(text, StartsWith("latency\n"));
  EXPECT_THAT(text, HasSubstr(" 800 ns\n"));
  EXPECT_THAT(text, HasSubstr(" 5.00 s\n"));
  EXPECT_THAT(text, HasSubstr("5.00 B\n"));
}

TEST(Tables, SplitWhenTooWideAndRepeatTheKeys) {
  const std::string text = render_text(example(), {false, 32});
  EXPECT_THAT(text, HasSubstr("strategy         map p50 [µs]\n"));
  EXPECT_THAT(text, HasSubstr("strategy  rate [M op/s]\n"));
}

TEST(Tables, ColourOnlyWhenAsked) {
  Table table{"", {{"verdict"}}, {{Text{"worse", Tone::kBad}}}, {}};
  EXPECT_THAT(render_text(table, {true, 0}), HasSubstr("\033[31mworse\033[0m"));
  EXPECT_THAT(render_text(table, {false, 0}), Not(HasSubstr("\033")));
  EXPECT_FALSE(style_for(-1).colour);  // No terminal.
}

TEST(Tables, JsonKeepsDigitsUnitsAndReasons) {
  const auto json = nlohmann::json::parse(render(example(), Format::kJson));
  EXPECT_EQ(json["schema"], "violet.table");
  EXPECT_EQ(json["version"], kTableSchema);
  EXPECT_EQ(json["columns"][1]["unit"], "ns");
  EXPECT_EQ(json["rows"][0]["map p50"]["value"], 1500.0);
  EXPECT_EQ(json["rows"][0]["map p50"]["interval"][1], 1530);
  EXPECT_TRUE(json["rows"][1]["map p50"]["value"].is_null());
  EXPECT_EQ(json["rows"][1]["map p50"]["because"], "it has no map");
}

TEST(Tables, NdjsonIsOneObjectALine) {
  std::istringstream lines(render(example(), Format::kNdjson));
  std::string line;
  std::vector<nlohmann::json> objects;
  while (std::getline(lines, line)) objects.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(objects.size(), 3u);
  EXPECT_EQ(objects[0]["schema"], "violet.table");
  EXPECT_EQ(objects[2]["strategy"], "bounce");
}

TEST(Tables, CsvQuotesAndCarriesTheSchema) {
  Table table = example();
  table.rows[0][0] = Text{"a,\"b\""};
  EXPECT_EQ(render(table, Format::kCsv),
            "schema,strategy,map p50 [ns],map p50 low,map p50 high,rate [op/s]\r\n"
            "violet.table/1,\"a,\"\"b\"\"\",1500,1440,1530,2500000\r\n"
            "violet.table/1,bounce,,,,1250000\r\n");
}

TEST(Tables, CsvOnATerminalHasNoControlCharacters) {
  Table table = example();
  table.rows[0][0] = Text{"a\033[2J"};
  const std::string shown = render(table, Format::kCsv, {.terminal = true});
  EXPECT_EQ(shown.find('\033'), std::string::npos);
  EXPECT_NE(shown.find(",a?[2J,"), std::string::npos);
  // For programs it is what it is.
  EXPECT_NE(render(table, Format::kCsv).find(",a\033[2J,"), std::string::npos);
}

// Looking through all rows for each cell would take minutes.
TEST(Tables, CsvHoldsAHundredThousandRows) {
  Table table = example();
  table.rows.resize(1);
  table.rows.resize(100'000, table.rows.front());
  const std::string csv = render(table, Format::kCsv);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 100'001);
}

TEST(Tables, AudiencesSeeTheirColumns) {
  Table table{
      "", {{"p", "", false, Audience::kPeople}, {"m", "", false, Audience::kPrograms}}, {}, {}};
  table.rows = {{Text{"human"}, Text{"machine"}}};
  EXPECT_THAT(render(table, Format::kText), Not(HasSubstr("machine")));
  for (const Format format : {Format::kJson, Format::kNdjson, Format::kCsv}) {
    EXPECT_THAT(render(table, format), Not(HasSubstr("human")));
    EXPECT_THAT(render(table, format), HasSubstr("machine"));
  }
}

TEST(Tables, FormatsAreNamed) {
  EXPECT_EQ(format_from("csv").value(), Format::kCsv);
  EXPECT_EQ(format_from("xml").error().kind, ErrorKind::kUsage);
}

TEST(Tables, WrapTextsThatAreTooWide) {
  Table table{"", {{"name", "", true}, {"what", ""}, {"why", ""}}, {}, {}};
  const std::string words = "one two three four five six seven eight nine ten eleven twelve";
  table.rows = {{Text{"a"}, Text{words}, Text{words}}, {Text{"b"}, Text{"short"}, Text{""}}};
  const std::string text = render_text(table, {false, 80});
  EXPECT_THAT(text, HasSubstr("twelve"));
  std::size_t lines = 0;
  for (std::size_t from = 0, to; (to = text.find('\n', from)) != std::string::npos; from = to + 1) {
    EXPECT_LE(display_width(std::string_view(text).substr(from, to - from)), 80u);
    ++lines;
  }
  EXPECT_EQ(lines, 2u + 2u + 1u) << text;
}

std::size_t widest_line(const std::string& text) {
  std::size_t widest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    widest = std::max(widest, display_width(line));
  }
  return widest;
}

TEST(Tables, FitWhateverTheyHold) {
  const std::string words = "one two three four five six seven eight nine ten eleven twelve";
  const std::string path = "/a/path/that/" + std::string(90, 'x') + "/end";
  Table table{
      std::string(150, 't'),
      {{"a key of its own", "", true}, {"another", "", true}, {"what"}, {"n", "1"}, {"why"}},
      {},
      {words + " " + words}};
  table.rows = {
      {Text{words}, Text{"placement=sidecore strategy=lazy-percpu iotlb=generation-domain"},
       Text{path}, q(12345), Text{words}},
      {Text{"b"}, Text{std::string(70, 'k')}, Text{""}, q(1), Text{"short"}}};
  for (const unsigned width : {60u, 80u, 100u, 160u}) {
    const std::string text = render_text(table, {false, width});
    EXPECT_LE(widest_line(text), width) << text;
    EXPECT_THAT(text, HasSubstr("…")) << "the path, in its middle";
    EXPECT_THAT(text, HasSubstr("12.3 k")) << "a number is never cut";
  }
  EXPECT_THAT(render_text(table, {}), HasSubstr(path)) << "without a width nothing is cut";
}

TEST(Tables, APictureStaysAsItIs) {
  Table table{"", {{"from", "", true}, {"picture", "", false, Audience::kAll, {}, true}}, {}, {}};
  table.rows = {{Text{"0x1000"}, Text{std::string(40, '#') + " " + std::string(60, '#')}}};
  EXPECT_THAT(render_text(table, {false, 80}),
              HasSubstr(std::string(40, '#') + " " + std::string(60, '#')));
}

TEST(Tables, CountsHaveNoDecimals) {
  const auto counted = [](double value) {
    Quantity quantity{value};
    quantity.whole = true;
    return quantity;
  };
  Table table{"", {{"count", "1"}}, {{counted(5)}, {counted(123456)}}, {}};
  EXPECT_EQ(render_text(table, {}), " count\n──────\n     5\n123456\n");
  table.rows.push_back({counted(2.5e6)});
  EXPECT_THAT(render_text(table, {}), testing::ContainsRegex("\n +5\n"));
  EXPECT_THAT(render_text(table, {}), HasSubstr("2.50 M"));
  table.rows = {{counted(2.5)}};
  EXPECT_THAT(render_text(table, {}), HasSubstr("2.50")) << "the median of two and three";
  table.rows = {{q(5)}};
  EXPECT_THAT(render_text(table, {}), HasSubstr("5.00")) << "a measure";
}

TEST(Texts, LinesGoOnUnderWhatTheySay) {
  EXPECT_EQ(fitted("host       a machine with a long name and more to say of it\nshort\n", 44),
            "host       a machine with a long name and\n"
            "           more to say of it\n"
            "short\n");
  EXPECT_EQ(fitted("  a sentence that is longer than its line is", 32),
            "  a sentence that is longer than\n  its line is");
  EXPECT_EQ(fitted("nothing to do\n", 40), "nothing to do\n");
}

TEST(Texts, NoLineIsLongerEvenOfOneWord) {
  EXPECT_THAT(wrapped_whole("aaaa bbbbbbbbbbbb c", 5),
              testing::ElementsAre("aaaa", "bbbbb", "bbbbb", "bb", "c"));
  EXPECT_THAT(wrapped_whole("/usr/share/long/path/file", 12), testing::ElementsAre("/usr…th/file"));
  EXPECT_TRUE(rc::check([](const std::string& bytes, std::uint8_t columns) {
    const std::size_t width = 3 + columns % 60;
    for (const std::string& line : wrapped_whole(printable(bytes), width)) {
      RC_ASSERT(display_width(line) <= width);
    }
  }));
}

TEST(Width, IsWhatColumnsSays) {
  const char* const before = std::getenv("COLUMNS");
  const std::string kept = before == nullptr ? "" : before;
  const auto width_with = [](const char* told) {
    ::setenv("COLUMNS", told, 1);
    return style_for(-1).width;
  };
  EXPECT_EQ(width_with("132"), 132u);
  for (const char* wrong : {"", "0", "-80", "80x", "7", "99999999999"}) {
    EXPECT_EQ(width_with(wrong), kPipeColumns) << wrong;
  }
  ::unsetenv("COLUMNS");
  EXPECT_EQ(style_for(-1).width, kPipeColumns);
  if (before != nullptr) ::setenv("COLUMNS", kept.c_str(), 1);
}

TEST(Tables, AHeadMayHaveLines) {
  Table table{
      "", {{"name", "", true}, {"map.p50", "ns", false, Audience::kAll, "map\np50"}}, {}, {}};
  table.rows = {{Text{"a"}, q(1500)}, {Text{"b"}, q(2500)}};
  EXPECT_THAT(render_text(table, {}), StartsWith("name   map\n       p50\n      [µs]\n"));
  EXPECT_THAT(render(table, Format::kCsv), HasSubstr("map.p50"));
}

TEST(Tables, WhatStaysReachableIsAlwaysAndNotUnknown) {
  const Table table{"",
                    {{"strategy"}, {"stale", "pages"}},
                    {{Text{"off"}, Quantity{{}, {}, std::string(kStaysReachable)}},
                     {Text{"lost"}, Quantity{{}, {}, "12 events were lost"}}},
                    {}};
  const std::string text = render_text(table, {false, 80});
  EXPECT_THAT(text, testing::ContainsRegex("off +always\n"));
  EXPECT_THAT(text, testing::ContainsRegex("lost +n/a\n"));
}

// A reader who looks from the one to the other must not have to convert.
TEST(Table, ColumnsOfOneDistributionHaveOneUnit) {
  Table table{"",
              {{"name", "", true}, {"map.p50", "ns"}, {"map.mean", "ns"}, {"unmap.mean", "ns"}},
              {{Text{"a"}, Quantity{900}, Quantity{1900}, Quantity{5e6}},
               {Text{"b"}, Quantity{950}, Quantity{2100}, Quantity{6e6}}},
              {}};
  const std::string text = render(table, Format::kText);
  EXPECT_THAT(text, HasSubstr("map.p50 [µs]"));
  EXPECT_THAT(text, HasSubstr("map.mean [µs]"));
  EXPECT_THAT(text, HasSubstr("unmap.mean [ms]"));
  EXPECT_THAT(text, HasSubstr("0.900"));
}

TEST(Table, NumbersWithUnitsOfTheirOwnMayShareAScale) {
  Quantity small{950.0}, large{1020.0};
  small.unit = large.unit = "ns";
  small.scale_by = large.scale_by = 1020;
  const Table table{"", {{"a", "", true}, {"b"}, {"c"}}, {{Text{"x"}, small, large}}, {}};
  const std::string text = render(table, Format::kText);
  EXPECT_THAT(text, HasSubstr("0.950 µs"));
  EXPECT_THAT(text, HasSubstr("1.02 µs"));
}

}  // namespace
}  // namespace violet::results
