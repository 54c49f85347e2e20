// A tiny run has one cell of 320 lifetimes of pages, few enough to be answered by looking at all
// of them, for tests of the views. Every page is mapped for 20 ms, five times; with `window` it
// stays reachable for that long after its unmap.
//
// Threading: immutable, but for grow().
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <optional>
#include <vector>

#include "experiments/query/queries.hpp"

namespace violet::query {

class TinyCell : public CellQueries {
 public:
  static constexpr Nanos kMs = 1'000'000;
  static constexpr std::uint64_t kBase = 0xffff'0000, kPages = 64;
  static constexpr Nanos kLength = 400 * kMs;

  explicit TinyCell(Nanos window = 5 * kMs) : stale_for_(window) {
    for (std::uint64_t page = 0; page < kPages; ++page) {
      for (int turn = 0; turn < 5; ++turn) {
        const Nanos mapped = static_cast<Nanos>(page) * kMs + turn * 70 * kMs;
        lifetimes_.push_back({kBase + page * 4096, mapped, mapped + 20 * kMs, turn > 0});
      }
    }
    for (const Lifetime& lifetime : lifetimes_) {
      add(lifetime.mapped, EventKind::kDmaMap, 0x28, lifetime.page, 4096, 3 | 3 << 2);
      add(lifetime.unmapped, EventKind::kDmaUnmap, 0x28, lifetime.page, 4096, 3 | 3 << 2);
    }
    add(200 * kMs, EventKind::kFault, 0x30, 0x1000, 0, 2);
    add(210 * kMs, EventKind::kRogueProbe, 0x66, kBase, 1, 1);
    std::stable_sort(lines_.begin(), lines_.end(),
                     [](const EventLine& a, const EventLine& b) { return a.at < b.at; });
    for (std::size_t i = 0; i < lines_.size(); ++i) lines_[i].number = i;
  }

  CellInfo info() const override {
    CellInfo info;
    info.run_id = "7f3a";
    info.cell_id = info.label = info.strategy = stale_for_ > 0 ? "lazy-percpu" : "strict";
    info.workload = "fake";
    info.whole = {0, kLength};
    info.measured = {10 * kMs, 380 * kMs};
    info.measure_marked = measure_marked;
    info.events = info.kept_events = lines_.size();
    info.kept_until = kLength;
    info.live = live;
    info.lost = lost ? 1 : 0;
    info.standing = standing;
    return info;
  }
  std::uint64_t version() const override { return version_; }
  void grow() { ++version_; }

  Overview overview(TimeWindow window, std::uint32_t columns) const override {
    asked();
    Overview answer{window, {}, stale(window, columns), {window, {}}};
    for (std::uint32_t i = 0; i < columns; ++i) {
      const TimeWindow part = column(window, columns, i);
      const double seconds = std::max(1e-9, double(part.length()) / 1e9);
      const double rate = double(calls(part, IovaRange::all())) / seconds;
      answer.operations_per_s.push_back(seen(part, flat(rate)));
    }
    return answer;
  }

  ChurnGrid churn(const ChurnQuery& query) const override {
    asked();
    ChurnGrid grid;
    grid.query = query;
    const std::size_t cells = std::size_t{query.columns} * query.rows;
    grid.operations.resize(cells);
    grid.reuses.resize(cells);
    grid.live.resize(cells);
    grid.stale.resize(cells);
    grid.gap.resize(query.columns);
    mark_lost(query.window, grid.gap);
    grid.resolution.about = query.window;
    const long double size = static_cast<long double>(query.range.size_minus_one()) + 1;
    for (const Lifetime& lifetime : lifetimes_) {
      if (!query.range.contains(Iova{lifetime.page})) continue;
      const auto row = static_cast<std::size_t>(
          static_cast<long double>(lifetime.page - query.range.first.value) / size * query.rows);
      for (std::uint32_t x = 0; x < query.columns; ++x) {
        const TimeWindow part = column(query.window, query.columns, x);
        const std::size_t cell = row * query.columns + x;
        grid.operations[cell] += part.contains(lifetime.mapped) + part.contains(lifetime.unmapped);
        grid.reuses[cell] += part.contains(lifetime.mapped) && lifetime.again;
        grid.live[cell] =
            std::max(grid.live[cell], share(part, lifetime.mapped, lifetime.unmapped));
        grid.stale[cell] = std::max(grid.stale[cell],
                                    share(part, lifetime.unmapped, lifetime.unmapped + stale_for_));
      }
    }
    return grid;
  }

  UsedRanges used_ranges() const override { return {{IovaRange::of(kBase, kPages * 4096)}}; }

