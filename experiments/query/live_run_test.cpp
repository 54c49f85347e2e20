// The live feed over a source that a test holds in its hand.
#include "experiments/query/live_run.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "engine/base/test_folder_testing.hpp"
#include "engine/telemetry/event_ring.hpp"
#include "experiments/query/recorded_run.hpp"
#include "experiments/query/synthetic_run.hpp"
#include "experiments/results/live_mark.hpp"

namespace violet::query {
namespace {

// Rings in this process, as a run has them in its segment.
struct FakeRun {
  FakeRun() {
    for (const RingPlace& place : places) {
      rings.push_back(std::make_unique<EventRing>(place.capacity, place.lcore));
    }
    info.run_id = "fake";
    info.run_directory = "nowhere";
    info.ns_per_tick = 0.5;
  }
  EventRing& ring_of(std::uint16_t lcore) {
    for (const auto& ring : rings) {
      if (ring->lcore() == lcore) return *ring;
    }
    return *rings.back();
  }
  void record(std::uint16_t lcore, std::span<const Event> events) {
    for (const Event& event : events) {
      ring_of(lcore).record(event);
      Event taken;
      ring_of(lcore).drain({&taken, 1});  // The recorder is always in time.
    }
  }

  SegmentInfo info;
  std::vector<RingPlace> places{{1, RingRole::kEngine, 1 << 16},
                                {2, RingRole::kGuest, 1 << 16},
                                {3, RingRole::kEndpoints, 1 << 16},
                                {kRecorderLcore, RingRole::kRecorder, 1 << 16}};
  std::vector<std::unique_ptr<EventRing>> rings;
  std::atomic<bool> running{true};
  SegmentStatus status{
      .cell = 1, .repetition = 0, .phase = Phase::kMeasure, .share = 0, .label = ""};
};

class FakeSource : public LiveSource {
 public:
  explicit FakeSource(FakeRun& run) : run_(run) {
    for (const auto& ring : run.rings) observers_.emplace_back(*ring);
  }
  const SegmentInfo& info() const override { return run_.info; }
  const std::vector<RingPlace>& rings() const override { return run_.places; }
  std::size_t read(std::size_t ring, std::span<Event> out) override {
    return observers_[ring].read(out);
  }
  std::uint64_t missed(std::size_t ring) const override { return observers_[ring].missed(); }
  std::uint64_t lost(std::size_t ring) const override { return observers_[ring].lost(); }
  std::optional<SegmentStatus> status() const override { return run_.status; }
  bool alive(std::string* why) const override {
    if (!run_.running && why != nullptr) *why = "the test ended it";
    return run_.running;
  }

