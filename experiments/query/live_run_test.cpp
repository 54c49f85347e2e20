// The live feed over a source that a test holds in its hand.
#include "experiments/query/live_run.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "engine/base/rng.hpp"
#include "engine/base/test_folder_testing.hpp"
#include "engine/telemetry/event_ring.hpp"
#include "experiments/query/recorded_run.hpp"
#include "experiments/query/synthetic_run.hpp"
#include "experiments/results/live_mark.hpp"

namespace violet::query {
namespace {

// Rings in this process, as a run has them in its segment.
struct FakeRings {
  FakeRings() {
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
  LiveSource::Ending ending{false, "the test ended it"};
  std::optional<SegmentStatus> status = SegmentStatus{.cell = 1, .phase = Phase::kMeasure};
  std::atomic<Ticks> now{0};
  // Called before each read of a ring, with its index: what happens while a viewer reads.
  std::function<void(std::size_t)> meanwhile = [](std::size_t) {};
};

class FakeSource : public LiveSource {
 public:
  explicit FakeSource(FakeRings& run) : run_(run) {
    for (const auto& ring : run.rings) observers_.emplace_back(*ring);
  }
  const SegmentInfo& info() const override { return run_.info; }
  const std::vector<RingPlace>& rings() const override { return run_.places; }
  std::size_t read(std::size_t ring, std::span<Event> out) override {
    run_.meanwhile(ring);
    return observers_[ring].read(out);
  }
  std::uint64_t missed(std::size_t ring) const override { return observers_[ring].missed(); }
  std::uint64_t lost(std::size_t ring) const override {
    return observers_[ring].lost() + observers_[ring].dropped();
  }
  std::optional<SegmentStatus> status() const override { return run_.status; }
  bool running() const override { return run_.running; }
  Ending ending() const override { return run_.ending; }
  Ticks now() const override { return run_.now; }

