#include "experiments/trace/aggregation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/base/flat_table.hpp"
#include "engine/base/rng.hpp"
#include "engine/base/test_folder_testing.hpp"
#include "experiments/trace/event_order.hpp"
#include "experiments/trace/lifetime_tracker.hpp"
#include "experiments/trace/log_bins.hpp"
#include "experiments/trace/pyramid_file.hpp"

namespace violet::fold_test {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint16_t kEngine = 1, kGuest = 2;

struct Lcores {
  std::vector<Event> engine, guest;
};

// Lazy unmaps of 64 buffers of one or two pages in turn, in batches of 16.
Lcores lazy_life(std::size_t calls) {
  Lcores out;
  Ticks now = 1000;
  out.engine.push_back({now, EventKind::kAttach, 0, 0, 7, 1, 0});
  std::vector<std::uint64_t> waiting;
  const auto first_of = [](std::uint64_t buffer) { return (0x100 + 2 * (buffer % 64)) * kPage; };
  const auto engine = [&](EventKind kind, std::uint64_t buffer) {
    now += 40;
    out.engine.push_back({now, kind, 3, 0, 1, first_of(buffer), first_of(buffer) + 2 * kPage - 1});
  };
  const auto guest = [&](EventKind kind, std::uint64_t buffer) {
    now += 60;
    out.guest.push_back({now, kind, 3 | 3 << 2, pack_ticks(200 + buffer % 90), 7, first_of(buffer),
                         (kPage + 1) | (buffer % 32) << 32});
  };
  for (std::uint64_t i = 0; i < calls; ++i) {
    engine(EventKind::kMapDone, i);
    guest(EventKind::kDmaMap, i);
    if (i >= 16) {
      guest(EventKind::kDmaUnmap, i - 16);
      waiting.push_back(i - 16);
    }
    if (waiting.size() < 16) continue;
    for (const std::uint64_t buffer : waiting) engine(EventKind::kUnmapExecuted, buffer);
    for (const std::uint64_t buffer : waiting) engine(EventKind::kUnmapCompleted, buffer);
    waiting.clear();
  }
  return out;
}

Pyramid aggregate_all(const Lcores& lcores, std::size_t step,
                      const AggregationOptions& options = {}) {
  Aggregation aggregation(options);
  std::size_t e = 0, g = 0;
  while (e < lcores.engine.size() || g < lcores.guest.size()) {
    const std::size_t engine = std::min(step, lcores.engine.size() - e);
    const std::size_t guest = std::min(2 * step, lcores.guest.size() - g);
    aggregation.add(kEngine, std::span(lcores.engine).subspan(e, engine));
    aggregation.add(kGuest, std::span(lcores.guest).subspan(g, guest));
    e += engine;
    g += guest;
    aggregation.advance(std::min(e < lcores.engine.size() ? lcores.engine[e].at : ~Ticks{0},
                                 g < lcores.guest.size() ? lcores.guest[g].at : ~Ticks{0}));
  }
  EXPECT_LE(aggregation.pending(), 0u);
  aggregation.finish();
  return aggregation.pyramid();
}

TEST(FlatTable, BehavesAsAMap) {
  Rng rng(3);
  FlatTable<std::uint64_t> table;
  std::unordered_map<std::uint64_t, std::uint64_t> map;
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t key = rng.below(500) << rng.below(3) * 20;
    if (rng.chance(0.5)) {
      EXPECT_EQ(table.insert(key, key + 1).second, map.emplace(key, key + 1).second);
    } else {
      table.erase(key);
      map.erase(key);
    }
    const std::uint64_t other = rng.below(500);
    EXPECT_EQ(table.find(other) != nullptr, map.contains(other));
    EXPECT_EQ(table.size(), map.size());
  }
  std::size_t seen = 0;
  table.for_each([&](std::uint64_t key, std::uint64_t value) {
    EXPECT_EQ(map.at(key), value);
    ++seen;
  });
  EXPECT_EQ(seen, map.size());
}

TEST(LogBins, ABinHoldsWhatLiesBetweenItsBounds) {
  for (std::size_t bin = 0; bin < LogBins::kCount; ++bin) {
    EXPECT_LT(LogBins::low(bin), LogBins::low(bin + 1));
    EXPECT_EQ(LogBins::of(LogBins::low(bin)), bin);
    EXPECT_EQ(LogBins::of(LogBins::low(bin + 1) * 0.9999), bin);
  }
  EXPECT_EQ(LogBins::of(0), 0u);
  EXPECT_EQ(LogBins::of(-1), 0u);
  EXPECT_EQ(LogBins::of(1e300), LogBins::kCount - 1);
}

