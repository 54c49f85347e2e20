// Files: whole, cut short, damaged, foreign; with and without a stored pyramid; longer than the trace keeps.
#include "experiments/query/recorded_run.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "engine/base/files.hpp"
#include "experiments/query/query_rig_testing.hpp"
#include "experiments/query/run_fixture_testing.hpp"
#include "experiments/results/manifest.hpp"
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
  for (std::size_t i = 0; i < trace->blocks().size(); ++i) {
    const auto& block = trace->blocks()[i];
    aggregation.add(block.lcore, trace->read(i).value(), block.dropped_before);
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
  const auto a = aggregated->exposure({whole, 200, {}}), b = stored->exposure({whole, 200, {}});
  ASSERT_TRUE(a.unmaps && b.unmaps && a.pages && b.pages);
  EXPECT_EQ(a.unmaps->histogram, b.unmaps->histogram);
  EXPECT_EQ(a.unmaps->count, b.unmaps->count);
  EXPECT_EQ(a.pages->mean_stale, b.pages->mean_stale);
}

TEST(RecordedRun, WhatWasMeasuredIsKnownBeforeACellIsOpened) {
  const QueryRig rig(lazy(60'000));
  const auto run = open_run(rig.file());
  ASSERT_TRUE(run);
  const CellInfo listed = (*run)->cells().front();
  EXPECT_TRUE(listed.measure_marked);
  EXPECT_LT(listed.measured.length(), listed.whole.length());
  const auto cell = (*run)->open_cell(0, {});
  ASSERT_TRUE(cell);
  EXPECT_EQ(listed.measured, (*cell)->info().measured);
  EXPECT_TRUE((*cell)->info().measure_marked);
}

TEST(RecordedRun, ThePyramidAgreesWithTheEvents) {
  const QueryRig rig(lazy(260'000));
  const auto cell = rig.open();
  ASSERT_NE(cell, nullptr);
  const TimeWindow whole = cell->info().whole;
  // Too many events to replay: this comes from the pyramid.
  const ExposureColumns exposure = cell->exposure({whole, 100, {}});
  std::uint64_t unmaps = 0, calls = 0;
  for (const OracleLifetime& lifetime : rig.oracle().lifetimes()) {
    calls += lifetime.unmapped ? 2 : 1;
    if (lifetime.unmapped && lifetime.over()) ++unmaps;
  }
  ASSERT_TRUE(exposure.unmaps);
  EXPECT_EQ(exposure.unmaps->count, unmaps);
  // Each column's count is rounded.
  EXPECT_NEAR(static_cast<double>(calls_of(cell->overview(whole, 100))), static_cast<double>(calls),
              50);
  // Row sums of the grid are the calls of the oracle; columns may be off by a cell's width.
  const IovaRange used{cell->used_ranges().ranges.front().first,
                       cell->used_ranges().ranges.back().last};
  const ChurnGrid grid = cell->churn({whole, used, 32, 1, {}});
  EXPECT_FALSE(grid.resolution.exact());
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
    const ExposureColumns exposure = cell->exposure({{at, at + 2000}, 1, {}});
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
  EXPECT_GT(cell->exposure({late, 10, {}}).unmaps->count, 1000u);
  EXPECT_FALSE(cell->churn({late, IovaRange::all(), 4, 4, {}}).resolution.exact());
}

// A run whose trace keeps the first 40,000 events only, with a pyramid of all of them.
class BehindTheKept : public testing::Test {
 protected:
  BehindTheKept() : rig_(lazy(120'000), 40'000) {
    Aggregation aggregation({.ns_per_tick = 0.5});
    SyntheticRun(lazy(120'000))
        .run([&](std::uint16_t lcore, std::span<const Event> events,
                 std::uint64_t lost) { aggregation.add(lcore, events, lost); },
             [&](Ticks until) { aggregation.advance(until); });
    aggregation.finish();
    EXPECT_TRUE(append_pyramid(rig_.folder() + "/trace.pyramid", 0, 0, aggregation.pyramid()));
    cell_ = rig_.open();
    EXPECT_NE(cell_, nullptr);
  }
  // Far shorter than a bin of the summary, far behind the last kept event.
  std::vector<TimeWindow> windows() const {
    const CellInfo info = cell_->info();
    std::vector<TimeWindow> windows;
    for (const double share : {0.2, 0.37, 0.61, 0.8}) {
      const auto from =
          info.kept_until + static_cast<Nanos>(share * double(info.whole.to - info.kept_until));
      windows.push_back({from, from + 200});
    }
    return windows;
  }
  std::uint64_t calls_in(TimeWindow window) const {
    std::uint64_t calls = 0;
    for (const auto& one : rig_.oracle().events()) {
      const bool call =
          one.event.kind == EventKind::kDmaMap || one.event.kind == EventKind::kDmaUnmap;
      calls += call && window.contains(rig_.base().nanos(one.event.at)) ? 1 : 0;
    }
    return calls;
  }
  std::uint64_t unmaps_in(TimeWindow window) const {
    std::uint64_t unmaps = 0;
    for (const OracleLifetime& lifetime : rig_.oracle().lifetimes()) {
      const bool over = lifetime.unmapped && !lifetime.persistent && lifetime.over();
      unmaps += over && window.contains(rig_.base().nanos(*lifetime.unmapped)) ? 1 : 0;
    }
    return unmaps;
  }
  QueryRig rig_;
  std::shared_ptr<const CellQueries> cell_;
};

TEST_F(BehindTheKept, F3_UnmapsAreThoseOfTheBinsThatAreNamed) {
  std::uint64_t all = 0;
  for (const TimeWindow& window : windows()) {
    const ExposureColumns exposure = cell_->exposure({window, 640, {}});
    ASSERT_TRUE(exposure.unmaps && exposure.pages);
    const Resolution& resolution = exposure.unmaps->resolution;
    ASSERT_TRUE(resolution.bin);
    EXPECT_TRUE(resolution.hides(window.length()));
    EXPECT_LE(resolution.about.from, window.from);
    EXPECT_GE(resolution.about.to, window.to);
    EXPECT_EQ(exposure.unmaps->count, unmaps_in(resolution.about));
    all += exposure.unmaps->count;
  }
  EXPECT_GT(all, 0u) << "a window of 200 ns is not said to be without unmaps";
}

// Where the events of a border are not there, its bin is left out of an answer about measured time.
TEST_F(BehindTheKept, TakingDownIsNotMixedWithWhatWasMeasured) {
  const TimeWindow measured = cell_->info().measured;
  ASSERT_LT(cell_->info().kept_until, measured.to);
  const ExposureColumns exposure = cell_->exposure({measured, 100, {}});
  ASSERT_TRUE(exposure.unmaps && exposure.pages);
  for (const Resolution& resolution : {exposure.unmaps->resolution, exposure.pages->resolution}) {
    ASSERT_TRUE(resolution.bin);
    EXPECT_EQ(resolution.about.from, measured.from) << "these events are there";
    EXPECT_LE(resolution.about.to, measured.to);
    EXPECT_GT(resolution.about.to, measured.to - *resolution.bin);
  }
  EXPECT_EQ(exposure.unmaps->count, unmaps_in(exposure.unmaps->resolution.about));
  const TimeWindow border{measured.to - 200, measured.to};
  const ExposureColumns last = cell_->exposure({border, 100, {}});
  EXPECT_FALSE(last.unmaps);
  EXPECT_FALSE(last.pages);
  EXPECT_NE(last.because.find("does not tell this time"), std::string::npos) << last.because;
  const LatencyGrid grid = cell_->latency({border, Operation::kUnmap, 10, {}});
  EXPECT_EQ(grid.count, 0u);
  EXPECT_EQ(grid.because, last.because);
  EXPECT_FALSE(cell_->overview(border, 1).operations_per_s[0].known());
}

TEST_F(BehindTheKept, F3_CallsLieInColumnsAsWideAsTheyAreKnown) {
  for (const TimeWindow& window : windows()) {
    const ChurnGrid grid = cell_->churn({window, IovaRange::all(), 640, 1, {}});
    ASSERT_TRUE(grid.resolution.bin);
    ASSERT_LE(grid.query.columns, 2u);
    EXPECT_LE(grid.query.window.from, window.from);
    EXPECT_GE(grid.query.window.to, window.to);
    EXPECT_NEAR(static_cast<double>(grid.query.window.length()),
                static_cast<double>(*grid.resolution.bin * grid.query.columns), 2);
    const std::uint64_t calls = std::accumulate(grid.operations.begin(), grid.operations.end(), 0u);
    EXPECT_EQ(calls, calls_in(grid.query.window));
  }
}

TEST_F(BehindTheKept, F3_LatenciesAreCountedOnceAndInWholeBins) {
  for (const TimeWindow& window : windows()) {
    const LatencyGrid grid = cell_->latency({window, Operation::kUnmap, 640, {}});
    ASSERT_TRUE(grid.resolution.bin);
    ASSERT_LE(grid.query.columns, 2u);
    const std::uint64_t drawn = std::accumulate(grid.counts.begin(), grid.counts.end(), 0u);
    EXPECT_EQ(drawn, grid.count) << "a call is not drawn in every pixel of its bin";
    EXPECT_GT(grid.count, 0u);
  }
}

TEST_F(BehindTheKept, F4_ARateIsKnownInEveryColumn) {
  for (const TimeWindow& window : windows()) {
    const Overview overview = cell_->overview(window, 64);
    const double bin_s = static_cast<double>(overview.resolution.about.length()) / 1e9;
    const double rate = static_cast<double>(calls_in(overview.resolution.about)) / bin_s;
    ASSERT_GT(rate, 0);
    for (const Column& column : overview.operations_per_s) {
      ASSERT_TRUE(column.known());
      EXPECT_GT(column.mean, 0) << "less than half a call a column is not none";
    }
  }
}

TEST_F(BehindTheKept, F4_APageIsNotSaidToBeUntouched) {
  const Nanos late = windows().back().from;
  const std::uint64_t page = rig_.oracle().lifetimes().front().first;
  const PageLifetimes answer = cell_->page_lifetimes(Iova{page << 12}, late, 8);
  EXPECT_FALSE(answer.searched.contains(late));
  EXPECT_FALSE(answer.current);
  const PageLifetimes early = cell_->page_lifetimes(Iova{page << 12}, answer.searched.to - 1, 8);
  EXPECT_TRUE(early.searched.contains(early.at));
}

TEST_F(BehindTheKept, F4_SomeAddressesOrEndpointsAreNotKnown) {
  const Filter range{IovaRange{{0xffff0000}, {0xffffffff}}, {}, {}};
  const Filter endpoint{{}, {EndpointId{0x28}}, {}};
  for (const Filter& filter : {range, endpoint}) {
    const ExposureColumns exposure = cell_->exposure({windows()[0], 10, filter});
    EXPECT_FALSE(exposure.unmaps);
    EXPECT_FALSE(exposure.pages);
    EXPECT_TRUE(exposure.stale_pages.empty());
    EXPECT_NE(exposure.because.find("single events are not kept here"), std::string::npos)
        << exposure.because;
  }
  const LatencyGrid grid = cell_->latency({windows()[0], Operation::kMap, 10, range});
  EXPECT_EQ(grid.because,
            "the summary does not tell addresses apart, and single events are not kept here");
}

TEST_F(BehindTheKept, F4_TheTopologyIsOfTheMomentThatItSays) {
  const Nanos late = windows().back().from;
  const TopologyState state = cell_->topology(late);
  EXPECT_TRUE(cell_->info().kept_until <= state.at && state.at <= late) << "all kept, none later";
  EXPECT_FALSE(state.because.empty());
  for (const auto& domain : state.domains) EXPECT_TRUE(domain.mapping_count);
}

// A line of percentiles is a property of the run: pictures of any width show the same one.
TEST_F(BehindTheKept, PercentileLinesDoNotDependOnThePicture) {
  const CellInfo info = cell_->info();
  const std::vector<TimeWindow> asked{
      info.whole, {0, info.kept_until / 2}, {info.kept_until, info.whole.to}};
  for (const TimeWindow& window : asked) {
    const LatencyGrid narrow = cell_->latency({window, Operation::kUnmap, 150, {}});
    const LatencyGrid wide = cell_->latency({window, Operation::kUnmap, 1900, {}});
    for (std::size_t i = 0; i < narrow.lines.size(); ++i) {
      const PercentileLine &a = narrow.lines[i], &b = wide.lines[i];
      EXPECT_EQ(a.window, b.window);
      ASSERT_EQ(a.steps.size(), b.steps.size());
      for (std::size_t k = 0; k < a.steps.size(); ++k) {
        EXPECT_EQ(a.steps[k].count, b.steps[k].count);
        EXPECT_EQ(a.steps[k].mean, b.steps[k].mean);
        if (a.steps[k].known()) {
          EXPECT_GE(a.steps[k].count, operations_for(a.percent));
        }
      }
    }
    EXPECT_TRUE(std::any_of(narrow.lines[0].steps.begin(), narrow.lines[0].steps.end(),
                            [](const Column& step) { return step.known(); }));
  }
}

TEST(RecordedRun, F4_MappingsAfterALossAreNotKnown) {
  const QueryRig rig(lazy(60'000, true));
  ASSERT_GT(rig.lost(), 0u);
  const auto cell = rig.open();
  ASSERT_NE(cell, nullptr);
  const TopologyState state = cell->topology(cell->info().measured.to - 1);
  ASSERT_FALSE(state.domains.empty());
  for (const auto& domain : state.domains) EXPECT_FALSE(domain.mapping_count);
  EXPECT_EQ(state.because, "events were lost before");
  const FaultLines faults = cell->faults(cell->info().whole, 100'000);
  EXPECT_EQ(faults.because, "events were lost") << "how many faults are among them is not known";
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

// As a disk would damage it: bytes of a block's events become zeros.
void zero_events(const std::string& file, std::uint64_t offset, std::size_t bytes = 512) {
  std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
  out.seekp(static_cast<std::streamoff>(offset));
  const std::string zeros(bytes, '\0');
  out.write(zeros.data(), static_cast<std::streamsize>(zeros.size()));
}

// The offset of the middle block of the guest.
EventTrace::Block middle_block(const std::string& file) {
  const auto trace = EventTrace::open(file).value();
  std::vector<EventTrace::Block> blocks;
  for (const auto& block : trace.blocks()) {
    if (block.lcore != kRecorderLcore && block.count > 20) blocks.push_back(block);
  }
  return blocks.at(blocks.size() / 2);
}

// Strict leaves no page exposed, whatever of its events was damaged; the stored pyramid knows that.
TEST(RecordedRun, DamagedEventsAreNotDrawn) {
  SyntheticOptions options = lazy(200'000);
  options.strategy = SyntheticStrategy::kStrict;
  const QueryRig rig(options);
  store_pyramid(rig);
  const auto block = middle_block(rig.file());
  zero_events(rig.file(), block.offset + 32 + 64);
  const auto run = open_run(rig.file());
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ((*run)->damage(), "");
  const auto cell = (*run)->open_cell(0, {});
  ASSERT_TRUE(cell) << cell.error().message;
  const CellInfo info = (*cell)->info();
  const std::string named = fmt::format("{}: offset {}: the checksum of {} events does not fit",
                                        rig.file(), block.offset, block.count);
  EXPECT_NE(info.notice.find(named), std::string::npos) << info.notice;
  EXPECT_NE((*run)->damage().find(named), std::string::npos) << (*run)->damage();
  EXPECT_EQ((*run)->cells().front().notice, info.notice);
  const Nanos at = rig.base().nanos(block.first);
  EXPECT_LE(info.kept_until, at);
  EXPECT_GT(info.kept_until, 0);
  // Of what came later, no more than the blocks before it hold: other lcores', a little ahead.
  std::uint64_t ahead = 0;
  const auto trace = EventTrace::open(rig.file());
  ASSERT_TRUE(trace);
  for (std::size_t i = 0; trace->blocks()[i].offset < block.offset; ++i) {
    const auto events = trace->read(i);
    ASSERT_TRUE(events);
    for (const Event& event : *events) ahead += rig.base().nanos(event.at) >= at ? 1 : 0;
  }
  EXPECT_EQ((*cell)->count_events({at, info.whole.to}, {}), ahead);
  // Both sides of the damage, and over it, at any width.
  for (const Nanos width : {Nanos{2'000}, Nanos{200'000}, info.whole.to}) {
    const TimeWindow window{std::max<Nanos>(0, at - width), at + width};
    const ChurnGrid grid = (*cell)->churn({window, IovaRange::all(), 40, 40, {}});
    for (const float share : grid.stale) EXPECT_EQ(share, 0);
    const ExposureColumns exposure = (*cell)->exposure({window, 40, {}});
    ASSERT_TRUE(exposure.pages && exposure.unmaps);
    EXPECT_EQ(exposure.pages->peak_stale, 0);
    if (window.to > info.kept_until) {
      EXPECT_FALSE(exposure.pages->resolution.exact());
    }
  }
  // Before it, events are still looked at one by one.
  const TimeWindow early{0, info.kept_until / 8};
  EXPECT_GT((*cell)->count_events(early, {}), 100u);
}

TEST(RecordedRun, WithoutASummaryADamagedCellDoesNotOpen) {
  const QueryRig rig(lazy(20'000));
  const auto block = middle_block(rig.file());
  zero_events(rig.file(), block.offset + 32);
  const auto run = open_run(rig.file());
  ASSERT_TRUE(run);
  const auto cell = (*run)->open_cell(0, {});
  ASSERT_FALSE(cell);
  EXPECT_NE(cell.error().message.find(fmt::format("offset {}: ", block.offset)), std::string::npos);
}

// Whatever block it hits: the first, the last, one of the recorder's.
TEST(RecordedRun, NoDamagedBlockIsUsed) {
  const QueryRig rig(lazy(20'000));
  store_pyramid(rig);
  const std::string good = *read_whole_file(rig.file());
  const auto trace = EventTrace::open(rig.file());
  ASSERT_TRUE(trace);
  for (const auto& block : trace->blocks()) {
    if (block.count == 0) continue;
    for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{block.count} * 32 - 32}) {
      std::ofstream(rig.file(), std::ios::binary | std::ios::trunc) << good;
      zero_events(rig.file(), block.offset + 32 + at, 8);  // The time of its first, or last, event.
      if (*read_whole_file(rig.file()) == good) continue;
      const auto run = open_run(rig.file());
      ASSERT_TRUE(run);
      const std::string named = fmt::format("offset {}: the checksum", block.offset);
      std::string said = (*run)->damage();
      if (!(*run)->cells().empty()) {
        const auto cell = (*run)->open_cell(0, {});
        said += cell ? (*cell)->info().notice : cell.error().message;
      }
      EXPECT_NE(said.find(named), std::string::npos) << block.offset << " " << said;
    }
  }
}

TEST(RecordedRun, WhatGoesBadWhileItIsLookedAtIsNoAnswer) {
  const QueryRig rig(lazy(120'000));
  store_pyramid(rig);
  auto trace = EventTrace::open(rig.file());
  ASSERT_TRUE(trace);
  const auto blocks = std::make_shared<BlockCache>(std::move(*trace), 1);  // Keeps one block.
  const auto found = std::make_shared<FoundDamage>();
  std::vector<Error> damaged;
  const TraceCell traced = cells_of(blocks->trace(), &damaged).front();
  const auto stored = PyramidFile::open(rig.folder() + "/trace.pyramid")->read(0);
  ASSERT_TRUE(stored);
  RecordedCell cell(blocks, found, traced.blocks, traced.kept_until);
  cell.keep(*stored);
  cell.finish({});
  const TimeWindow window{0, cell.info().whole.to / 50};
  ASSERT_GT(cell.count_events(window, {}), 500u);
  ASSERT_TRUE(cell.overview(window, 10).resolution.exact());
  EXPECT_EQ(cell.version(), 1u);
  std::filesystem::resize_file(rig.file(), 100);
  const Overview overview = cell.overview(window, 10);
  EXPECT_FALSE(overview.resolution.exact());
  EXPECT_EQ(cell.version(), 2u);
  EXPECT_NE(cell.info().notice.find("has been cut off"), std::string::npos) << cell.info().notice;
  EXPECT_NE(found->text().find("has been cut off"), std::string::npos);
  EXPECT_EQ(cell.count_events(window, {}), 0u);
  EXPECT_TRUE(cell.events(window, {}, 0, 10).empty());
  EXPECT_GT(cell.exposure({cell.info().whole, 50, {}}).unmaps->count, 1000u);
}

// The notice of the first cell once it is open, which it is whatever the pyramid beside it says.
std::string notice_of_opened(const QueryRig& rig, std::uint64_t unmaps) {
  const auto run = open_run(rig.file());
  if (!run) return "does not open: " + run.error().message;
  const auto cell = (*run)->open_cell(0, {});
  if (!cell) return "does not open: " + cell.error().message;
  const CellInfo info = (*cell)->info();
  EXPECT_EQ((*cell)->exposure({info.whole, 50, {}}).unmaps->count, unmaps);
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
  const std::uint64_t unmaps =
      aggregated->exposure({aggregated->info().whole, 50, {}}).unmaps->count;
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
    EXPECT_EQ((*cell)->exposure({(*cell)->info().whole, 5, {}}).unmaps->open, 0u);
  }
  EXPECT_FALSE((*run)->open_cell(3, {}));
}

// A run of two cells with two repetitions each, as a run writes it, with a trace of them.
class RunWithATrace : public testing::Test {
 protected:
  RunWithATrace() : run_(write_fixture_run(folder_.path(), {costly(), {"lazy-percpu"}}, 2)) {
    record({{0, 0}, {1, 0}, {0, 1}, {1, 1}});
  }
  static FixtureCell costly() {
    FixtureCell cell{"strict"};
    cell.injected = 61.5;
    return cell;
  }
  // Cells and repetitions.
  void record(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& what) {
    std::filesystem::remove(trace());
    auto writer = EventTraceWriter::open(trace(), {0.5, 0, 0});
    Ticks start = 1000;
    for (const auto& [cell, repetition] : what) {
      SyntheticOptions options = lazy(3000);
      options.cell = cell;
      options.repetition = repetition;
      options.start = start;
      start = SyntheticRun(options).run([&](std::uint16_t lcore, std::span<const Event> events,
                                            std::uint64_t) {
        EXPECT_TRUE(writer->append(lcore, events));
      }) + 1000;
    }
  }
  // Cuts the file so far back that so many cells are left, the last of them in part.
  void cut_to(std::size_t cells) {
    const auto whole = std::filesystem::file_size(trace());
    for (unsigned part = 99; part > 0; --part) {
      std::filesystem::resize_file(trace(), whole * part / 100);
      const auto run = open_run(run_);
      ASSERT_TRUE(run);
      if ((*run)->cells().size() == cells && (*run)->cells().back().cut_short) return;
    }
    FAIL() << "no cut leaves " << cells << " cells";
  }
  std::filesystem::path trace() const { return std::filesystem::path(run_) / "trace.events"; }
  const TestFolder folder_;
  const std::string run_;
};

TEST_F(RunWithATrace, AWholeOneHasNoDamage) {
  const auto run = open_run(run_);
  ASSERT_TRUE(run);
  EXPECT_EQ((*run)->cells().size(), 4u);
  EXPECT_EQ((*run)->damage(), "");
}

TEST_F(RunWithATrace, CellsSayHowMuchWasInjectedOrWhyThatIsNotKnown) {
  const auto run = open_run(run_);
  ASSERT_TRUE(run);
  const auto cells = (*run)->cells();
  ASSERT_EQ(cells.size(), 4u);
  EXPECT_EQ(cells[0].injected_percent, 61.5);
  EXPECT_EQ(cells[1].injected_percent, std::nullopt);
  EXPECT_EQ(cells[1].injected_because, "the program that made the run did not measure it");
}

TEST_F(RunWithATrace, AClockStepThatTheRunMeasuredIsNotDerived) {
  auto manifest = *results::read_manifest(run_);
  manifest.clock_step_ns = 10.5, manifest.clock_read_ns = 21;
  ASSERT_TRUE(replace_file(run_ + "/manifest.json", results::to_json(manifest)));
  const auto run = open_run(run_);
  EXPECT_EQ((*(*run)->open_cell(0, {}))->info().clock_step_ns, 10.5);
}

TEST_F(RunWithATrace, NoDamageIsWhatWasNeverRecorded) {
  record({{0, 0}, {1, 0}});  // As a run does: the first repetition of each cell.
  const auto run = open_run(run_);
  ASSERT_TRUE(run);
  EXPECT_EQ((*run)->cells().size(), 2u);
  EXPECT_EQ((*run)->damage(), "");
}

TEST_F(RunWithATrace, D3_WhatATruncatedOneHasLostIsNamed) {
  cut_to(3);
  const auto run = open_run(run_);
  ASSERT_TRUE(run);
  const auto cells = (*run)->cells();
  ASSERT_EQ(cells.size(), 3u);
  EXPECT_TRUE(cells.back().cut_short);
  const std::string damage = (*run)->damage();
  for (const char* part :
       {"trace.events: the file ends in the middle of a block",
        "strategy=strict placement=sidecore, repetition 2, ends early",
        "no events are left of strategy=lazy-percpu placement=sidecore (repetition 2)",
        "the results in Compare and Experiment are whole"}) {
    EXPECT_NE(damage.find(part), std::string::npos) << damage;
  }
}

TEST_F(RunWithATrace, D3_AlsoWhereItEndsBetweenTwoBlocks) {
  cut_to(3);
  // What a writer does first: an unfinished block goes.
  ASSERT_TRUE(EventTraceWriter::open(trace(), {0.5, 0, 0}));
  const auto run = open_run(run_);
  ASSERT_TRUE(run);
  EXPECT_NE((*run)->damage().find("no events are left of "), std::string::npos)
      << (*run)->damage() << (*run)->cells().size();
}

// The blocks of the cell whose first mark is gone look like the cell's before it.
TEST_F(RunWithATrace, ACellWhoseMarkIsDamagedIsNobodyElses) {
  const auto whole = EventTrace::open(trace());
  ASSERT_TRUE(whole);
  const auto before = open_run(run_);
  ASSERT_TRUE(before);
  const std::uint64_t events = (*before)->cells()[0].events;
  std::size_t marks = 0;
  for (std::size_t i = 0; i < whole->blocks().size(); ++i) {
    const auto& block = whole->blocks()[i];
    const auto held = whole->read(i);
    for (const Event& event : *held) {
      if (event.kind != EventKind::kMark || MarkEvent::of(event).phase != Phase::kStart) continue;
      if (++marks == 2) zero_events(trace().string(), block.offset + 32, 8);
    }
  }
  ASSERT_EQ(marks, 4u);
  const auto run = open_run(run_);
  ASSERT_TRUE(run);
  EXPECT_NE((*run)->damage().find("the checksum of "), std::string::npos) << (*run)->damage();
  EXPECT_NE((*run)->damage().find("no events are left of strategy=lazy-percpu"), std::string::npos);
  ASSERT_EQ((*run)->cells().size(), 3u);
  ASSERT_GT((*run)->cells()[0].events, events);
  EXPECT_FALSE((*run)->open_cell(0, {})) << "there is no summary that could stand for it";
  EXPECT_TRUE((*run)->open_cell(2, {}));
}

TEST_F(RunWithATrace, WithoutTheTraceItOpensAndSaysThatThereIsNone) {
  std::filesystem::remove(trace());
  const auto run = open_run(run_);
  ASSERT_TRUE(run);
  EXPECT_TRUE((*run)->cells().empty());
  EXPECT_EQ((*run)->damage(), "");
  EXPECT_EQ((*run)->no_cells_because(), "this run has no trace.events");
  EXPECT_FALSE((*run)->open_cell(0, {}));
}

TEST_F(RunWithATrace, TheLinkLatestIsFollowedOnce) {
  const auto run = open_run((folder_.path() / "latest").string());
  ASSERT_TRUE(run);
  EXPECT_EQ((*run)->path(), std::filesystem::canonical(run_).string());
  EXPECT_NE((*run)->name(), "latest");
}

TEST(RecordedRun, AFolderThatIsNoRunIsRefused) {
  const TestFolder folder;
  const auto run = open_run(folder.path().string());
  ASSERT_FALSE(run);
  EXPECT_NE(run.error().message.find("has no trace.events, and its results cannot be read"),
            std::string::npos)
      << run.error().message;
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