 private:
  FakeRings& run_;
  std::vector<RingObserver> observers_;
};

std::vector<CellInfo> two_cells() {
  std::vector<CellInfo> cells(2);
  cells[0].label = "strict";
  cells[1].label = "lazy";
  return cells;
}

// Takes the rest of a run that ends; a slow machine takes less at a time.
void until_ended(LiveRun& run) {
  while (run.progress().state == RunProgress::State::kRunning) {
    run.pull();
    run.settle();
    std::this_thread::yield();
  }
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
  FakeRings fake;
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
  EXPECT_EQ(run.progress().state, RunProgress::State::kRunning);
  fake.running = false;
  until_ended(run);
  EXPECT_EQ(run.progress().state, RunProgress::State::kEnded);
  EXPECT_EQ(run.progress().how, "the test ended it");
  const auto cells = run.cells();
  ASSERT_EQ(cells.size(), 2u);
  EXPECT_EQ(cells[0].label, "strict");
  EXPECT_EQ(cells[1].label, "lazy");
  EXPECT_FALSE(cells[0].live);
  EXPECT_FALSE(cells[1].live);
  EXPECT_EQ(cells[0].events + cells[1].events, events);
  EXPECT_FALSE(cells[0].lossy());
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
  FakeRings fake;
  std::unique_ptr<LiveRun> run;
  std::uint64_t recorded = 0, looked = 0;
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
        if (run->cells().empty()) return;
        const auto now = *run->open_cell(0, {});
        const TopologyState topology = now->topology(now->info().whole.to);
        for (const auto& domain : topology.domains) {
          EXPECT_FALSE(domain.mapping_count) << "while it goes on: " << *domain.mapping_count;
        }
        for (const auto& endpoint : topology.endpoints) {
          looked += 1;
          // None was seen to leave its domain so far.
          const bool none = endpoint.attachment && !endpoint.attachment->domain;
          EXPECT_FALSE(none && now->info().live) << endpoint.id;
        }
      });
  fake.running = false;
  until_ended(*run);
  ASSERT_EQ(run->cells().size(), 1u);
  const CellInfo info = run->cells().front();
  EXPECT_EQ(info.label, "lazy");
  EXPECT_TRUE(info.lossy());
  const auto cell = run->open_cell(0, {});
  ASSERT_TRUE(cell);
  const Overview overview = (*cell)->overview(info.whole, 50);
  EXPECT_TRUE(std::any_of(overview.operations_per_s.begin(), overview.operations_per_s.end(),
                          [](const Column& column) { return column.gap; }));
  // The endpoint's domain is found again from what the engine maps.
  EXPECT_GT((*cell)->exposure({info.whole, 50, {}}).unmaps->count, 100u);
  // What was mapped before is not known, and not none.
  EXPECT_GT(looked, 0u);
  const TopologyState topology = (*cell)->topology(info.whole.to);
  ASSERT_FALSE(topology.domains.empty());
  for (const auto& domain : topology.domains) {
    EXPECT_FALSE(domain.mapping_count) << domain.id << ": " << *domain.mapping_count;
  }
  EXPECT_EQ(topology.because, "events were lost before");
}

// The marks of a run are few and stay in their ring when the lcores' events have long been overwritten: the
// attaching of the endpoint, for one.
TEST(LiveRun, WhoComesLateAndStillSeesTheMarkKnowsWhatIsMissing) {
  FakeRings fake;
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
  EXPECT_TRUE(info.lossy());
  EXPECT_LT(info.events, recorded);
  const auto cell = run->open_cell(0, {});
  ASSERT_TRUE(cell);
  EXPECT_GT((*cell)->exposure({info.whole, 50, {}}).unmaps->count, 1000u);
}

// The rings of a real run hold more than one pull takes.
TEST(LiveRun, WhoComesLateSortsTheBacklogIn) {
  FakeRings fake;
  for (std::size_t i = 0; i < fake.rings.size(); ++i) {
    fake.places[i].capacity = 1 << 16;
    fake.rings[i] = std::make_unique<EventRing>(1 << 16, fake.places[i].lcore);
  }
  SyntheticOptions options = lifetime(SyntheticStrategy::kStrict, 0, 1'000'000);
  options.events = 8 << 16;
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
  FakeRings fake;
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

// A backlog that takes several pulls is shown as if it had been read at once.
TEST(LiveRun, A4_ABacklogIsShownInOrderOfTime) {
  const auto calls_of = [](bool at_once) {
    FakeRings fake;
    if (!at_once) {
      // Room for everything, so that nothing is lost while nobody looks.
      for (std::size_t i = 0; i < fake.rings.size(); ++i) {
        fake.places[i].capacity = 1 << 20;
        fake.rings[i] = std::make_unique<EventRing>(1 << 20, fake.places[i].lcore);
      }
    }
    LiveRun run(std::make_unique<FakeSource>(fake), two_cells());
    SyntheticOptions options = lifetime(SyntheticStrategy::kLazy, 0, 1'000'000);
    options.events = LiveRun::kMostAPull * 3 / 2;  // A backlog of more than one pull.
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
    EXPECT_FALSE(cell->info().lossy());
    std::vector<std::uint64_t> calls;
    for (const Column& column : overview.operations_per_s) calls.push_back(column.count);
    return calls;
  };
  EXPECT_EQ(calls_of(false), calls_of(true));
}

TEST(LiveRun, A1_QuestionsAndPullsDoNotDisturbEachOther) {
  FakeRings fake;
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

// Rings of a run whose cells follow each other without a pause, as fast as the lcores can.
class QuickRun {
 public:
  explicit QuickRun(FakeRings& fake) : fake_(fake) {}
  Event kick() { return {++now_, EventKind::kKick, 0, 0, 0x28, 0, 0}; }
  void mark(std::uint32_t cell, Phase phase) {
    const Event event = MarkEvent{cell, 0, phase}.event(++now_);
    fake_.record(kRecorderLcore, {&event, 1});
  }
  // Cell `number` with so many events of each of two lcores and three marks.
  void cell(std::uint32_t number, std::uint64_t events) {
    mark(number, Phase::kStart);
    mark(number, Phase::kMeasure);
    for (std::uint64_t i = 0; i < events; ++i) {
      const Event engine = kick(), guest = kick();
      fake_.record(1, {&engine, 1});
      fake_.record(2, {&guest, 1});
    }
    mark(number, Phase::kEnd);
  }

 private:
  FakeRings& fake_;
  Ticks now_ = 1'000'000;
};

// The next cell's events come into the rings between the reads of a pull, in every way: ring 0 is the engine's and is
// read after the recorder's, ring 3.
TEST(LiveRun, EveryCellHasItsFinalNumberOfEventsWheneverTheNextBegins) {
  constexpr std::uint32_t kCells = 6;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    FakeRings fake;
    QuickRun quick(fake);
    LiveRun run(std::make_unique<FakeSource>(fake), two_cells());
    std::uint32_t cell = 0;
    Rng rng(seed);
    fake.meanwhile = [&](std::size_t) {
      if (cell < kCells && rng.chance(0.3)) quick.cell(cell++, 50);
    };
    while (cell < kCells) {
      run.pull();
      if (rng.chance(0.5)) run.settle();
    }
    fake.running = false;
    until_ended(run);
    const auto cells = run.cells();
    ASSERT_EQ(cells.size(), kCells) << "seed " << seed;
    for (const CellInfo& info : cells) {
      EXPECT_EQ(info.events, 103u) << "seed " << seed;
      EXPECT_FALSE(info.lossy());
      EXPECT_FALSE(info.live);
      EXPECT_EQ(info.notice, "");
    }
  }
}

TEST(LiveRun, EveryCellEndsWhileAnotherThreadMeasuresTheNext) {
  constexpr std::uint32_t kCells = 20;
  FakeRings fake;
  LiveRun run(std::make_unique<FakeSource>(fake), two_cells());
  std::thread measuring([&fake] {
    QuickRun quick(fake);
    for (std::uint32_t cell = 0; cell < kCells; ++cell) quick.cell(cell, 100 + cell);
    fake.running = false;
  });
  until_ended(run);
  measuring.join();
  const auto cells = run.cells();
  ASSERT_EQ(cells.size(), kCells);
  for (std::uint32_t cell = 0; cell < kCells; ++cell) {
    EXPECT_EQ(cells[cell].events, 2 * (100 + cell) + 3);
    EXPECT_FALSE(cells[cell].lossy());
    EXPECT_FALSE(cells[cell].live);
  }
}

// The rings hold less than a cell: whoever looks rarely loses most, and still sees every cell begin and end.
TEST(LiveRun, CellsAppearAndEndHoweverMuchOfThemIsLost) {
  FakeRings fake;
  for (std::size_t i = 0; i < fake.rings.size(); ++i) {
    fake.places[i].capacity = 64;
    fake.rings[i] = std::make_unique<EventRing>(64, fake.places[i].lcore);
  }
  QuickRun quick(fake);
  LiveRun run(std::make_unique<FakeSource>(fake), two_cells());
  for (std::uint32_t cell = 0; cell < 6; ++cell) {
    quick.cell(cell, 1000);
    run.pull();
    run.settle();
  }
  fake.running = false;
  until_ended(run);
  const auto cells = run.cells();
  ASSERT_EQ(cells.size(), 6u);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    EXPECT_FALSE(cells[i].live);
    EXPECT_TRUE(cells[i].lossy()) << i;
    EXPECT_LT(cells[i].events, 2003u) << i;
  }
}

// Nobody takes what is in the rings, so that they are full when the cell changes.
TEST(LiveRun, AFullRingAtAChangeOfCellsIsALossAndNoStandstill) {
  FakeRings fake;
  fake.places[0].capacity = 64;
  fake.rings[0] = std::make_unique<EventRing>(64, 1);
  QuickRun quick(fake);
  LiveRun run(std::make_unique<FakeSource>(fake), two_cells());
  quick.mark(0, Phase::kStart);
  for (int i = 0; i < 100; ++i) fake.rings[0]->record(quick.kick());
  quick.mark(0, Phase::kEnd);
  run.pull();
  quick.cell(1, 20);
  run.pull();
  run.settle();
  const auto cells = run.cells();
  ASSERT_EQ(cells.size(), 2u);
  EXPECT_FALSE(cells[0].live);
  EXPECT_FALSE(cells[1].live);
  EXPECT_TRUE(cells[0].lossy() || cells[1].lossy());
  EXPECT_LT(cells[0].events, 102u);
}

// One ring has more than anybody takes, another never has anything.
TEST(LiveRun, AViewerThatGetsLittleOfACpuShowsLessAndNotLater) {
  constexpr Ticks kStep = 1000;
  FakeRings fake;
  LiveRun run(std::make_unique<FakeSource>(fake), two_cells());
  Ticks at = 1'000'000;
  const auto mark = [&](Phase phase) {
    const Event event = MarkEvent{1, 0, phase}.event(at += kStep);
    fake.record(kRecorderLcore, {&event, 1});
  };
  mark(Phase::kStart);
  fake.meanwhile = [&](std::size_t ring) {
    if (ring != 0) return;
    for (int i = 0; i < 5000; ++i) {
      const Event event{at += kStep, EventKind::kKick, 0, 0, 0x28, 0, 0};
      fake.record(1, {&event, 1});
    }
    mark(Phase::kMeasure);
  };
  // Faster than anything is sorted. The recorder says what time it is, and then there is more to sort.
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 30; ++i) run.pull();
    run.settle();
  }
  fake.now = at;
  ASSERT_EQ(run.cell_count(), 1u);
  EXPECT_GT(run.cells()[0].events, 0u);
  // Of what was read last all is shown that is older than this pull, which is of 64 pieces at most.
  ASSERT_TRUE(run.progress().lag_s);
  EXPECT_LT(*run.progress().lag_s, 0.25);
}

