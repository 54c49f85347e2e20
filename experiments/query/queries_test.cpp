// Every question against brute force over all events.
#include "experiments/query/queries.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/rng.hpp"
#include "engine/telemetry/event_bodies.hpp"
#include "experiments/query/column_sums.hpp"
#include "experiments/query/query_rig_testing.hpp"
#include "experiments/query/time_base.hpp"

namespace violet::query {
namespace {

using Strategy = SyntheticStrategy;

SyntheticOptions small(Strategy strategy, std::uint64_t seed = 1) {
  SyntheticOptions options;
  options.strategy = strategy;
  options.events = 6'000;
  options.seed = seed;
  return options;
}

class QueriesOf : public testing::TestWithParam<Strategy> {
 protected:
  QueriesOf() : rig_(small(GetParam())), cell_(rig_.open()) {}
  void SetUp() override {
    ASSERT_TRUE(rig_.good());
    ASSERT_NE(cell_, nullptr);
  }
  const QueryOracle& oracle() const { return rig_.oracle(); }
  TimeWindow whole() const { return cell_->info().whole; }
  // Some inside, some that stick out, some that are nowhere.
  std::vector<TimeWindow> windows() const {
    Rng rng(5);
    const Nanos end = whole().to;
    std::vector<TimeWindow> windows{whole(), {0, 1}, {end, end + 1000}, {-500, end / 3}};
    for (int i = 0; i < 6; ++i) {
      const Nanos from = static_cast<Nanos>(rng.below(static_cast<std::uint64_t>(end)));
      windows.push_back(
          {from, from + 1 + static_cast<Nanos>(rng.below(static_cast<std::uint64_t>(end)))});
    }
    return windows;
  }
  Nanos nanos(Ticks at) const { return rig_.base().nanos(at); }
  // When anything happens, ascending.
  std::vector<Ticks> moments() const {
    std::vector<Ticks> moments;
    for (const auto& one : oracle().events()) moments.push_back(one.event.at);
    return moments;
  }
  // The shares of each cell against the union of the lives' intervals.
  void expect_cover(const ChurnGrid& grid, TimeWindow window, const RowScale& rows) const {
    const std::uint32_t width = grid.query.columns;
    const Columns columns(window, width);
    for (std::uint32_t row = 0; row < grid.query.rows; ++row) {
      for (const bool stale : {false, true}) {
        const auto covered = intervals(rows, row, stale);
        for (std::uint32_t column = 0; column < width; ++column) {
          double share = 0;
          for (const auto& [from, to] : covered) {
            share += std::max(0.0, std::min(columns.position(to), column + 1.0) -
                                       std::max(columns.position(from), column * 1.0));
          }
          const auto& shares = stale ? grid.stale : grid.live;
          EXPECT_NEAR(shares[row * width + column], std::min(share, 1.0), 0.002)
              << "row " << row << " column " << column << (stale ? " stale" : " live");
        }
      }
    }
  }
  // When some page of the row is live (stale), as a union.
  std::vector<std::pair<Nanos, Nanos>> intervals(const RowScale& rows, std::uint32_t row,
                                                 bool stale) const {
    std::vector<std::pair<Nanos, Nanos>> all, merged;
    for (const OracleLifetime& lifetime : oracle().lifetimes()) {
      for (std::uint64_t page = lifetime.first; page < lifetime.first + lifetime.pages; ++page) {
        bool here = false;
        rows.for_rows(page << 12, page << 12 | 4095,
                      [&](std::uint32_t one) { here |= one == row; });
        if (!here || (stale && (lifetime.persistent || !lifetime.unmapped))) continue;
        const Nanos end = oracle().end() + 1;
        const Nanos from = stale ? nanos(*lifetime.unmapped) : nanos(lifetime.mapped);
        const Nanos to =
            stale ? (lifetime.complete.contains(page) ? nanos(lifetime.complete.at(page)) : end)
                  : (lifetime.unmapped ? nanos(*lifetime.unmapped) : end);
        if (from < to) all.emplace_back(from, to);
      }
    }
    std::sort(all.begin(), all.end());
    for (const auto& one : all) {
      if (!merged.empty() && one.first <= merged.back().second) {
        merged.back().second = std::max(merged.back().second, one.second);
      } else {
        merged.push_back(one);
      }
    }
    return merged;
  }
  static bool fits(const Event& event, const Filter& filter) {
    const bool dma = event.kind == EventKind::kDmaMap || event.kind == EventKind::kDmaUnmap;
    const bool ranged = event.kind == EventKind::kMapDone ||
                        event.kind == EventKind::kUnmapExecuted ||
                        event.kind == EventKind::kUnmapCompleted;
    if (!filter.samples && event.kind == EventKind::kSample) return false;
    if (!filter.operations.empty() && !dma && !ranged) return false;
    // Endpoint 0x28 is in domain 1.
    if (!filter.endpoints.empty() && event.id != (ranged ? 1u : 0x28u)) return false;
    if (!filter.range) return true;
    const bool one = event.kind == EventKind::kTranslate || event.kind == EventKind::kRogueProbe ||
                     event.kind == EventKind::kFault || event.kind == EventKind::kCopy;
    if (!dma && !ranged && !one && event.kind != EventKind::kEndpoint) return false;
    const std::uint64_t last = dma   ? event.a + DmaEvent::of(event).bytes - 1
                               : one ? event.a
                                     : event.b;
    return event.a <= filter.range->last.value && last >= filter.range->first.value;
  }