TEST(EventMerge, M1_TheEngineComesFirstAtTheSameInstant) {
  const std::vector<Event> guest{{5, EventKind::kDmaMap, 0, 0, 1, 0, 0},
                                 {9, EventKind::kDmaUnmap, 0, 0, 1, 0, 0}};
  const std::vector<Event> engine{{5, EventKind::kMapDone, 0, 0, 1, 0, 0},
                                  {7, EventKind::kUnmapExecuted, 0, 0, 1, 0, 0},
                                  {9, EventKind::kUnmapCompleted, 0, 0, 1, 0, 0}};
  std::vector<MergeCursor> cursors{{guest.data(), guest.data() + guest.size()},
                                   {engine.data(), engine.data() + engine.size()}};
  std::vector<EventKind> order;
  merge_events(
      std::span(cursors), 9, false, [](std::size_t, MergeCursor&) {},
      [&](std::size_t, const Event& event) {
        order.push_back(event.kind);
        return true;
      });
  EXPECT_EQ(order,
            (std::vector{EventKind::kMapDone, EventKind::kDmaMap, EventKind::kUnmapExecuted}));
}

TEST(Aggregation, N2_HowEventsWereCutMakesNoDifference) {
  const Lcores lcores = lazy_life(3000);
  const Pyramid a = aggregate_all(lcores, 7), b = aggregate_all(lcores, 900);
  ASSERT_EQ(a.buckets.size(), b.buckets.size());
  EXPECT_EQ(
      std::memcmp(a.buckets.data(), b.buckets.data(), a.buckets.size() * sizeof(PyramidBucket)), 0);
  ASSERT_EQ(a.windows.size(), b.windows.size());
  EXPECT_EQ(std::memcmp(a.windows.data(), b.windows.data(), a.windows.size() * sizeof(BinCell)), 0);
  for (std::size_t i = 0; i < kChurnGrids; ++i) EXPECT_EQ(a.churn[i].size(), b.churn[i].size());
  EXPECT_EQ(a.facts.events, lcores.engine.size() + lcores.guest.size());
  EXPECT_EQ(a.facts.reordered, 0u);
  EXPECT_EQ(a.facts.unmatched, 0u);
}