  PageLifetimes page_lifetimes(Iova page, Nanos at, std::size_t) const override {
    PageLifetimes answer;
    answer.page = page.value;
    answer.at = at;
    answer.searched = {0, kLength};
    for (const Lifetime& lifetime : lifetimes_) {
      if (lifetime.page != page.value) continue;
      PageLifetimes::Lifetime one;
      one.mapped = lifetime.mapped;
      one.unmapped = lifetime.unmapped;
      one.unreachable = lifetime.unmapped + stale_for_;
      one.bytes = 4096;
      one.granted = Permissions::kReadWrite;
      one.endpoint = 0x28;
      one.map_ns = 500;
      if (lifetime.mapped <= at) answer.current = answer.lifetimes.size();
      answer.lifetimes.push_back(one);
    }
    return answer;
  }

  LatencyGrid latency(const LatencyQuery& query) const override {
    asked();
    LatencyGrid grid;
    grid.query = query;
    if (query.operation == Operation::kTranslate)
      grid.because = "this run did not time translations";
    grid.counts.resize(std::size_t{query.columns} * LatencyBins::kCount);
    grid.gap.resize(query.columns);
    mark_lost(query.window, grid.gap);
    grid.resolution.about = query.window;
    for (PercentileLine& line : grid.lines) {
      line.window = query.window;
      line.steps.resize(20);
    }
    if (query.operation != Operation::kMap && query.operation != Operation::kUnmap) return grid;
    for (const Lifetime& lifetime : lifetimes_) {
      const Nanos at = query.operation == Operation::kMap ? lifetime.mapped : lifetime.unmapped;
      if (!query.window.contains(at) || (lost && lost->contains(at))) continue;
      if (query.filter.range && !query.filter.range->contains(Iova{lifetime.page})) continue;
      const double ns = 400 + double(lifetime.page / 4096 % 16) * 100;
      const auto x = static_cast<std::size_t>(double(at - query.window.from) /
                                              double(query.window.length()) * query.columns);
      const std::size_t bin = LatencyBins::of(ns);
      ++grid.counts[x * LatencyBins::kCount + bin];
      ++grid.histogram[bin];
      ++grid.count;
      for (PercentileLine& line : grid.lines) line.steps[x * 20 / query.columns] = flat(ns);
    }
    grid.min_ns = 400;
    grid.max_ns = 1900;
    grid.mean_ns = 1150;
    return grid;
  }

  ExposureColumns exposure(const ExposureQuery& query) const override {
    asked();
    ExposureColumns answer;
    answer.query = query;
    answer.stale_pages = stale(query.window, query.columns, query.filter);
    auto& unmaps = answer.unmaps.emplace();
    unmaps.resolution.about = query.window;
    for (const Lifetime& lifetime : lifetimes_) {
      if (!query.window.contains(lifetime.unmapped) || !wants(query.filter, lifetime)) continue;
      if (lost && lost->contains(lifetime.unmapped)) continue;
      ++unmaps.count;
      if (stale_for_ == 0)
        ++unmaps.zero_windows;
      else
        ++unmaps.histogram[LatencyBins::of(double(stale_for_))];
    }
    auto& pages = answer.pages.emplace();
    pages.resolution.about = query.window;
    for (const Column& one : answer.stale_pages) {
      pages.peak_stale = std::max(pages.peak_stale, double(one.high));
      pages.mean_stale += double(one.mean) / query.columns;
    }
    auto& probes = answer.probes.emplace();
    probes.resolution.about = query.window;
    const bool probed = !query.filter.range || query.filter.range->contains(Iova{kBase});
    if (query.window.contains(210 * kMs) && probed) {
      probes.count = 1;
      probes.hits = stale_for_ > 0;
      answer.shown_probes.push_back({210 * kMs, kBase, stale_for_ > 0});
    }
    return answer;
  }

  EngineColumns engine(TimeWindow window, std::uint32_t columns) const override {
    asked();
    EngineColumns answer;
    answer.window = window;
    answer.resolution.about = window;
    answer.lcores.push_back({1, "engine", std::vector<Column>(columns, flat(0.38))});
    answer.queue_depth.assign(columns, flat(3));
    for (auto& type : answer.requests_per_s) type.assign(columns, flat(0));
    answer.requests_per_s[2].assign(columns, flat(1000));
    answer.hits_per_s.assign(columns, flat(99));
    answer.misses_per_s.assign(columns, flat(1));
    return answer;
  }

  FaultLines faults(TimeWindow window, std::size_t) const override {
    if (!window.contains(200 * kMs)) return {};
    return {{{200 * kMs, 0x30, 2, 0x1000}}, {}};
  }
  std::uint64_t count_events(TimeWindow window, const Filter& filter) const override {
    return fitting(window, filter).size();
  }
  std::vector<EventLine> events(TimeWindow window, const Filter& filter, std::uint64_t first,
                                std::size_t most) const override {
    asked();
    std::vector<EventLine> all = fitting(window, filter);
    if (first >= all.size()) return {};
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(first));
    if (all.size() > most) all.resize(most);
    return all;
  }
  TopologyState topology(Nanos at, std::size_t) const override {
    TopologyState state;
    state.at = at;
    using Attachment = TopologyState::Attachment;
    state.endpoints = {{0x28, Attachment{1}, {}}, {0x30, Attachment{}, {}}};
    state.domains = {{1, {}, 3, true}};
    return state;
  }