TEST(LiveRun, AProcessThatIsKilledInTheMiddleIsToldFromOneThatEnded) {
  FakeRings fake;
  QuickRun quick(fake);
  LiveRun run(std::make_unique<FakeSource>(fake), two_cells());
  quick.cell(0, 10);
  quick.mark(1, Phase::kStart);
  for (int i = 0; i < 5; ++i) fake.ring_of(1).record(quick.kick());
  run.pull();
  run.settle();
  EXPECT_TRUE(run.cells().at(1).live);
  fake.ring_of(1).record(quick.kick());  // Recorded, and never looked at before it died.
  fake.status.reset();                   // It died while it wrote it.
  fake.ending = {true, "its process 1 is gone"};
  fake.running = false;
  until_ended(run);
  EXPECT_EQ(run.progress().state, RunProgress::State::kDied);
  EXPECT_EQ(run.progress().how, "its process 1 is gone");
  EXPECT_FALSE(run.progress().lag_s);
  const auto cells = run.cells();
  ASSERT_EQ(cells.size(), 2u);
  EXPECT_EQ(cells[0].events, 23u);
  EXPECT_EQ(cells[0].notice, "");
  EXPECT_EQ(cells[1].events, 7u);
  EXPECT_FALSE(cells[1].live);
  EXPECT_NE(cells[1].notice.find("its process 1 is gone"), std::string::npos) << cells[1].notice;
}