TEST(Aggregation, N1_BucketsCellsAndCheckpointsStayBounded) {
  const Pyramid pyramid =
      aggregate_all(lazy_life(60'000), 500, {.most_buckets = 256, .most_cells = 1024});
  EXPECT_LE(pyramid.buckets.size(), 256u);
  EXPECT_GT(pyramid.buckets.size(), 127u);
  for (std::size_t i = 0; i < kChurnGrids; ++i) {
    EXPECT_LE(pyramid.churn[i].size() + pyramid.spans[i].size(), 2048u);
    std::uint64_t maps = 0, unmaps = 0;
    for (const ChurnCell& cell : pyramid.churn[i]) {
      maps += cell.maps;
      unmaps += cell.unmaps;
    }
    EXPECT_EQ(maps, 60'000u);
    EXPECT_EQ(unmaps, 60'000u - 16);
  }
  EXPECT_EQ(pyramid.used.size(), 1u);
  EXPECT_EQ(pyramid.used[0].first, 0x100u);
  EXPECT_EQ(pyramid.used[0].last, 0x100u + 127);
}

struct Totals {
  std::uint64_t events = 0, unmaps = 0, maps = 0;
  double live = 0;
};

Totals totals_of(const Pyramid& pyramid) {
  Totals totals;
  for (const PyramidBucket& bucket : pyramid.buckets) {
    for (const std::uint32_t count : bucket.kinds) totals.events += count;
    totals.unmaps += bucket.unmaps;
    totals.live += bucket.live.integral;
  }
  for (const ChurnCell& cell : pyramid.churn[1]) totals.maps += cell.maps;
  return totals;
}

Aggregation aggregated(const Lcores& lcores) {
  Aggregation aggregation(AggregationOptions{});
  aggregation.add(kEngine, lcores.engine);
  aggregation.add(kGuest, lcores.guest);
  aggregation.finish();
  return aggregation;
}

TEST(Aggregation, FitsIntoWhatItMayTakeAndLosesNoEvent) {
  const Lcores lcores = lazy_life(60'000);
  Aggregation whole = aggregated(lcores);
  const Totals before = totals_of(whole.pyramid());
  const std::uint64_t natural = stored_bytes(whole.pyramid().view());
  for (const std::uint64_t bytes : {natural, natural - 1, natural / 3, natural / 20, 32ul << 10}) {
    Aggregation aggregation = aggregated(lcores);
    ASSERT_TRUE(aggregation.fit(bytes, ~Ticks{0})) << bytes;
    const Pyramid& pyramid = aggregation.pyramid();
    EXPECT_LE(stored_bytes(pyramid.view()), bytes);
    EXPECT_EQ(stored_bytes(pyramid.view()) == natural, bytes == natural);
    const Totals after = totals_of(pyramid);
    EXPECT_EQ(after.events, before.events) << bytes;
    EXPECT_EQ(after.unmaps, before.unmaps) << bytes;
    EXPECT_EQ(after.maps, before.maps) << bytes;
    EXPECT_NEAR(after.live, before.live, before.live * 1e-9) << bytes;
    EXPECT_FALSE(pyramid.checkpoints.empty());
    // What was stored is read.
    const TestFolder folder;
    ASSERT_TRUE(append_pyramid(folder.path() / "p", 0, 0, pyramid));
    EXPECT_EQ(std::filesystem::file_size(folder.path() / "p"), stored_bytes(pyramid.view()));
    const auto file = PyramidFile::open(folder.path() / "p");
    ASSERT_TRUE(file);
    const auto read = file->read(0);
    EXPECT_TRUE(read) << (read ? "" : read.error().message);
  }
  Aggregation aggregation = aggregated(lcores);
  EXPECT_FALSE(aggregation.fit(1000, ~Ticks{0}));
}

// Nothing can be replayed where no event is kept.
TEST(Aggregation, WhatHelpsWithEventsThatNobodyHasGoesFirst) {
  const Lcores lcores = lazy_life(60'000);
  const Ticks middle = lcores.guest[lcores.guest.size() / 2].at;
  Aggregation whole = aggregated(lcores), half = aggregated(lcores);
  const Pyramid& all = whole.pyramid();
  ASSERT_GT(all.checkpoints.size(), 3u);
  ASSERT_TRUE(half.fit(stored_bytes(all.view()) - 1, middle));
  const Pyramid& kept = half.pyramid();
  EXPECT_EQ(kept.buckets.size(), all.buckets.size());
  const auto before =
      std::count_if(all.checkpoints.begin(), all.checkpoints.end(),
                    [&](const Checkpoint& one) { return one.at < middle - all.facts.start; });
  ASSERT_EQ(kept.checkpoints.size(), static_cast<std::size_t>(before));
  for (std::size_t i = 0; i < kept.checkpoints.size(); ++i) {
    EXPECT_EQ(kept.checkpoints[i].at, all.checkpoints[i].at);
    EXPECT_EQ(kept.checkpoints[i].lifetimes.count, all.checkpoints[i].lifetimes.count);
  }
  EXPECT_LT(kept.lifetimes.size(), all.lifetimes.size());
  for (const FirstMap& one : kept.first_maps) EXPECT_LT(one.at, middle);
}

TEST(Aggregation, LiveTimeIsAccountedForWholly) {
  // One page, live for a long time in one piece: what cells and spans say must add up to it.
  Aggregation aggregation({.most_buckets = 64, .most_cells = 256});
  std::vector<Event> events{{0, EventKind::kAttach, 0, 0, 7, 1, 0},
                            {100, EventKind::kDmaMap, 15, 0, 7, 5 * kPage, kPage}};
  for (Ticks at = 1000; at < 1'000'000; at += 1000) {
    events.push_back({at, EventKind::kKick, 0, 0, 0, 0, 0});
  }
  events.push_back({1'000'100, EventKind::kDmaUnmap, 15, 0, 7, 5 * kPage, kPage});
  events.push_back({1'500'100, EventKind::kUnmapExecuted, 3, 0, 1, 5 * kPage, 6 * kPage - 1});
  events.push_back({1'600'100, EventKind::kUnmapCompleted, 3, 0, 1, 5 * kPage, 6 * kPage - 1});
  aggregation.add(1, events);
  aggregation.finish();
  const Pyramid& pyramid = aggregation.pyramid();
  for (std::size_t i = 0; i < kChurnGrids; ++i) {
    if (pyramid.facts.grids[i].time_shift == 0) continue;
    double live = 0, stale = 0;
    for (const ChurnCell& cell : pyramid.churn[i]) {
      live += static_cast<double>(cell.live);
      stale += static_cast<double>(cell.stale);
    }
    for (const ChurnSpan& span : pyramid.spans[i]) {
      (span.stale != 0 ? stale : live) += static_cast<double>(span.to - span.from);
    }
    EXPECT_NEAR(live, 1'000'000, 1) << i;
    EXPECT_NEAR(stale, 600'000, 1) << i;
  }
}

TEST(Aggregation, LostEventsMarkTheTimeInWhichTheyAreMissing) {
  Aggregation aggregation({.most_buckets = 64});
  std::vector<Event> before, after;
  for (Ticks at = 0; at < 20'000; at += 500)
    before.push_back({at, EventKind::kKick, 0, 0, 0, 0, 0});
  for (Ticks at = 40'000; at < 60'000; at += 500)
    after.push_back({at, EventKind::kKick, 0, 0, 0, 0, 0});
  aggregation.add(1, before);
  aggregation.add(1, after, 12);
  aggregation.finish();
  const Pyramid& pyramid = aggregation.pyramid();
  std::uint64_t lost = 0;
  for (std::size_t i = 0; i < pyramid.buckets.size(); ++i) {
    const Ticks from = static_cast<Ticks>(i) << pyramid.facts.shift;
    const Ticks to = from + (Ticks{1} << pyramid.facts.shift);
    EXPECT_EQ(pyramid.buckets[i].gap, to > 19'500 && from <= 40'000 ? 1u : 0u) << i;
    lost += pyramid.buckets[i].lost;
  }
  EXPECT_EQ(lost, 12u);
  EXPECT_EQ(pyramid.facts.lost, 12u);
}

TEST(Aggregation, OneLcoreWithTwoRingsIsMerged) {
  Aggregation aggregation({});
  const std::vector<Event> one{{10, EventKind::kKick, 0, 0, 0, 0, 0},
                               {30, EventKind::kKick, 0, 0, 0, 0, 0}};
  const std::vector<Event> two{{5, EventKind::kFlush, 0, 0, 0, 0, 0},
                               {20, EventKind::kFlush, 0, 0, 0, 0, 0}};
  aggregation.add(1, one);
  aggregation.add(1, two);
  aggregation.finish();
  EXPECT_EQ(aggregation.pyramid().facts.reordered, 0u);
  EXPECT_EQ(aggregation.pyramid().facts.events, 4u);
  EXPECT_EQ(aggregation.pyramid().facts.end, 25u);
}

// What a tracker has told about pages so far.
struct Levels : LifetimeSink {
  void page(const LifetimeTable::Lifetime&, std::uint64_t, int by_live, int by_stale, Ticks) {
    live += by_live;
    stale += by_stale;
  }
  void window(const LifetimeTable::Lifetime& lifetime) {
    ++windows;
    total +=
        lifetime.unreachable > lifetime.unmapped ? lifetime.unreachable - lifetime.unmapped : 0;
  }
  std::int64_t live = 0, stale = 0;
  std::uint64_t windows = 0;
  Ticks total = 0;
};

// Every window by the time of its unmap, and the highest level.
struct Windows : LifetimeSink {
  void page(const LifetimeTable::Lifetime&, std::uint64_t, int, int by_stale, Ticks) {
    stale += by_stale;
    peak = std::max(peak, stale);
  }
  void window(const LifetimeTable::Lifetime& lifetime) {
    at[lifetime.unmapped] =
        lifetime.unreachable > lifetime.unmapped ? lifetime.unreachable - lifetime.unmapped : 0;
  }
  std::map<Ticks, Ticks> at;
  std::int64_t stale = 0, peak = 0;
};

Lcores strict_life(std::size_t calls) {
  Lcores out = lazy_life(0);
  Ticks now = 2000;
  for (std::uint64_t i = 0; i < calls; ++i) {
    const std::uint64_t first = (0x100 + 2 * (i % 64)) * kPage, last = first + 2 * kPage - 1;
    const auto engine = [&](EventKind kind) {
      out.engine.push_back({now += 40, kind, 3, 0, 1, first, last});
    };
    engine(EventKind::kMapDone);
    out.guest.push_back({now += 60, EventKind::kDmaMap, 15, 0, 7, first, 2 * kPage});
    engine(EventKind::kUnmapExecuted);
    engine(EventKind::kUnmapCompleted);
    out.guest.push_back({now += 60, EventKind::kDmaUnmap, 15, 0, 7, first, 2 * kPage});
  }
  return out;
}

// Applies what is left of the streams when slices of them are lost, as an aggregation does.
Windows with_losses(const Lcores& lcores, Rng& rng, unsigned slices) {
  struct Piece {
    std::vector<Event> events;
    std::vector<std::pair<Ticks, Ticks>> gaps;
  };
  const auto cut = [&](std::vector<Event> events) {
    Piece piece;
    for (unsigned i = 0; i < slices && events.size() > 40; ++i) {
      const auto from = static_cast<std::ptrdiff_t>(1 + rng.below(events.size() - 30));
      const auto to = from + static_cast<std::ptrdiff_t>(1 + rng.below(25));
      piece.gaps.emplace_back(events[std::size_t(from) - 1].at, events[std::size_t(to)].at);
      events.erase(events.begin() + from, events.begin() + to);
    }
    piece.events = std::move(events);
    return piece;
  };
  const Piece engine = cut(lcores.engine), guest = cut(lcores.guest);
  std::vector<Event> events = engine.events;
  events.insert(events.end(), guest.events.begin(), guest.events.end());
  std::stable_sort(events.begin(), events.end(),
                   [](const Event& a, const Event& b) { return a.at < b.at; });
  Windows windows;
  LifetimeTracker<Windows> tracker(windows);
  for (const Piece* piece : {&engine, &guest}) {
    for (const auto& [from, to] : piece->gaps) tracker.lose(from, to);
  }
  for (const Event& event : events) tracker.apply(event);
  return windows;
}

TEST(LifetimeTracker, LossesMakeNoPageStaleAndNoWindowLonger) {
  Rng rng(11);
  const Lcores strict = strict_life(600), lazy = lazy_life(600);
  const Windows whole = with_losses(lazy, rng, 0);
  EXPECT_GT(whole.at.size(), 500u);
  EXPECT_GT(whole.peak, 10);
  std::size_t kept = 0;
  for (int round = 0; round < 200; ++round) {
    const unsigned slices = 1 + unsigned(rng.below(6));
    const Windows calm = with_losses(strict, rng, slices);
    ASSERT_EQ(calm.peak, 0) << round;
    const Windows lossy = with_losses(lazy, rng, slices);
    EXPECT_LE(lossy.peak, whole.peak);
    for (const auto& [at, window] : lossy.at) {
      const auto same = whole.at.find(at);
      ASSERT_NE(same, whole.at.end());
      ASSERT_EQ(window, same->second) << "round " << round << ", unmapped at " << at;
    }
    kept += lossy.at.size();
  }
  EXPECT_GT(kept, 200u * 300);  // Most of what was seen counts.
}

TEST(LifetimeTable, ACheckpointGoesOnAsTheOriginalDoes) {
  const Lcores lcores = lazy_life(700);
  std::vector<Event> events = lcores.engine;
  events.insert(events.end(), lcores.guest.begin(), lcores.guest.end());
  std::stable_sort(events.begin(), events.end(),
                   [](const Event& a, const Event& b) { return a.at < b.at; });
  for (std::size_t cut = 1; cut < events.size(); cut += 37) {
    Levels original, restored;
    LifetimeTracker<Levels> tracker(original), again(restored);
    for (std::size_t i = 0; i < cut; ++i) tracker.apply(events[i]);
    Pyramid pyramid;
    pyramid.facts.start = 500;
    tracker.table().save(500, events[cut].at, pyramid);
    again.table().load(pyramid.view(), pyramid.checkpoints.front());
    const Levels before = original;
    for (std::size_t i = cut; i < events.size(); ++i) {
      tracker.apply(events[i]);
      again.apply(events[i]);
    }
    EXPECT_EQ(restored.live, original.live - before.live) << cut;
    EXPECT_EQ(restored.stale, original.stale - before.stale) << cut;
    EXPECT_EQ(restored.windows, original.windows - before.windows) << cut;
    EXPECT_EQ(restored.total, original.total - before.total) << cut;
    EXPECT_EQ(again.table().unmatched, 0u) << cut;
  }
}

}  // namespace
}  // namespace violet::fold_test
