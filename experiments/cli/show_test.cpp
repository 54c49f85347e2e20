// The views' tables beside the answers that they were made of, and what a command line may say wrong.
#include <gtest/gtest.h>

#include <map>

#include "experiments/cli/show_views.hpp"
#include "experiments/query/query_rig_testing.hpp"
#include "experiments/query/tiny_run_testing.hpp"

namespace violet::cli {
namespace {

using query::TinyCell;
using results::Quantity;
using results::Table;
using results::Text;

constexpr query::Nanos kMs = TinyCell::kMs;

Result<Table> table_of(std::string_view name, const query::CellQueries& cell, ViewRequest request) {
  for (const View& view : views()) {
    if (view.name == name) return view.table(cell, request);
  }
  return fail("there is no view {}", name);
}

ViewRequest all_of(const query::CellQueries& cell) {
  ViewRequest request;
  request.window = cell.info().whole;
  request.columns = 4;
  return request;
}

const Quantity& number_at(const Table& table, std::size_t row, std::size_t column) {
  return std::get<Quantity>(table.rows.at(row).at(column));
}
std::string text_at(const Table& table, std::size_t row, std::size_t column) {
  return std::get<Text>(table.rows.at(row).at(column)).text;
}

TEST(Show, LatencyIsTheQuerys) {
  const TinyCell cell;
  const auto table = table_of("latency", cell, all_of(cell));
  ASSERT_TRUE(table) << table.error().message;
  const auto grid = cell.latency({cell.info().whole, query::Operation::kMap, 1, {}});
  EXPECT_EQ(text_at(*table, 0, 0), "map");
  EXPECT_EQ(number_at(*table, 0, 1).value, static_cast<double>(grid.count));
  EXPECT_EQ(number_at(*table, 0, 2).value, grid.mean_ns);
  EXPECT_EQ(number_at(*table, 0, 3).value, grid.percentile(50));
  // 320 calls do not support the last per mille, and translations were not timed.
  EXPECT_FALSE(number_at(*table, 0, 5).value);
  EXPECT_NE(number_at(*table, 0, 5).because.find("fewer than"), std::string::npos);
  EXPECT_FALSE(number_at(*table, 2, 1).value);
  EXPECT_EQ(number_at(*table, 2, 1).because, "this run did not time translations");
}

TEST(Show, ExposureIsTheQuerys) {
  const TinyCell cell;
  const auto table = table_of("exposure", cell, all_of(cell));
  ASSERT_TRUE(table) << table.error().message;
  const auto answer = cell.exposure({cell.info().whole, 1, {}});
  ASSERT_TRUE(answer.pages && answer.unmaps && answer.probes);
  EXPECT_EQ(number_at(*table, 0, 1).value, answer.pages->mean_stale);
  EXPECT_EQ(number_at(*table, 2, 1).value, static_cast<double>(answer.unmaps->count));
  EXPECT_EQ(number_at(*table, 8, 1).value, static_cast<double>(answer.probes->count));
  EXPECT_EQ(number_at(*table, 9, 1).value, 1);
}

TEST(Show, TimelineHasAStepARow) {
  const TinyCell cell;
  const auto table = table_of("timeline", cell, all_of(cell));
  ASSERT_TRUE(table) << table.error().message;
  const auto overview = cell.overview(cell.info().whole, 4);
  ASSERT_EQ(table->rows.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(number_at(*table, i, 1).value,
              static_cast<double>(overview.operations_per_s[i].mean));
  }
  EXPECT_DOUBLE_EQ(*number_at(*table, 1, 0).value, 0.1);
}

// Every view of a time in which events were lost says so.
TEST(Show, WhatWasLostIsNoZero) {
  query::SyntheticOptions options{.strategy = query::SyntheticStrategy::kLazy, .events = 40'000};
  options.lose_some = true;
  const query::QueryRig rig(options);
  const auto cell = rig.open();
  ASSERT_NE(cell, nullptr);
  ViewRequest request = all_of(*cell);
  request.columns = 400;
  request.range = IovaRange{{0xffff0000}, {0xffff0fff}};
  const auto says = [](const Table& table) {
    return std::any_of(table.notes.begin(), table.notes.end(), [](const std::string& note) {
      return note.find("events were lost in ") != std::string::npos;
    });
  };
  for (const char* view : {"timeline", "latency", "exposure", "events", "page"}) {
    const auto table = table_of(view, *cell, request);
    ASSERT_TRUE(table) << view;
    EXPECT_TRUE(says(*table)) << view;
  }
  const auto timeline = table_of("timeline", *cell, request);
  const auto overview = cell->overview(request.window, request.columns);
  std::size_t lost = 0;
  for (std::size_t i = 0; i < request.columns; ++i) {
    if (!overview.operations_per_s[i].gap || overview.operations_per_s[i].known()) continue;
    ++lost;
    for (std::size_t column = 1; column < 5; ++column) {
      EXPECT_FALSE(number_at(*timeline, i, column).value) << i;
      EXPECT_EQ(number_at(*timeline, i, column).because, "events were lost here");
    }
  }
  EXPECT_GT(lost, 0u);
}

TEST(Show, APageThatIsCutNamesNoTimeBehindTheRun) {
  const query::QueryRig rig({.strategy = query::SyntheticStrategy::kLazy, .events = 6'000});
  const auto cell = rig.open();
  ASSERT_NE(cell, nullptr);
  std::map<std::uint64_t, int> lifetimes;
  for (const auto& lifetime : rig.oracle().lifetimes()) ++lifetimes[lifetime.first];
  const auto most =
      std::max_element(lifetimes.begin(), lifetimes.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  ASSERT_GT(most->second, 2);
  ViewRequest request = all_of(*cell);
  request.range = IovaRange::of(most->first << 12, 1);
  request.limit = 1;
  const auto table = table_of("page", *cell, request);
  ASSERT_TRUE(table && !table->notes.empty());
  EXPECT_EQ(table->notes[0], "not all: 1 of its lifetimes, around that time (--limit)");
}

// A thousand times as many rows take a thousand times as long, not a million times.
TEST(Show, ManyLinesAreWrittenAsCsv) {
  Table table;
  table.columns = {{"number", {}, true}, {"took", "ns"}};
  table.rows.assign(200'000, {Text{"1"}, Quantity{2}});
  const std::string csv = results::render(table, results::Format::kCsv, {});
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 200'001);
}

// As a report has it: what the device keeps reaching by design is no zero.
TEST(Show, WhatNeverEndsHasNoStalePagesToCount) {
  const query::QueryRig rig({.strategy = query::SyntheticStrategy::kDirect, .events = 5'000});
  const auto cell = rig.open();
  ASSERT_NE(cell, nullptr);
  const std::string because = "the device keeps reaching the guest's buffers, by design";
  const auto exposure = table_of("exposure", *cell, all_of(*cell));
  const auto timeline = table_of("timeline", *cell, all_of(*cell));
  ASSERT_TRUE(exposure && timeline);
  for (const Quantity* one : {&number_at(*exposure, 0, 1), &number_at(*exposure, 1, 1),
                              &number_at(*timeline, 0, 2), &number_at(*timeline, 0, 3)}) {
    EXPECT_FALSE(one->value);
    EXPECT_EQ(one->because, because);
  }
  for (const auto& table : {*exposure, *timeline}) {
    EXPECT_EQ(std::count(table.notes.begin(), table.notes.end(), because), 1) << "people read it";
  }
}

// How many there were is not how many were timed.
TEST(Show, LatencyCountsWhatWasTimed) {
  const TinyCell cell;
  EXPECT_EQ(table_of("latency", cell, all_of(cell))->columns[1].name, "timed");
}

TEST(Show, EventsAreInWords) {
  const TinyCell cell;
  ViewRequest request = all_of(cell);
  request.window = {200 * kMs, 201 * kMs};
  const auto table = table_of("events", cell, request);
  ASSERT_TRUE(table) << table.error().message;
  bool fault = false;
  for (std::size_t row = 0; row < table->rows.size(); ++row) {
    if (text_at(*table, row, 3) != "fault") continue;
    fault = true;
    EXPECT_EQ(text_at(*table, row, 4), "endpoint 0x30");
    EXPECT_EQ(text_at(*table, row, 5), "0x1000");
    EXPECT_EQ(text_at(*table, row, 7), "no mapping");
    EXPECT_FALSE(number_at(*table, row, 6).value) << "a fault is not timed";
  }
  EXPECT_TRUE(fault);
}

TEST(Show, ChurnIsAPictureForPeopleAndTidyForPrograms) {
  const TinyCell cell;
  ViewRequest request = all_of(cell);
  request.rows = 8;
  const auto picture = table_of("churn", cell, request);
  ASSERT_TRUE(picture);
  EXPECT_EQ(picture->rows.size(), 8u);
  EXPECT_EQ(text_at(*picture, 7, 0), "0xffff0000") << "the lowest address is at the bottom";
  EXPECT_EQ(text_at(*picture, 0, 1).size(), 64u);
  request.people = false;
  const auto tidy = table_of("churn", cell, request);
  ASSERT_TRUE(tidy);
  EXPECT_EQ(tidy->rows.size(), 8u * 4u);
  double calls = 0;
  for (std::size_t row = 0; row < tidy->rows.size(); ++row)
    calls += *number_at(*tidy, row, 2).value;
  EXPECT_EQ(calls, 2 * 320);
}

class SampledCell : public TinyCell {
 public:
  query::CellInfo info() const override {
    query::CellInfo info = TinyCell::info();
    info.calls_sampled = true;
    info.stays = query::CellInfo::Stays::kPool;
    return info;
  }
};

// The pool is mapped all the time, and a sample of calls on it would say a share.
TEST(Show, OfMappingsThatStayNoTimeMappedIsSaid) {
  const SampledCell cell;
  ViewRequest request = all_of(cell);
  request.rows = 8;
  request.people = false;
  const auto churn = table_of("churn", cell, request);
  ASSERT_TRUE(churn);
  for (std::size_t row = 0; row < churn->rows.size(); ++row) {
    EXPECT_FALSE(number_at(*churn, row, 4).value);
    EXPECT_TRUE(number_at(*churn, row, 2).value) << "calls were seen";
  }
  EXPECT_NE(number_at(*churn, 0, 4).because.find("as a sample"), std::string::npos);
  const auto timeline = table_of("timeline", cell, all_of(cell));
  ASSERT_TRUE(timeline);
  EXPECT_FALSE(number_at(*timeline, 1, 4).value);
  EXPECT_NE(number_at(*timeline, 1, 4).because.find("as a sample"), std::string::npos);
  const auto other = table_of("churn", TinyCell(), request);
  ASSERT_TRUE(other);
  EXPECT_TRUE(number_at(*other, 0, 4).value) << "where unmaps end mappings it is known";
}

TEST(Show, APageHasItsLifetimes) {
  const TinyCell cell;
  ViewRequest request = all_of(cell);
  EXPECT_FALSE(table_of("page", cell, request)) << "of which page?";
  request.range = IovaRange::of(TinyCell::kBase, 1);
  const auto table = table_of("page", cell, request);
  ASSERT_TRUE(table);
  ASSERT_EQ(table->rows.size(), 5u);
  EXPECT_EQ(number_at(*table, 0, 3).value, 5e6);
  EXPECT_EQ(text_at(*table, 0, 5), "R/W");
}

bool has_note(const Table& table, std::string_view part) {
  return std::any_of(table.notes.begin(), table.notes.end(), [part](const std::string& note) {
    return note.find(part) != std::string::npos;
  });
}

TEST(Show, APageThatNobodyTouchedIsSaidToBeThat) {
  const TinyCell cell;
  ViewRequest request = all_of(cell);
  request.range = IovaRange::of(0x5000, 1);
  const auto table = table_of("page", cell, request);
  ASSERT_TRUE(table);
  EXPECT_TRUE(table->rows.empty());
  EXPECT_TRUE(has_note(*table,
                       "no mapping of the page at 0x5000 was seen in 0 s to 400 ms; what "
                       "was mapped in this cell lies from 0xffff0000 to "))
      << table->notes.front();
}

TEST(Show, HowFineLatenciesAreIsSaid) {
  const TinyCell cell;
  const auto table = table_of("latency", cell, all_of(cell));
  ASSERT_TRUE(table);
  EXPECT_TRUE(has_note(*table, "p50, p99 and p99.9 are read from buckets of 9 %"));
  EXPECT_TRUE(has_note(*table, "how short a time the clock tells apart is not known"));
  EXPECT_TRUE(has_note(*table_of("exposure", cell, all_of(cell)),
                       "window, p50 and p99 are read from buckets of 9 %"));
}

TEST(Show, CellsThatDoNotCountAreNamedTogether) {
  std::vector<std::shared_ptr<TinyCell>> cells;
  for (int i = 0; i < 3; ++i) cells.push_back(std::make_shared<TinyCell>());
  for (const int i : {0, 2}) {
    cells[static_cast<std::size_t>(i)]->standing = {query::Standing::Kind::kUnfinished,
                                                    "not finished, not counted", "why"};
  }
  const Table table = cells_table(query::TinyRun(cells));
  EXPECT_TRUE(has_note(table, "not finished, not counted: cells 1, 3"));
  EXPECT_EQ(table.notes.size(), 1u);
}

TEST(Show, CallsOfMapAndUnmapAreCalledThat) {
  const TinyCell cell;
  const auto timeline = table_of("timeline", cell, all_of(cell));
  ASSERT_TRUE(timeline);
  EXPECT_EQ(timeline->columns[1].name, "map and unmap calls");
  ViewRequest request = all_of(cell);
  request.people = false;
  const auto churn = table_of("churn", cell, request);
  ASSERT_TRUE(churn);
  EXPECT_EQ(churn->columns[2].name, "map and unmap calls");
}

TEST(Show, APageWithinAWindowHasTheLifetimesOfIt) {
  const TinyCell cell;
  ViewRequest request = all_of(cell);
  request.range = IovaRange::of(TinyCell::kBase, 1);
  // Mapped at 70, 140 and 210 ms for 20 ms, reachable for 5 more.
  request.window = {96 * kMs, 211 * kMs};
  const auto table = table_of("page", cell, request);
  ASSERT_TRUE(table);
  ASSERT_EQ(table->rows.size(), 2u);
  EXPECT_EQ(number_at(*table, 0, 0).value, 0.14);
  request.window.from = 94 * kMs;
  EXPECT_EQ(table_of("page", cell, request)->rows.size(), 3u) << "it could still be reached";
}

TEST(Show, CellsSayWhatWasMeasuredOfWhatWasRecorded) {
  auto marked = std::make_shared<TinyCell>();
  auto silent = std::make_shared<TinyCell>();
  silent->measure_marked = false;
  const Table table = cells_table(query::TinyRun({marked, silent}));
  const auto column = [&](std::string_view name, results::Audience audience) {
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      if (table.columns[i].name == name && table.columns[i].audience == audience) return i;
    }
    ADD_FAILURE() << name;
    return std::size_t{0};
  };
  using enum results::Audience;
  EXPECT_EQ(number_at(table, 0, column("recorded", kAll)).value, 0.4);
  EXPECT_EQ(number_at(table, 0, column("measured", kAll)).value, 0.37);
  EXPECT_FALSE(number_at(table, 1, column("measured", kAll)).value);
  EXPECT_EQ(text_at(table, 0, column("repetition", kPeople)), "1");
  EXPECT_EQ(text_at(table, 0, column("repetition", kPrograms)), "0") << "as in results.sqlite";
}

}  // namespace
}  // namespace violet::cli