// A window that is seconds behind must not count down to the end of a run that is dead.
TEST(LiveRun, AProcessThatIsGoneIsSaidBeforeAllThatItLeftIsSorted) {
  for (const bool died : {true, false}) {
    FakeRings fake;
    fake.info.started_ticks = 1'000'000;
    fake.now = 8'000'000'000;
    QuickRun quick(fake);
    LiveRun run(std::make_unique<FakeSource>(fake), two_cells());
    quick.mark(0, Phase::kStart);
    fake.status->step = {3, 4};
    fake.status->share = 0.5;
    run.pull();
    ASSERT_EQ(run.progress().state, RunProgress::State::kRunning);
    EXPECT_TRUE(run.progress().remaining_s);
    EXPECT_EQ(run.progress().how, "");
    EXPECT_FALSE(run.progress().died);
    // It left something: a pull that reads some is not the last.
    for (int i = 0; i < 5; ++i) fake.ring_of(1).record(quick.kick());
    fake.ending = {died, died ? "its process 1 is gone" : "finished"};
    fake.running = false;
    run.pull();
    const RunProgress says = run.progress();
    EXPECT_EQ(says.state, RunProgress::State::kRunning);
    EXPECT_EQ(says.died, died);
    EXPECT_EQ(says.how, fake.ending.how);
    EXPECT_FALSE(says.remaining_s);
    until_ended(run);
    EXPECT_EQ(run.progress().state, died ? RunProgress::State::kDied : RunProgress::State::kEnded);
    EXPECT_EQ(run.progress().died, died);
    EXPECT_EQ(run.progress().how, fake.ending.how);
  }
}