 private:
  FakeRun& run_;
  std::vector<RingObserver> observers_;
};

std::vector<CellInfo> two_cells() {
  std::vector<CellInfo> cells(2);
  cells[0].label = "strict";
  cells[1].label = "lazy";
  return cells;
}

// Takes the rest of a run that has ended; a slow machine takes less at a time.
void until_ended(LiveRun& run) {
  for (int i = 0; i < 10'000; ++i) {
    run.pull();
    run.settle();
    const auto cells = run.cells();
    if (!cells.empty() && !cells.back().live) return;
  }
  ADD_FAILURE() << "the run does not end";
}

SyntheticOptions lifetime(SyntheticStrategy strategy, std::uint32_t cell, Ticks start) {
  SyntheticOptions options;
  options.strategy = strategy;
  options.events = 30'000;
  options.cell = cell;
  options.start = start;
  return options;
}

TEST(LiveRun, ShowsTheCellsOfARunWhileItGoesOn) {
  FakeRun fake;
  LiveRun run(std::make_unique<FakeSource>(fake), two_cells());
  std::uint64_t events = 0;
  std::uint64_t last_version = 0;
  bool grew = false;
  Ticks start = 1'000'000;
  for (std::uint32_t cell = 0; cell < 2; ++cell) {
    SyntheticRun one(lifetime(static_cast<SyntheticStrategy>(cell), cell, start));
    start = one.run(
                [&](std::uint16_t lcore, std::span<const Event> part, std::uint64_t) {
                  fake.record(lcore, part);
                  events += part.size();
                },
                [&](Ticks) {
                  run.pull();
                  run.settle();
                  if (run.cells().empty()) return;
                  const auto feed = run.open_cell(run.cells().size() - 1, {});
                  ASSERT_TRUE(feed);
                  grew = grew || (*feed)->version() > last_version;
                  last_version = (*feed)->version();
                }) +
            400'000;
  }
  EXPECT_TRUE(grew);
  EXPECT_TRUE(run.alive(nullptr));
  fake.running = false;
  until_ended(run);
  std::string why;
  EXPECT_FALSE(run.alive(&why));
  EXPECT_EQ(why, "the test ended it");
  const auto cells = run.cells();
  ASSERT_EQ(cells.size(), 2u);
  EXPECT_EQ(cells[0].label, "strict");
  EXPECT_EQ(cells[1].label, "lazy");
  EXPECT_FALSE(cells[0].live);
  EXPECT_FALSE(cells[1].live);
  EXPECT_EQ(cells[0].events + cells[1].events, events);
  EXPECT_EQ(cells[0].lost, 0u);
  const auto strict = run.open_cell(0, {}), lazy = run.open_cell(1, {});
  ASSERT_TRUE(strict && lazy);
  const auto calm = (*strict)->exposure({(*strict)->info().whole, 100, {}});
  EXPECT_GT(calm.unmaps->count, 100u);
  EXPECT_EQ(calm.unmaps->count, calm.unmaps->zero_windows);
  const auto stale = (*lazy)->exposure({(*lazy)->info().whole, 100, {}});
  EXPECT_GT(stale.pages->peak_stale, 10);
  EXPECT_FALSE(run.open_cell(2, {}));
}

TEST(LiveRun, WhoComesLateSeesTheRestAndAGap) {
  FakeRun fake;
  std::unique_ptr<LiveRun> run;
  std::uint64_t recorded = 0;
  SyntheticRun one(lifetime(SyntheticStrategy::kLazy, 1, 1'000'000));
  one.run(
      [&](std::uint16_t lcore, std::span<const Event> part, std::uint64_t) {
        fake.record(lcore, part);
        recorded += part.size();
      },
      [&](Ticks) {
        if (run == nullptr && recorded > 12'000) {
          // As if the beginning had been overwritten.
          for (auto& ring : fake.rings) {
            ring = std::make_unique<EventRing>(ring->capacity(), ring->lcore());
          }
          run = std::make_unique<LiveRun>(std::make_unique<FakeSource>(fake), two_cells());
        }
        if (run == nullptr) return;
        run->pull();
        run->settle();
      });
  fake.running = false;
  until_ended(*run);
  ASSERT_EQ(run->cells().size(), 1u);
  const CellInfo info = run->cells().front();
  EXPECT_EQ(info.label, "lazy");
  EXPECT_GT(info.lost, 0u);
  const auto cell = run->open_cell(0, {});
  ASSERT_TRUE(cell);
  const Overview overview = (*cell)->overview(info.whole, 50);
  EXPECT_TRUE(std::any_of(overview.operations_per_s.begin(), overview.operations_per_s.end(),
                          [](const Column& column) { return column.gap; }));
  // The endpoint's domain is found again from what the engine maps.
  EXPECT_GT((*cell)->exposure({info.whole, 50, {}}).unmaps->count, 100u);
}

// The marks of a run are few and stay in their ring when the lcores' events have long been overwritten: the
// attaching of the endpoint, for one.
TEST(LiveRun, WhoComesLateAndStillSeesTheMarkKnowsWhatIsMissing) {
  FakeRun fake;
  SyntheticOptions options = lifetime(SyntheticStrategy::kLazy, 0, 1'000'000);
  options.events = 4 << 16;
  SyntheticRun one(options);
  std::unique_ptr<LiveRun> run;
  std::uint64_t recorded = 0;
  one.run(
      [&](std::uint16_t lcore, std::span<const Event> part, std::uint64_t) {
        fake.record(lcore, part);
        recorded += part.size();
      },
      [&](Ticks) {
        if (run == nullptr && recorded > options.events * 3 / 4) {
          run = std::make_unique<LiveRun>(std::make_unique<FakeSource>(fake), two_cells());
        }
        if (run == nullptr) return;
        run->pull();
        run->settle();
      });
  fake.running = false;
  until_ended(*run);
  ASSERT_EQ(run->cells().size(), 1u);
  const CellInfo info = run->cells().front();
  EXPECT_GT(info.lost, 0u);
  EXPECT_LT(info.events, recorded);
  const auto cell = run->open_cell(0, {});
  ASSERT_TRUE(cell);
  EXPECT_GT((*cell)->exposure({info.whole, 50, {}}).unmaps->count, 1000u);
}

// The rings of a real run hold more than one pull takes.
TEST(LiveRun, WhoComesLateSortsTheBacklogIn) {
  FakeRun fake;
  for (std::size_t i = 0; i < fake.rings.size(); ++i) {
    fake.places[i].capacity = 1 << 18;
    fake.rings[i] = std::make_unique<EventRing>(1 << 18, fake.places[i].lcore);
  }
  SyntheticOptions options = lifetime(SyntheticStrategy::kStrict, 0, 1'000'000);
  options.events = 8 << 18;
  std::unique_ptr<LiveRun> run;
  std::uint64_t recorded = 0;
  SyntheticRun(options).run(
      [&](std::uint16_t lcore, std::span<const Event> part, std::uint64_t) {
        fake.record(lcore, part);
        recorded += part.size();
      },
      [&](Ticks) {
        if (run == nullptr && recorded > options.events * 3 / 4) {
          run = std::make_unique<LiveRun>(std::make_unique<FakeSource>(fake), two_cells());
        }
        if (run == nullptr) return;
        run->pull();
        run->settle();
      });
  fake.running = false;
  until_ended(*run);
  const auto cell = *run->open_cell(0, {});
  const Overview overview = cell->overview(cell->info().whole, 400);
  std::uint64_t most = 0, seen = 0, columns = 0;
  for (const Column& column : overview.operations_per_s) {
    if (column.count == 0) continue;
    most = std::max<std::uint64_t>(most, column.count);
    seen += column.count;
    ++columns;
  }
  EXPECT_LT(most, 5 * seen / columns) << "events lie where they do not belong";
  EXPECT_EQ(cell->exposure({cell->info().whole, 50, {}}).pages->peak_stale, 0);
}

// Who looks too rarely loses events of each ring at other times; under strict nothing becomes stale by that.
TEST(LiveRun, LossesMakeNoPageStale) {
  FakeRun fake;
  for (std::size_t i = 0; i < fake.rings.size(); ++i) {
    fake.places[i].capacity = std::size_t{1} << (13 + i);
    fake.rings[i] = std::make_unique<EventRing>(fake.places[i].capacity, fake.places[i].lcore);
  }
  LiveRun run(std::make_unique<FakeSource>(fake), two_cells());
  SyntheticOptions options = lifetime(SyntheticStrategy::kStrict, 0, 1'000'000);
  options.events = 200'000;
  int calls = 0;
  SyntheticRun(options).run([&](std::uint16_t lcore, std::span<const Event> part,
                                std::uint64_t) { fake.record(lcore, part); },
                            [&](Ticks) {
                              if (++calls % 3 == 0) run.pull();
                              if (calls % 4 == 0) run.settle();
                            });
  fake.running = false;
  until_ended(run);
  ASSERT_EQ(run.cells().size(), 1u);
  const CellInfo info = run.cells().front();
  EXPECT_GT(info.lost, 1000u);
  const auto cell = *run.open_cell(0, {});
  const auto exposure = cell->exposure({info.whole, 50, {}});
  EXPECT_GT(exposure.unmaps->count, 1000u);
  EXPECT_EQ(exposure.unmaps->count, exposure.unmaps->zero_windows);
  EXPECT_EQ(exposure.pages->peak_stale, 0);
}

// A viewer that loses events across the border of two cells, while another ring keeps it from crossing.
TEST(LiveSorter, ALossOverTheBorderIsToldToBothCells) {
  constexpr Ticks kBorder = 100'000'000;
  SegmentInfo info;
  info.ns_per_tick = 1;
  const std::vector<RingPlace> places{{1, RingRole::kEngine, 64},
                                      {0, RingRole::kGuest, 64},
                                      {kRecorderLcore, RingRole::kRecorder, 64}};
  const auto name = [](void*, std::uint32_t cell, std::uint32_t) {
    CellInfo of;
    of.label = std::to_string(cell);
    return of;
  };
  LiveSorter sorter(info, places, {false, false, false}, {}, name, nullptr);
  std::vector<std::shared_ptr<LiveCell>> cells;
  const auto event = [](Ticks at, EventKind kind, std::uint32_t id = 0) {
    return Event{at, kind, 0, 0, id, 0x1000, 4096};
  };
  sorter.sort({{2, {event(1000, EventKind::kMark, 0)}, 0, true},
               {1, {event(2000, EventKind::kKick), event(3000, EventKind::kKick)}, 0, true}},
              false, cells);
  // The next cell's mark is known, but the engine's ring is behind; the guest's has lost all around the border.
  sorter.sort({{0, {event(kBorder - 50'000'000, EventKind::kKick)}, 0, false},
               {1, {event(kBorder + 1000, EventKind::kKick)}, 5, true},
               {2, {event(kBorder, EventKind::kMark, 1)}, 0, true}},
              false, cells);
  sorter.sort({{0, {event(kBorder + 2000, EventKind::kKick)}, 0, true},
               {2, {event(kBorder + 50'000'000, EventKind::kSample)}, 0, true}},
              false, cells);
  sorter.sort({}, true, cells);
  ASSERT_EQ(cells.size(), 2u);
  EXPECT_GE(cells[0]->info().lost, 5u);
  EXPECT_GE(cells[1]->info().lost, 1u);
  const CellInfo second = cells[1]->info();
  EXPECT_EQ(cells[1]->count_events(second.whole, {}), second.kept_events);
  EXPECT_EQ(second.events, 4u) << "its mark, two kicks, a sample";
}

// A backlog that takes several pulls is shown as if it had been read at once.
TEST(LiveRun, A4_ABacklogIsShownInOrderOfTime) {
  const auto calls_of = [](bool at_once) {
    FakeRun fake;
    if (!at_once) {
      // Room for everything, so that nothing is lost while nobody looks.
      for (std::size_t i = 0; i < fake.rings.size(); ++i) {
        fake.places[i].capacity = 1 << 20;
        fake.rings[i] = std::make_unique<EventRing>(1 << 20, fake.places[i].lcore);
      }
    }
    LiveRun run(std::make_unique<FakeSource>(fake), two_cells());
    SyntheticOptions options = lifetime(SyntheticStrategy::kLazy, 0, 1'000'000);
    options.events = 4 * LiveRun::kMostAPull;
    const auto pull = [&run] {
      run.pull();
      run.settle();
    };
    SyntheticRun(options).run([&](std::uint16_t lcore, std::span<const Event> part,
                                  std::uint64_t) { fake.record(lcore, part); },
                              [&](Ticks) {
                                if (at_once) pull();
                              });
    fake.running = false;
    until_ended(run);
    const auto cell = *run.open_cell(0, {});
    EXPECT_FALSE(cell->info().live);
    const Overview overview = cell->overview({0, cell->info().whole.to}, 200);
    EXPECT_EQ(cell->info().lost, 0u);
    std::vector<std::uint64_t> calls;
    for (const Column& column : overview.operations_per_s) calls.push_back(column.count);
    return calls;
  };
  EXPECT_EQ(calls_of(false), calls_of(true));
}

TEST(LiveRun, A1_QuestionsAndPullsDoNotDisturbEachOther) {
  FakeRun fake;
  LiveRun run(std::make_unique<FakeSource>(fake), two_cells());
  std::atomic<bool> stop{false};
  std::vector<std::thread> askers;
  std::atomic<std::uint64_t> asked{0};
  SyntheticRun one(lifetime(SyntheticStrategy::kLazy, 0, 1'000'000));
  one.run([&](std::uint16_t lcore, std::span<const Event> part,
              std::uint64_t) { fake.record(lcore, part); },
          [&](Ticks) {
            run.pull();
            if (!askers.empty()) return;
            run.settle();
            if (run.cells().empty()) return;
            const auto cell = *run.open_cell(0, {});
            for (int i = 0; i < 2; ++i) {
              askers.emplace_back([&, cell] {
                while (!stop) {
                  const TimeWindow whole = cell->info().whole;
                  cell->overview(whole, 64);
                  cell->churn({whole, IovaRange::all(), 16, 16, {}});
                  cell->exposure({whole, 64, {}});
                  cell->latency({whole, Operation::kMap, 64, {}});
                  cell->events(whole, {}, 0, 10);
                  cell->page_lifetimes(Iova{0xffffe000}, whole.to / 2, 4);
                  cell->topology(whole.to / 2, 10);
                  ++asked;
                }
              });
            }
          });
  while (asked < 4) std::this_thread::yield();
  stop = true;
  for (std::thread& asker : askers) asker.join();
  run.settle();
  EXPECT_GE(asked, 4u);
}

TEST(LiveCell, B1_TheOldestEventsAreForgottenAndThePyramidKeepsThem) {
  CellInfo info;
  LiveCell cell(info, 1'000'000, 0.5, true, 5'000);
  std::uint64_t events = 0;
  std::vector<std::pair<std::uint16_t, std::vector<Event>>> waiting;
  SyntheticRun(lifetime(SyntheticStrategy::kLazy, 0, 1'000'000))
      .run(
          [&](std::uint16_t lcore, std::span<const Event> part, std::uint64_t) {
            waiting.emplace_back(lcore, std::vector(part.begin(), part.end()));
          },
          [&](Ticks until) {
            std::vector<LiveCell::Batch> batches;
            for (const auto& [lcore, part] : waiting) {
              batches.push_back({lcore, part, 0});
              events += part.size();
            }
            cell.advance(batches, until);
            waiting.clear();
          });
  cell.end();
  const CellInfo now = cell.info();
  EXPECT_EQ(now.events, events);
  EXPECT_LE(now.kept_events, 5'000u + 4'096u);
  EXPECT_EQ(cell.count_events(now.whole, {}), now.kept_events);
  const Overview overview = cell.overview(now.whole, 64);
  std::uint64_t calls = 0;
  for (const Column& column : overview.operations_per_s) calls += column.count;
  EXPECT_GT(calls, 5'000u);
}

// The whole way: a segment as a run makes it, found through the directory and mapped read-only.
TEST(AttachLive, FindsTheRunOfADirectoryAndReadsItsRings) {
  TestFolder folder;
  EXPECT_FALSE(attach_live(folder.path().string()));
  const std::vector<RingPlace> places{{1, RingRole::kEngine, 1 << 15},
                                      {2, RingRole::kGuest, 1 << 15},
                                      {3, RingRole::kEndpoints, 1 << 15},
                                      {kRecorderLcore, RingRole::kRecorder, 1 << 12}};
  SegmentInfo info;
  info.ns_per_tick = 0.5;
  info.run_id = "a run";
  info.run_directory = folder.path().string();
  const auto segment = RunSegment::create(info, places);
  ASSERT_TRUE(segment) << segment.error().message;
  auto mark = results::LiveMark::make(folder.path(), (*segment)->fd());
  ASSERT_TRUE(mark) << mark.error().message;
  const auto run = attach_live(folder.path().string());
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ((*run)->name(), "a run");
  EXPECT_TRUE((*run)->alive());
  SyntheticRun(lifetime(SyntheticStrategy::kStrict, 0, 1'000'000))
      .run([&](std::uint16_t lcore, std::span<const Event> part, std::uint64_t) {
        for (std::size_t i = 0; i < places.size(); ++i) {
          if (places[i].lcore != lcore) continue;
          for (const Event& event : part) {
            (*segment)->ring(i).record(event);
            Event taken;
            (*segment)->ring(i).drain({&taken, 1});
          }
        }
      });
  auto& live = dynamic_cast<LiveRun&>(**run);
  live.pull();
  live.settle();
  ASSERT_EQ(live.cells().size(), 1u);
  EXPECT_TRUE(live.cells()[0].live);
  const auto cell = live.open_cell(0, {});
  ASSERT_TRUE(cell);
  EXPECT_GT((*cell)->exposure({(*cell)->info().whole, 10, {}}).unmaps->count, 1000u);
}

}  // namespace
}  // namespace violet::query
