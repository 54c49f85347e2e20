// Files: whole, cut short, damaged, foreign; with and without a stored pyramid; longer than the trace keeps.
#include "experiments/query/recorded_run.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "engine/base/files.hpp"
#include "experiments/query/query_rig_testing.hpp"
#include "experiments/trace/aggregation.hpp"

namespace violet::query {
namespace {

SyntheticOptions lazy(std::uint64_t events, bool lose_some = false) {
  SyntheticOptions options;
  options.strategy = SyntheticStrategy::kLazy;
  options.events = events;
  options.lose_some = lose_some;
  return options;
}

// Aggregates what the rig's trace holds and puts it beside it.
void store_pyramid(const QueryRig& rig, std::uint32_t cell = 0) {
  const auto trace = EventTrace::open(rig.file());
  ASSERT_TRUE(trace);
  Aggregation aggregation({.ns_per_tick = trace->info().ns_per_tick});
  for (const auto& block : trace->blocks()) {
    aggregation.add(block.lcore, block.events, block.dropped_before);
  }
  aggregation.finish();
  ASSERT_TRUE(append_pyramid(rig.folder() + "/trace.pyramid", cell, 0, aggregation.pyramid()));
}

std::uint64_t calls_of(const Overview& overview) {
  double calls = 0;
  for (const Column& column : overview.operations_per_s) calls += static_cast<double>(column.count);
  return static_cast<std::uint64_t>(calls);
}

TEST(RecordedRun, AStoredPyramidAndAFoldedOneSayTheSame) {
  const QueryRig rig(lazy(200'000));
  const auto aggregated = rig.open();
  store_pyramid(rig);
  const auto stored = rig.open();
  ASSERT_TRUE(aggregated && stored);
  const TimeWindow whole = aggregated->info().whole;
  EXPECT_EQ(stored->info().whole, whole);
  EXPECT_EQ(stored->info().events, aggregated->info().events);
  const auto a = aggregated->exposure(whole, 200), b = stored->exposure(whole, 200);
  EXPECT_EQ(a.window_histogram, b.window_histogram);
  EXPECT_EQ(a.unmaps, b.unmaps);
  EXPECT_EQ(a.mean_stale_pages, b.mean_stale_pages);
}

TEST(RecordedRun, ThePyramidAgreesWithTheEvents) {
  const QueryRig rig(lazy(260'000));
  const auto cell = rig.open();
  ASSERT_NE(cell, nullptr);
  const TimeWindow whole = cell->info().whole;
  // Too many events to replay: this comes from the pyramid.
  const ExposureColumns exposure = cell->exposure(whole, 100);
  std::uint64_t unmaps = 0, calls = 0;
  for (const OracleLifetime& lifetime : rig.oracle().lifetimes()) {
    calls += lifetime.unmapped ? 2 : 1;
    if (lifetime.unmapped && lifetime.over()) ++unmaps;
  }
  EXPECT_EQ(exposure.unmaps, unmaps);
  // Each column's count is rounded.
  EXPECT_NEAR(static_cast<double>(calls_of(cell->overview(whole, 100))), static_cast<double>(calls),
              50);
  // Row sums of the grid are the calls of the oracle; columns may be off by a cell's width.
  const IovaRange used{cell->used_ranges().ranges.front().first,
                       cell->used_ranges().ranges.back().last};
  const ChurnGrid grid = cell->churn({whole, used, 32, 1, {}});
  EXPECT_FALSE(grid.exact);
  std::uint64_t operations = 0;
  for (const std::uint32_t count : grid.operations) operations += count;
  EXPECT_EQ(operations, calls);
  std::uint64_t reuses = 0, expected = 0;
  for (const std::uint32_t count : grid.reuses) reuses += count;
  for (const OracleLifetime& lifetime : rig.oracle().lifetimes())
    expected += lifetime.reuse ? 1 : 0;
  EXPECT_EQ(reuses, expected);
}

TEST(RecordedRun, AReplayFromACheckpointIsExact) {
  const QueryRig rig(lazy(260'000));
  const auto cell = rig.open();
  ASSERT_NE(cell, nullptr);
  const Nanos end = cell->info().whole.to;
  for (const double share : {0.3, 0.55, 0.8, 0.95}) {
    const Nanos at = static_cast<Nanos>(share * static_cast<double>(end));
    const ExposureColumns exposure = cell->exposure({at, at + 2000}, 1);
    const Ticks tick = rig.base().ticks(at);
    EXPECT_NEAR(exposure.live_pages[0].mean, static_cast<double>(rig.oracle().level(tick, false)),
                9);
    EXPECT_NEAR(exposure.stale_pages[0].mean, static_cast<double>(rig.oracle().level(tick, true)),
                9);
    // The address of a life that is under way then.
    const auto& lifetimes = rig.oracle().lifetimes();
    const auto found =
        std::find_if(lifetimes.begin(), lifetimes.end(), [&](const OracleLifetime& lifetime) {
          return QueryOracle::covers(lifetime, lifetime.first, tick, false);
        });
    ASSERT_NE(found, lifetimes.end());
    Ticks newest = 0;  // Another endpoint may have the same address.
    for (const OracleLifetime& lifetime : lifetimes) {
      const bool covers =
          lifetime.first <= found->first && found->first < lifetime.first + lifetime.pages;
      if (covers && lifetime.mapped <= tick) newest = std::max(newest, lifetime.mapped);
    }
    const PageLifetimes lifetime = cell->page_lifetimes(Iova{found->first << 12}, at, 8);
    ASSERT_TRUE(lifetime.current);
    EXPECT_EQ(lifetime.lifetimes[*lifetime.current].mapped, rig.base().nanos(newest));
  }
}

TEST(RecordedRun, F2_LostEventsAreGaps) {
  const QueryRig rig(lazy(60'000, true));
  ASSERT_GT(rig.lost(), 0u);
  const auto cell = rig.open();
  ASSERT_NE(cell, nullptr);
  EXPECT_EQ(cell->info().lost, rig.lost());
  const Overview overview = cell->overview(cell->info().whole, 40);
  const auto gaps =
      std::count_if(overview.operations_per_s.begin(), overview.operations_per_s.end(),
                    [](const Column& column) { return column.gap; });
  EXPECT_GT(gaps, 0);
  EXPECT_LT(gaps, 20);
}

TEST(RecordedRun, EventsBeyondTheTraceAreInThePyramidOnly) {
  const QueryRig rig(lazy(120'000), 40'000);
  // The recorder aggregates what it does not keep.
  Aggregation aggregation({.ns_per_tick = 0.5});
  SyntheticRun(lazy(120'000))
      .run([&](std::uint16_t lcore, std::span<const Event> events,
               std::uint64_t lost) { aggregation.add(lcore, events, lost); },
           [&](Ticks until) { aggregation.advance(until); });
  aggregation.finish();
  ASSERT_TRUE(append_pyramid(rig.folder() + "/trace.pyramid", 0, 0, aggregation.pyramid()));
  const auto cell = rig.open();
  ASSERT_NE(cell, nullptr);
  const CellInfo info = cell->info();
  EXPECT_EQ(info.events, rig.oracle().events().size());
  EXPECT_EQ(info.kept_events, rig.kept());
  EXPECT_LT(info.kept_until, info.whole.to);
  EXPECT_GT(info.kept_until, 0);
  const TimeWindow late{info.kept_until + (info.whole.to - info.kept_until) / 2, info.whole.to};
  EXPECT_GT(calls_of(cell->overview(late, 10)), 1000u);
  EXPECT_GT(cell->exposure(late, 10).unmaps, 1000u);
  EXPECT_FALSE(cell->churn({late, IovaRange::all(), 4, 4, {}}).exact);
}

TEST(RecordedRun, ACutFileOpensAndSaysSo) {
  const QueryRig rig(lazy(20'000));
  const auto bytes = *read_whole_file(rig.file());
  std::ofstream(rig.file(), std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size() * 2 / 3));
  const auto run = open_run(rig.file());
  ASSERT_TRUE(run);
  ASSERT_EQ((*run)->cells().size(), 1u);
  EXPECT_TRUE((*run)->cells().front().cut_short);
  const auto cell = (*run)->open_cell(0, {});
  ASSERT_TRUE(cell);
  EXPECT_TRUE((*cell)->info().cut_short);
  EXPECT_GT((*cell)->count_events((*cell)->info().whole, {}), 1000u);
}

TEST(RecordedRun, DamageAndForeignFilesAreNamed) {
  const QueryRig rig(lazy(20'000));
  const auto bytes = *read_whole_file(rig.file());
  const auto write = [](const std::string& path, const std::string& content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(content.data(), static_cast<std::streamsize>(content.size()));
  };
  std::string bad = bytes;
  bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
  write(rig.file(), bad);
  const auto run = open_run(rig.file());
  ASSERT_TRUE(run);
  const auto cell = (*run)->open_cell(0, {});
  ASSERT_FALSE(cell);
  EXPECT_NE(cell.error().message.find(rig.file() + ": offset "), std::string::npos);
  write(rig.file(), "not a trace at all, and not even long enough to be one of version 1........");
  ASSERT_FALSE(open_run(rig.file()));
  EXPECT_NE(open_run(rig.file()).error().message.find(rig.file()), std::string::npos);
  EXPECT_FALSE(open_run(rig.folder() + "/nothing"));
}

// The notice of the first cell once it is open, which it is whatever the pyramid beside it says.
std::string notice_of_opened(const QueryRig& rig, std::uint64_t unmaps) {
  const auto run = open_run(rig.file());
  if (!run) return "does not open: " + run.error().message;
  const auto cell = (*run)->open_cell(0, {});
  if (!cell) return "does not open: " + cell.error().message;
  const CellInfo info = (*cell)->info();
  EXPECT_EQ((*cell)->exposure(info.whole, 50).unmaps, unmaps);
  EXPECT_EQ((*run)->cells().front().notice, info.notice);
  return info.notice;
}

TEST(RecordedRun, APyramidThatIsOfNoUseIsReplacedByTheEvents) {
  const QueryRig rig(lazy(120'000));
  const std::string path = rig.folder() + "/trace.pyramid";
  const auto write = [&path](const std::string& content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(content.data(), static_cast<std::streamsize>(content.size()));
  };
  const auto aggregated = rig.open();
  const std::uint64_t unmaps = aggregated->exposure(aggregated->info().whole, 50).unmaps;
  ASSERT_GT(unmaps, 1000u);
  EXPECT_EQ(aggregated->info().notice, "");
  store_pyramid(rig);
  const std::string good = *read_whole_file(path);
  EXPECT_EQ(notice_of_opened(rig, unmaps), "");

  const std::string instead = "; what is shown was computed from the events instead";
  write(std::string(200, 'x'));
  EXPECT_EQ(notice_of_opened(rig, unmaps), path + ": offset 0: no pyramid begins here" + instead);
  for (const std::size_t at : {std::size_t{9}, std::size_t{40}, std::size_t{70}, good.size() / 2}) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    write(bad);
    const std::string notice = notice_of_opened(rig, unmaps);
    EXPECT_EQ(notice.find(path + ": offset 0: "), 0u) << at << notice;
    EXPECT_NE(notice.find(instead), std::string::npos) << at << notice;
  }
  // Of another run that has the same cells.
  SyntheticOptions options = lazy(5'000);
  options.start += 77;
  const QueryRig other(options);
  store_pyramid(other);
  write(*read_whole_file(other.folder() + "/trace.pyramid"));
  EXPECT_EQ(notice_of_opened(rig, unmaps),
            "the stored pyramid is of another recording or attempt" + instead);
}

TEST(RecordedRun, ACancelledOpenStops) {
  const QueryRig rig(lazy(100'000));
  const auto run = open_run(rig.file());
  ASSERT_TRUE(run);
  OpenProgress progress;
  progress.cancel = [](void*) { return true; };
  const auto cell = (*run)->open_cell(0, progress);
  ASSERT_FALSE(cell);
  EXPECT_NE(cell.error().message.find("cancelled"), std::string::npos);
}

TEST(RecordedRun, RepetitionsAreCellsOfTheirOwn) {
  TestFolder folder;
  const auto path = folder.path() / "trace.events";
  auto writer = EventTraceWriter::open(path, {0.5, 0, 0});
  ASSERT_TRUE(writer);
  Ticks start = 1000;
  for (const auto& [cell, repetition] : {std::pair(0u, 0u), std::pair(2u, 0u), std::pair(0u, 1u)}) {
    SyntheticOptions options = lazy(3000);
    options.cell = cell;
    options.repetition = repetition;
    options.start = start;
    start = SyntheticRun(options).run([&](std::uint16_t lcore, std::span<const Event> events,
                                          std::uint64_t) {
      ASSERT_TRUE(writer->append(lcore, events));
    }) + 1000;
  }
  const auto run = open_run(path.string());
  ASSERT_TRUE(run);
  const auto cells = (*run)->cells();
  ASSERT_EQ(cells.size(), 3u);
  EXPECT_EQ(cells[0].label, "cell 0");
  EXPECT_EQ(cells[1].label, "cell 2");
  EXPECT_EQ(cells[2].repetition, 1u);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto cell = (*run)->open_cell(i, {});
    ASSERT_TRUE(cell);
    EXPECT_EQ((*cell)->info().events, cells[i].events);
    EXPECT_EQ((*cell)->exposure((*cell)->info().whole, 5).open, 0u);
  }
  EXPECT_FALSE((*run)->open_cell(3, {}));
}

TEST(RecordedRun, AnEmptyTraceHasNoCells) {
  TestFolder folder;
  const auto path = folder.path() / "trace.events";
  ASSERT_TRUE(EventTraceWriter::open(path, {0.5, 0, 0}));
  const auto run = open_run(path.string());
  ASSERT_TRUE(run);
  EXPECT_TRUE((*run)->cells().empty());
}

}  // namespace
}  // namespace violet::query