  QueryRig rig_;
  std::shared_ptr<const CellQueries> cell_;
};

TEST_P(QueriesOf, InfoSaysWhatIsThere) {
  const CellInfo info = cell_->info();
  EXPECT_EQ(info.events, oracle().events().size());
  EXPECT_EQ(info.kept_events, oracle().events().size());
  EXPECT_EQ(info.whole, (TimeWindow{0, oracle().end() + 1}));
  EXPECT_GT(info.measured.from, 0);
  EXPECT_LT(info.measured.to, info.whole.to);
  EXPECT_FALSE(info.live);
  EXPECT_FALSE(info.cut_short);
}

TEST_P(QueriesOf, OverviewCountsCallsAndFollowsStalePages) {
  for (const TimeWindow& window : windows()) {
    constexpr std::uint32_t kColumns = 40;
    const Columns columns(window, kColumns);
    const Overview overview = cell_->overview(window, kColumns);
    std::vector<std::uint64_t> calls(kColumns);
    for (const auto& one : oracle().events()) {
      const bool call =
          one.event.kind == EventKind::kDmaMap || one.event.kind == EventKind::kDmaUnmap;
      if (call && window.contains(nanos(one.event.at))) ++calls[columns.of(nanos(one.event.at))];
    }
    ASSERT_EQ(overview.operations_per_s.size(), kColumns);
    for (std::uint32_t i = 0; i < kColumns; ++i) {
      EXPECT_EQ(overview.operations_per_s[i].count, calls[i]) << i;
      EXPECT_FLOAT_EQ(
          overview.operations_per_s[i].mean,
          static_cast<float>(static_cast<double>(calls[i]) / (columns.width_ns() / 1e9)));
    }
  }
}

TEST_P(QueriesOf, LevelsAreThoseOfEachMoment) {
  const TimeWindow window{whole().to / 3, whole().to / 3 + whole().to / 20};
  constexpr std::uint32_t kColumns = 16;
  const ExposureColumns answer = cell_->exposure({window, kColumns, {}});
  const Columns columns(window, kColumns);
  std::vector<std::pair<std::int64_t, std::int64_t>> stale(kColumns, {1 << 30, -1});
  auto live = stale;
  double integral = 0;
  const std::vector<Ticks> moments = this->moments();
  const Ticks end = rig_.base().ticks(window.to);
  for (Ticks at = rig_.base().ticks(window.from); at < end;) {
    const auto next = std::upper_bound(moments.begin(), moments.end(), at);
    const Ticks until = next == moments.end() ? end : std::min(end, *next);
    const std::int64_t stale_now = oracle().level(at, true), live_now = oracle().level(at, false);
    integral += static_cast<double>(stale_now) * static_cast<double>(until - at);
    const std::uint32_t first = columns.of(nanos(at));
    const std::uint32_t last = columns.of(std::max(nanos(at), nanos(until) - 1));
    for (std::uint32_t i = first; i <= last; ++i) {
      stale[i] = {std::min(stale[i].first, stale_now), std::max(stale[i].second, stale_now)};
      live[i] = {std::min(live[i].first, live_now), std::max(live[i].second, live_now)};
    }
    at = until;
  }
  for (std::uint32_t i = 0; i < kColumns; ++i) {
    // Between two changes of the same moment a page more or less may be counted.
    EXPECT_NEAR(answer.live_pages[i].low, static_cast<double>(live[i].first), 8) << i;
    EXPECT_NEAR(answer.live_pages[i].high, static_cast<double>(live[i].second), 8) << i;
    EXPECT_NEAR(answer.stale_pages[i].low, static_cast<double>(stale[i].first), 8) << i;
    EXPECT_NEAR(answer.stale_pages[i].high, static_cast<double>(stale[i].second), 8) << i;
  }
  const double mean = integral / (static_cast<double>(end - rig_.base().ticks(window.from)));
  ASSERT_TRUE(answer.pages);
  EXPECT_NEAR(answer.pages->mean_stale, mean, 0.02 * mean + 0.01);
}

TEST_P(QueriesOf, WindowsAreThoseOfTheUnmapsInside) {
  for (const TimeWindow& window : windows()) {
    const ExposureColumns answer = cell_->exposure({window, 50, {}});
    std::array<std::uint64_t, LatencyBins::kCount> histogram{};
    std::uint64_t unmaps = 0, zero = 0, open = 0, persistent = 0;
    for (const OracleLifetime& lifetime : oracle().lifetimes()) {
      if (!lifetime.unmapped || !window.contains(nanos(*lifetime.unmapped))) continue;
      if (lifetime.persistent) {
        ++persistent;
      } else if (!lifetime.over()) {
        ++open;
      } else if (++unmaps; lifetime.unreachable() <= *lifetime.unmapped) {
        ++zero;
      } else {
        ++histogram[LatencyBins::of(
            static_cast<double>(lifetime.unreachable() - *lifetime.unmapped) *
            rig_.base().ns_per_tick())];
      }
    }
    ASSERT_TRUE(answer.unmaps);
    EXPECT_TRUE(answer.unmaps->resolution.exact());
    EXPECT_EQ(answer.unmaps->count, unmaps);
    EXPECT_EQ(answer.unmaps->zero_windows, zero);
    EXPECT_EQ(answer.unmaps->open, open);
    EXPECT_EQ(answer.unmaps->persistent, persistent);
    EXPECT_EQ(answer.unmaps->histogram, histogram);
  }
}

TEST_P(QueriesOf, ExposureOfSomeAddressesAndEndpointsIsTheirs) {
  const OracleLifetime& some = oracle().lifetimes()[oracle().lifetimes().size() / 2];
  const IovaRange range{{some.first << 12}, {(some.first + 3) << 12 | 4095}};
  const std::vector<Filter> filters{
      {range, {}, {}}, {{}, {EndpointId{0x28}}, {}}, {range, {EndpointId{0x30}}, {}}};
  for (const Filter& filter : filters) {
    const ExposureColumns answer = cell_->exposure({whole(), 30, filter});
    ASSERT_TRUE(answer.unmaps && answer.pages);
    std::uint64_t unmaps = 0;
    double stale = 0;
    for (const OracleLifetime& lifetime : oracle().lifetimes()) {
      if (!filter.endpoints.empty() && lifetime.endpoint != filter.endpoints[0].value) continue;
      if (filter.range &&
          !filter.range->overlaps(
              {{lifetime.first << 12}, {(lifetime.first + lifetime.pages - 1) << 12 | 4095}})) {
        continue;
      }
      if (!lifetime.unmapped || lifetime.persistent) continue;
      unmaps += lifetime.over() ? 1 : 0;
      for (std::uint64_t page = lifetime.first; page < lifetime.first + lifetime.pages; ++page) {
        if (filter.range && !filter.range->overlaps({{page << 12}, {page << 12 | 4095}})) continue;
        const Nanos end =
            lifetime.complete.contains(page) ? nanos(lifetime.complete.at(page)) : whole().to;
        stale += static_cast<double>(std::max<Nanos>(0, end - nanos(*lifetime.unmapped)));
      }
    }
    EXPECT_EQ(answer.unmaps->count, unmaps);
    const double mean = stale / static_cast<double>(whole().length());
    EXPECT_NEAR(answer.pages->mean_stale, mean, 0.01 * mean + 1e-6);
  }
}

TEST(Percentiles, TakeThreeOperationsBeyondThem) {
  EXPECT_EQ(operations_for(50), 6u);
  EXPECT_EQ(operations_for(90), 30u);
  EXPECT_EQ(operations_for(99), 300u);
  EXPECT_EQ(operations_for(99.9), 3000u);
  EXPECT_EQ(operations_for(99.99), 30000u);
  LatencyGrid grid;
  grid.histogram[LatencyBins::of(1000)] = grid.count = 10;
  grid.min_ns = grid.max_ns = 1000;
  EXPECT_EQ(grid.percentile(50), 1000);
  EXPECT_FALSE(grid.percentile(99.99)) << "of ten operations nobody knows it";
  ExposureUnmaps unmaps;
  unmaps.count = unmaps.zero_windows = 10;
  EXPECT_EQ(unmaps.percentile(50), 0);
  EXPECT_FALSE(unmaps.percentile(99));
}

TEST_P(QueriesOf, SaysWhetherItsCallsAreASample) {
  const bool any = std::any_of(oracle().lifetimes().begin(), oracle().lifetimes().end(),
                               [](const OracleLifetime& lifetime) {
                                 return lifetime.persistent && lifetime.unmapped.has_value();
                               });
  EXPECT_EQ(cell_->info().calls_sampled, any);
}

// As the results have it: what is copied leaves no stale page, and what never ends has none to count.
TEST_P(QueriesOf, SaysWhatStaysReachableByDesign) {
  const bool pool = GetParam() == Strategy::kBounce;
  EXPECT_EQ(cell_->info().stays, pool ? CellInfo::Stays::kPool : CellInfo::Stays::kNothing);
  const ExposureColumns exposure = cell_->exposure({whole(), 10, {}});
  ASSERT_TRUE(exposure.pages);
  if (pool) {
    EXPECT_EQ(exposure.pages->peak_stale, 0);
  }
  const OracleLifetime& one = oracle().lifetimes()[oracle().lifetimes().size() / 2];
  const auto page = cell_->page_lifetimes(Iova{one.first << 12}, nanos(one.mapped));
  ASSERT_TRUE(page.current);
  EXPECT_EQ(page.lifetimes[*page.current].copied, pool);
}

TEST(Exposure, WhereNothingEndsNoStalePageIsCounted) {
  const QueryRig rig({.strategy = Strategy::kDirect, .events = 5'000});
  const auto cell = rig.open();
  ASSERT_NE(cell, nullptr);
  const TimeWindow whole = cell->info().whole;
  EXPECT_EQ(cell->info().stays, CellInfo::Stays::kBuffers);
  const ExposureColumns exposure = cell->exposure({whole, 10, {}});
  EXPECT_FALSE(exposure.pages) << "neither zero nor a number";
  EXPECT_TRUE(exposure.stale_pages.empty());
  EXPECT_EQ(exposure.because, "the device keeps reaching the guest's buffers, by design");
  EXPECT_EQ(exposure.live_pages.size(), 10u) << "what is mapped is known";
  ASSERT_TRUE(exposure.unmaps);
  EXPECT_GT(exposure.unmaps->persistent, 0u);
  EXPECT_TRUE(cell->overview(whole, 10).stale_pages.empty());
}

// Of 1000 polls in a long time 10 were useful, of 100 in a short one 40.
TEST(Ratio, IsOneOfSumsAndNoMeanOfRatios) {
  RatioColumns ratio(Columns({0, 1'000}, 1));
  ratio.add(0, 100, 40, 100);
  ratio.add(100, 1'000, 10, 1'000);
  std::vector<Column> columns;
  ratio.into(columns);
  EXPECT_FLOAT_EQ(columns[0].mean, 50.f / 1'100);
  EXPECT_FLOAT_EQ(columns[0].high, 0.4f);
  RatioColumns(Columns({0, 1'000}, 1)).into(columns);
  EXPECT_FALSE(columns[0].known()) << "nothing of what was there before";
}

TEST(Samples, OfAColumnAreAveraged) {
  LevelColumns level(Columns({0, 1'000}, 1));
  level.add_samples(10, 0, 6, 4, 3);  // 0, 2, 4
  level.add_samples(20, 9, 9, 9, 1);
  std::vector<Column> columns;
  level.into(columns);
  EXPECT_FLOAT_EQ(columns[0].mean, 3.75f);
  EXPECT_FLOAT_EQ(columns[0].high, 9.f);
}

TEST_P(QueriesOf, LatenciesAreCountedInTheirBins) {
  const std::vector<Filter> filters{
      {},
      {.range = {}, .endpoints = {EndpointId{0x30}}, .operations = {}},
      {.range = IovaRange{{0xfff00000}, {0xffffffff}}, .endpoints = {}, .operations = {}}};
  for (const TimeWindow& window : windows()) {
    for (const Filter& filter : filters) {
      for (const auto operation : {Operation::kMap, Operation::kUnmap, Operation::kTranslate}) {
        const LatencyGrid grid = cell_->latency({window, operation, 30, filter});
        const Columns columns(window, 30);
        std::vector<std::uint32_t> counts(30 * LatencyBins::kCount);
        std::uint64_t count = 0;
        double sum = 0, max = 0;
        for (const auto& [event, lcore] : oracle().events()) {
          const EventKind kind = operation == Operation::kMap     ? EventKind::kDmaMap
                                 : operation == Operation::kUnmap ? EventKind::kDmaUnmap
                                                                  : EventKind::kTranslate;
          if (event.kind != kind || event.took == 0 || !window.contains(nanos(event.at))) continue;
          if (!filter.endpoints.empty() && event.id != 0x30) continue;
          const std::uint64_t last =
              kind == EventKind::kTranslate ? event.a : event.a + DmaEvent::of(event).bytes - 1;
          if (filter.range && !filter.range->overlaps({{event.a}, {last}})) continue;
          const double ns = static_cast<double>(unpack_ticks(event.took)) * 0.5;
          ++counts[columns.of(nanos(event.at)) * LatencyBins::kCount + LatencyBins::of(ns)];
          ++count;
          sum += ns;
          max = std::max(max, ns);
        }
        EXPECT_EQ(grid.counts, counts);
        EXPECT_EQ(grid.count, count);
        EXPECT_EQ(grid.max_ns, max);
        if (count > 0) {
          EXPECT_NEAR(grid.mean_ns, sum / static_cast<double>(count), 1e-6);
        }
        EXPECT_EQ(grid.because.empty(), count > 0);
        EXPECT_EQ(grid.percentile(50).has_value(), count >= operations_for(50));
        EXPECT_EQ(grid.percentile(99).has_value(), count >= operations_for(99));
      }
    }
  }
}

TEST_P(QueriesOf, ChurnCountsCallsReusesAndCoveredTime) {
  const IovaRange used = cell_->used_ranges().ranges.front();
  const std::vector<IovaRange> ranges{used,
                                      IovaRange::all(),
                                      {used.first, {used.first.value + 4095}},
                                      {{used.first.value + 100}, {used.first.value + 70'000}}};
  for (const TimeWindow& window : windows()) {
    for (const IovaRange& range : ranges) {
      const ChurnGrid grid = cell_->churn({window, range, 12, 9, {}});
      ASSERT_TRUE(grid.resolution.exact());
      const Columns columns(window, 12);
      const RowScale rows(range, 9);
      std::vector<std::uint32_t> operations(12 * 9), reuses(12 * 9);
      for (const OracleLifetime& lifetime : oracle().lifetimes()) {
        const std::uint64_t first = lifetime.first << 12,
                            last = ((lifetime.first + lifetime.pages) << 12) - 1;
        const auto count = [&](Ticks at, bool reuse) {
          if (!window.contains(nanos(at))) return;
          const std::uint32_t column = columns.of(nanos(at));
          rows.for_rows(first, last, [&](std::uint32_t row) { ++operations[row * 12 + column]; });
          if (!reuse) return;
          rows.for_rows(first, first | 4095,
                        [&](std::uint32_t row) { ++reuses[row * 12 + column]; });
        };
        count(lifetime.mapped, lifetime.reuse);
        if (lifetime.unmapped) count(*lifetime.unmapped, false);
      }
      EXPECT_EQ(grid.operations, operations);
      EXPECT_EQ(grid.reuses, reuses);
      expect_cover(grid, window, rows);
    }
  }
}

TEST_P(QueriesOf, ChurnFilterNarrows) {
  const IovaRange used = cell_->used_ranges().ranges.back();
  const ChurnGrid all = cell_->churn({whole(), used, 20, 10, {}});
  const ChurnGrid nic = cell_->churn(
      {whole(), used, 20, 10, {.range = {}, .endpoints = {EndpointId{0x28}}, .operations = {}}});
  const ChurnGrid blk = cell_->churn(
      {whole(), used, 20, 10, {.range = {}, .endpoints = {EndpointId{0x30}}, .operations = {}}});
  const ChurnGrid maps = cell_->churn(
      {whole(), used, 20, 10, {.range = {}, .endpoints = {}, .operations = {Operation::kMap}}});
  const ChurnGrid unmaps = cell_->churn(
      {whole(), used, 20, 10, {.range = {}, .endpoints = {}, .operations = {Operation::kUnmap}}});
  for (std::size_t i = 0; i < all.operations.size(); ++i) {
    EXPECT_EQ(all.operations[i], nic.operations[i] + blk.operations[i]);
    EXPECT_EQ(all.operations[i], maps.operations[i] + unmaps.operations[i]);
  }
}

TEST_P(QueriesOf, EventsComeInOrderAndAreCounted) {
  const std::vector<Filter> filters{
      {},
      {.range = IovaRange{{0xffff0000}, {0xffffffff}}, .endpoints = {}, .operations = {}},
      {.range = {},
       .endpoints = {EndpointId{0x28}},
       .operations = {Operation::kMap, Operation::kUnmap}},
      {.range = {}, .endpoints = {}, .operations = {}, .samples = false}};
  ASSERT_GT(cell_->count_events(whole(), filters[0]), cell_->count_events(whole(), filters[3]));
  for (const TimeWindow& window : windows()) {
    for (const Filter& filter : filters) {
      std::vector<Event> expected;
      for (const auto& [event, lcore] : oracle().events()) {
        if (window.contains(nanos(event.at)) && fits(event, filter)) expected.push_back(event);
      }
      ASSERT_EQ(cell_->count_events(window, filter), expected.size());
      for (const std::uint64_t first :
           {std::uint64_t{0}, std::uint64_t{expected.size() / 2}, std::uint64_t{expected.size()}}) {
        const auto lines = cell_->events(window, filter, first, 25);
        ASSERT_EQ(lines.size(), std::min<std::size_t>(25, expected.size() - first));
        for (std::size_t i = 0; i < lines.size(); ++i) {
          EXPECT_EQ(lines[i].event.at, expected[first + i].at);
          EXPECT_EQ(lines[i].at, nanos(lines[i].event.at));
          EXPECT_TRUE(fits(lines[i].event, filter));
          if (i > 0) {
            EXPECT_GT(lines[i].number, lines[i - 1].number);
          }
          if (filter.empty() && window == whole()) {
            EXPECT_EQ(lines[i].number, first + i);
          }
        }
      }
    }
  }
}

TEST_P(QueriesOf, APagesLifeIsTold) {
  Rng rng(9);
  for (int i = 0; i < 40; ++i) {
    const OracleLifetime& asked = oracle().lifetimes()[rng.below(oracle().lifetimes().size())];
    const std::uint64_t page = asked.first + rng.below(asked.pages);
    const PageLifetimes answer =
        cell_->page_lifetimes(Iova{page << 12}, nanos(asked.mapped), 100000);
    std::vector<OracleLifetime> expected;
    for (const OracleLifetime& lifetime : oracle().lifetimes()) {
      if (lifetime.first <= page && page < lifetime.first + lifetime.pages)
        expected.push_back(lifetime);
    }
    ASSERT_EQ(answer.lifetimes.size(), expected.size());
    EXPECT_FALSE(answer.truncated);
    for (std::size_t k = 0; k < expected.size(); ++k) {
      const PageLifetimes::Lifetime& lifetime = answer.lifetimes[k];
      EXPECT_EQ(lifetime.mapped, nanos(expected[k].mapped));
      EXPECT_EQ(lifetime.bytes, expected[k].bytes);
      EXPECT_EQ(lifetime.endpoint, expected[k].endpoint);
      EXPECT_EQ(lifetime.persistent, expected[k].persistent);
      EXPECT_EQ(lifetime.phys_page, expected[k].phys + (page - expected[k].first));
      EXPECT_EQ(lifetime.unmapped.has_value(), expected[k].unmapped.has_value());
      if (lifetime.unmapped) {
        EXPECT_EQ(*lifetime.unmapped, nanos(*expected[k].unmapped));
      }
      const bool gone = expected[k].complete.contains(page);
      EXPECT_EQ(lifetime.unreachable.has_value(), gone) << k;
      if (gone && lifetime.unreachable) {
        EXPECT_EQ(*lifetime.unreachable, nanos(expected[k].complete.at(page)));
      }
      if (gone && lifetime.executed) {
        EXPECT_EQ(*lifetime.executed, nanos(expected[k].executed.at(page)));
      }
    }
    ASSERT_TRUE(answer.current);
    EXPECT_LE(answer.lifetimes[*answer.current].mapped, nanos(asked.mapped));
    if (*answer.current + 1 < answer.lifetimes.size()) {
      EXPECT_GT(answer.lifetimes[*answer.current + 1].mapped, nanos(asked.mapped));
    }
    const PageLifetimes few = cell_->page_lifetimes(Iova{page << 12}, nanos(asked.mapped), 3);
    EXPECT_LE(few.lifetimes.size(), 3u);
    ASSERT_TRUE(few.current);
    EXPECT_EQ(few.lifetimes[*few.current].mapped, answer.lifetimes[*answer.current].mapped);
  }
}

TEST_P(QueriesOf, TopologyIsThatOfTheMoment) {
  Rng rng(4);
  for (int i = 0; i < 20; ++i) {
    const Nanos at = static_cast<Nanos>(rng.below(static_cast<std::uint64_t>(whole().to)));
    const TopologyState state = cell_->topology(at);
    EXPECT_EQ(state.at, at);
    std::map<std::uint32_t, std::map<std::uint64_t, std::uint64_t>> mapped;
    for (const auto& [event, lcore] : oracle().events()) {
      if (nanos(event.at) > at) break;
      if (event.kind == EventKind::kAttach) mapped[static_cast<std::uint32_t>(event.a)];
      if (event.kind == EventKind::kMapDone) mapped[event.id][event.a] = event.b;
      if (event.kind == EventKind::kUnmapExecuted) mapped[event.id].erase(event.a);
      if (event.kind == EventKind::kDetach) mapped.erase(static_cast<std::uint32_t>(event.a));
    }
    ASSERT_EQ(state.domains.size(), mapped.size());
    for (const auto& domain : state.domains) {
      ASSERT_EQ(domain.mapping_count, mapped[domain.id].size());
      std::size_t k = 0;
      for (const auto& [first, last] : mapped[domain.id]) {
        EXPECT_EQ(domain.mappings[k].range, (IovaRange{{first}, {last}}));
        ++k;
      }
    }
    ASSERT_EQ(state.endpoints.size(), 2u);
    EXPECT_EQ(state.endpoints[0].regions.size(), 1u);
  }
}

TEST_P(QueriesOf, FaultsAndProbesAreListed) {
  std::uint64_t faults = 0, probes = 0, hits = 0;
  for (const auto& [event, lcore] : oracle().events()) {
    faults += event.kind == EventKind::kFault ? 1 : 0;
    probes += event.kind == EventKind::kRogueProbe ? 1 : 0;
    hits += event.kind == EventKind::kRogueProbe && event.status != 0 ? 1 : 0;
  }
  EXPECT_EQ(cell_->faults(whole(), 100000).lines.size(), faults);
  EXPECT_EQ(cell_->faults(whole(), 100000).because, "");
  EXPECT_EQ(cell_->faults(whole(), 2).lines.size(), std::min<std::uint64_t>(faults, 2));
  const bool all = faults <= 2;
  EXPECT_EQ(cell_->faults(whole(), 2).because,
            all ? std::string() : fmt::format("2 of {}, evenly chosen", faults));
  const ExposureColumns exposure = cell_->exposure({whole(), 300, {}});
  ASSERT_TRUE(exposure.probes);
  EXPECT_EQ(exposure.probes->count, probes);
  EXPECT_EQ(exposure.probes->hits, hits);
}

TEST_P(QueriesOf, EngineTotalsBecomeRates) {
  const EngineColumns engine = cell_->engine(whole(), 50);
  ASSERT_EQ(engine.lcores.size(), 3u);
  EXPECT_EQ(engine.lcores[0].role, "engine");
  EXPECT_EQ(engine.lcores[0].utilisation.size(), 50u);
  ASSERT_EQ(engine.workload_per_s.size(), 50u);
  EXPECT_TRUE(std::any_of(engine.workload_per_s.begin(), engine.workload_per_s.end(),
                          [](const Column& column) { return column.mean > 0; }));
  double kicks = 0;
  for (const Column& column : engine.kicks_per_s) kicks += static_cast<double>(column.count);
  double expected = 0;
  for (const auto& one : oracle().events()) expected += one.event.kind == EventKind::kKick ? 1 : 0;
  EXPECT_EQ(kicks, expected);
}

// What a report divides: useful polls of all polls between two samples.
TEST_P(QueriesOf, UsefulPollsAreThoseOfAllPollsWhateverTheColumns) {
  std::vector<std::uint64_t> polls, useful;
  std::vector<Nanos> at;
  for (const auto& one : oracle().events()) {
    if (one.event.kind != EventKind::kSample) continue;
    const auto sample = SampleEvent::of(one.event);
    if (sample.gauge == Gauge::kPolls) {
      polls.push_back(sample.value);
      at.push_back(nanos(one.event.at));
    }
    if (sample.gauge == Gauge::kUsefulPolls) useful.push_back(sample.value);
  }
  ASSERT_GE(polls.size(), 3u);
  const TimeWindow window{at.front(), at.back()};
  const EngineColumns engine = cell_->engine(window, 1);
  const double expected = static_cast<double>(useful.back() - useful.front()) /
                          static_cast<double>(polls.back() - polls.front());
  EXPECT_NEAR(engine.lcores[0].utilisation[0].mean, expected, 1e-6);
}

TEST_P(QueriesOf, OddWindowsAreAnswered) {
  constexpr Nanos kLow = std::numeric_limits<Nanos>::min(),
                  kHigh = std::numeric_limits<Nanos>::max();
  const std::vector<TimeWindow> odd{{kLow, kHigh}, {kHigh, kHigh}, {kLow, kLow},
                                    {kHigh, kLow}, {10, 10},       {kHigh - 1, kHigh}};
  for (const TimeWindow& window : odd) {
    EXPECT_EQ(cell_->overview(window, 7).stale_pages.size(), 7u);
    EXPECT_EQ(cell_->churn({window, IovaRange::all(), 5, 5, {}}).operations.size(), 25u);
    EXPECT_EQ(cell_->latency({window, Operation::kMap, 0, {}}).query.columns, 1u);
    EXPECT_EQ(cell_->exposure({window, 3, {}}).live_pages.size(), 3u);
    EXPECT_EQ(cell_->engine(window, 3).queue_depth.size(), 3u);
    const std::uint64_t count = cell_->count_events(window, {});
    EXPECT_EQ(count, window.from == kLow && window.to == kHigh ? oracle().events().size() : 0);
    EXPECT_EQ(cell_->events(window, {}, 0, 10).size(), std::min<std::size_t>(10, count));
    EXPECT_LE(cell_->faults(window, 10).lines.size(), 10u);
  }
  EXPECT_TRUE(cell_->page_lifetimes(Iova{~std::uint64_t{0}}, kHigh, 5).lifetimes.empty());
  EXPECT_TRUE(cell_->topology(kLow).domains.empty());
  EXPECT_TRUE(cell_->topology(kHigh).domains.empty());
}

INSTANTIATE_TEST_SUITE_P(Strategies, QueriesOf,
                         testing::Values(Strategy::kStrict, Strategy::kLazy, Strategy::kBounce),
                         [](const auto& one) {
                           return one.param == Strategy::kStrict ? "strict"
                                  : one.param == Strategy::kLazy ? "lazy"
                                                                 : "bounce";
                         });

}  // namespace
}  // namespace violet::query