  // How often it was asked for something that costs: views must not ask again for what they have.
  int questions() const { return questions_; }
  bool live = false;
  bool measure_marked = true;
  // In which no event was seen: nothing is known of it.
  std::optional<TimeWindow> lost;
  Standing standing;

 private:
  struct Lifetime {
    std::uint64_t page;
    Nanos mapped, unmapped;
    bool again;
  };
  static Column flat(double value) {
    const auto v = static_cast<float>(value);
    return {1, v, v, v, false};
  }
  static TimeWindow column(TimeWindow window, std::uint32_t columns, std::uint32_t number) {
    const auto edge = [&](std::uint32_t i) { return window.from + window.length() * i / columns; };
    return {edge(number), edge(number + 1)};
  }
  static float share(TimeWindow part, Nanos from, Nanos to) {
    const Nanos both = std::min(part.to, to) - std::max(part.from, from);
    return both <= 0 ? 0.0f
                     : static_cast<float>(double(both) / double(std::max<Nanos>(1, part.length())));
  }
  bool meets_lost(TimeWindow part) const {
    return lost && part.from < lost->to && lost->from < part.to;
  }
  // A column that events are missing from says nothing.
  Column seen(TimeWindow part, const Column& whole) const {
    if (!meets_lost(part)) return whole;
    Column unknown;
    unknown.gap = true;
    return unknown;
  }
  void mark_lost(TimeWindow window, std::vector<bool>& gap) const {
    const auto columns = static_cast<std::uint32_t>(gap.size());
    for (std::uint32_t i = 0; i < columns; ++i) gap[i] = meets_lost(column(window, columns, i));
  }
  void asked() const { ++questions_; }
  void add(Nanos at, EventKind kind, std::uint32_t id, std::uint64_t a, std::uint64_t b,
           int status) {
    EventLine line;
    line.at = at;
    line.event = {static_cast<Ticks>(at), kind, static_cast<std::uint8_t>(status), 0, id, a, b};
    line.took_ns = kind == EventKind::kDmaMap ? 500 : 0;
    lines_.push_back(line);
  }
  std::uint64_t calls(TimeWindow part, const IovaRange&) const {
    std::uint64_t count = 0;
    for (const Lifetime& lifetime : lifetimes_)
      count += part.contains(lifetime.mapped) + part.contains(lifetime.unmapped);
    return count;
  }
  static bool wants(const Filter& filter, const Lifetime& lifetime) {
    return !filter.range || filter.range->contains(Iova{lifetime.page});
  }
  std::vector<Column> stale(TimeWindow window, std::uint32_t columns,
                            const Filter& filter = {}) const {
    std::vector<Column> result;
    for (std::uint32_t i = 0; i < columns; ++i) {
      float sum = 0;
      for (const Lifetime& lifetime : lifetimes_) {
        if (!wants(filter, lifetime)) continue;
        sum += share(column(window, columns, i), lifetime.unmapped, lifetime.unmapped + stale_for_);
      }
      result.push_back(seen(column(window, columns, i), flat(double(sum))));
    }
    return result;
  }
  std::vector<EventLine> fitting(TimeWindow window, const Filter& filter) const {
    std::vector<EventLine> result;
    for (const EventLine& line : lines_) {
      if (!window.contains(line.at)) continue;
      if (!filter.samples && line.event.kind == EventKind::kSample) continue;
      if (filter.range && !filter.range->contains(Iova{line.event.a})) continue;
      if (!filter.endpoints.empty() &&
          std::find(filter.endpoints.begin(), filter.endpoints.end(), EndpointId{line.event.id}) ==
              filter.endpoints.end()) {
        continue;
      }
      result.push_back(line);
    }
    return result;
  }

  Nanos stale_for_;
  std::vector<Lifetime> lifetimes_;
  std::vector<EventLine> lines_;
  std::atomic<std::uint64_t> version_{1};
  mutable std::atomic<int> questions_{0};
};

class TinyRun : public RunQueries {
 public:
  explicit TinyRun(std::vector<std::shared_ptr<TinyCell>> cells) : cells_(std::move(cells)) {}
  std::string name() const override { return "fake-run"; }
  std::string path() const override { return "/nowhere/fake-run"; }
  std::vector<CellInfo> cells() const override {
    std::vector<CellInfo> all;
    for (const auto& cell : cells_) all.push_back(cell->info());
    return all;
  }
  Result<std::shared_ptr<const CellQueries>> open_cell(std::size_t index,
                                                       const OpenProgress& progress) override {
    progress.report(progress.context, 0.5);
    if (index >= cells_.size()) return fail("no cell {}", index);
    return std::shared_ptr<const CellQueries>(cells_[index]);
  }

 private:
  std::vector<std::shared_ptr<TinyCell>> cells_;
};

}  // namespace violet::query