// What was recorded between the last look and the end belongs to the numbers that are called final.
TEST(LiveRun, A5_ARunIsOverOnceAllThatItLeftHasBeenSorted) {
  FakeRings fake;
  QuickRun quick(fake);
  LiveRun run(std::make_unique<FakeSource>(fake), two_cells());
  run.pull();
  quick.cell(0, 1000);
  quick.cell(1, 1000);
  fake.running = false;
  while (run.progress().state == RunProgress::State::kRunning) {
    run.pull();
    std::this_thread::yield();
  }
  const auto cells = run.cells();
  ASSERT_EQ(cells.size(), 2u);
  EXPECT_EQ(cells[0].events + cells[1].events, 4006u);
}

TEST(LiveRun, ProgressIsWhatTheRunSaysAndNothingElse) {
  FakeRings fake;
  fake.info.started_ticks = 1'000'000;
  fake.now = 1'000'000;
  LiveRun run(std::make_unique<FakeSource>(fake), two_cells());
  run.pull();
  EXPECT_FALSE(run.progress().step) << "it did not say";
  EXPECT_FALSE(run.progress().remaining_s);
  fake.status->step = {2, 6};
  fake.status->share = 0.25;
  fake.now = 1'000'000 + 4'000'000'000;  // 2 s of 0.5 ns.
  run.pull();
  ASSERT_TRUE(run.progress().step);
  EXPECT_EQ(run.progress().step->number, 2u);
  EXPECT_EQ(run.progress().step->of, 6u);
  ASSERT_TRUE(run.progress().remaining_s);
  EXPECT_DOUBLE_EQ(*run.progress().remaining_s, 6);
  fake.status.reset();  // It is just being changed.
  run.pull();
  EXPECT_EQ(run.progress().step->number, 2u);
  fake.running = false;
  until_ended(run);
  EXPECT_FALSE(run.progress().remaining_s);
}

TEST(LiveRun, LagIsTheAgeOfWhatIsShownAndNothingBetweenTwoCells) {
  FakeRings fake;
  QuickRun quick(fake);
  fake.now = 1'000'000;
  LiveRun run(std::make_unique<FakeSource>(fake), two_cells());
  const auto pull = [&run] {
    run.pull();
    run.settle();
  };
  pull();
  EXPECT_FALSE(run.progress().lag_s) << "no cell has begun";
  quick.mark(0, Phase::kStart);
  fake.now = 1'000'000 + 2'000'000'000;  // 1 s of 0.5 ns, in which the recorder said nothing.
  pull();
  ASSERT_TRUE(run.progress().lag_s);
  EXPECT_NEAR(*run.progress().lag_s, 1, 0.02);
  fake.now = 1'000'000 + 4'000'000'000;
  EXPECT_NEAR(*run.progress().lag_s, 2, 0.02) << "also when nobody pulls";
  quick.mark(0, Phase::kEnd);
  pull();
  EXPECT_FALSE(run.progress().lag_s);
  // The next cell was recorded, and nothing of it was read: late by all that time.
  quick.mark(1, Phase::kStart);
  run.pull();
  run.settle();
  fake.now = 1'000'000 + 6'000'000'000;
  EXPECT_GE(*run.progress().lag_s, 2);
}

TEST(LiveRun, ACellThatThePlanLacksHasItsNumberForAName) {
  FakeRings fake;
  QuickRun quick(fake);
  LiveRun run(std::make_unique<FakeSource>(fake), two_cells());
  quick.cell(7, 1);
  run.pull();
  run.settle();
  ASSERT_EQ(run.cell_count(), 1u);
  EXPECT_EQ(run.cells()[0].label, "cell 7");
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
  cell.end({});
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
  EXPECT_EQ((*run)->progress().state, RunProgress::State::kRunning);
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
  EXPECT_FALSE(live.cells()[0].live) << "its last mark was read";
  EXPECT_EQ(live.progress().state, RunProgress::State::kRunning);
  const auto cell = live.open_cell(0, {});
  ASSERT_TRUE(cell);
  EXPECT_GT((*cell)->exposure({(*cell)->info().whole, 10, {}}).unmaps->count, 1000u);
}

}  // namespace
}  // namespace violet::query
