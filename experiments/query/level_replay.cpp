#include "experiments/query/level_replay.hpp"

#include "experiments/query/column_sums.hpp"

namespace violet::query {
namespace {

// A level that changes at moments, into columns and totals.
class Track {
 public:
  Track(const Columns& columns, TimeWindow window) : columns_(columns), window_(window) {}

  void begin(std::int64_t value) { value_ = value; }
  void change(Nanos at, std::int64_t by) {
    if (at >= window_.to) return;
    settle(at);
    value_ += by;
    if (at >= window_.from) {
      const auto level = static_cast<double>(value_);
      columns_.add(at, at, level, level, level);
      peak_ = std::max(peak_, level);
    }
  }
  void settle(Nanos at) {
    at = std::min(at, window_.to);
    const Nanos from = std::max(since_, window_.from);
    since_ = std::max(since_, at);
    if (at <= from) return;
    const auto level = static_cast<double>(value_);
    columns_.add(from, at, level, level, level);
    integral_ += level * static_cast<double>(at - from);
    peak_ = std::max(peak_, level);
  }
  void into(std::vector<Column>& out) const { columns_.into(out); }
  double integral() const { return integral_; }
  double peak() const { return peak_; }

 private:
  LevelColumns columns_;
  TimeWindow window_;
  Nanos since_ = 0;
  std::int64_t value_ = 0;
  double integral_ = 0, peak_ = 0;
};

struct LevelSink : LifetimeSink {
  LevelSink(const CellData& of, TimeWindow window, const Columns& columns, const Filter& narrow)
      : cell(of), filter(narrow), stale(columns, window), live(columns, window) {}
  void page(const LifetimeTable::Lifetime& lifetime, std::uint64_t granule, int by_live,
            int by_stale, Ticks at) {
    if (!wants_page(filter, lifetime, granule)) return;
    if (by_live != 0) live.change(cell.base.nanos(at), by_live);
    if (by_stale != 0) stale.change(cell.base.nanos(at), by_stale);
  }
  const CellData& cell;
  const Filter& filter;
  Track stale, live;
};

ExposurePages replayed_levels(const CellData& cell, const CellData::ReplayFrom& from,
                              TimeWindow window, const Columns& columns, const Filter& filter,
                              std::vector<Column>& stale, std::vector<Column>& live) {
  LevelSink sink(cell, window, columns, filter);
  LifetimeTracker<LevelSink> tracker(sink);
  load_state(cell, from, tracker);
  std::int64_t live_pages = 0, stale_pages = 0;
  for_state(tracker.table(), [&](const LifetimeTable::Lifetime& lifetime, std::uint64_t granule,
                                 bool is_live, bool is_stale) {
    if (!wants_page(filter, lifetime, granule)) return;
    live_pages += is_live ? 1 : 0;
    stale_pages += is_stale ? 1 : 0;
  });
  sink.live.begin(live_pages);
  sink.stale.begin(stale_pages);
  const TickWindow ticks(cell.base, window);
  cell.events->merge(from.from, ticks.to, [&](std::uint16_t, const Event& event) {
    tracker.apply(event);
    return true;
  });
  // What comes after the run's last event is nobody's.
  const Nanos end = std::min(window.to, cell.info.whole.to);
  sink.live.settle(end);
  sink.stale.settle(end);
  sink.live.into(live);
  sink.stale.into(stale);
  const double length =
      static_cast<double>(end) - static_cast<double>(std::max<Nanos>(0, window.from));
  return {{window, {}}, length > 0 ? sink.stale.integral() / length : 0, sink.stale.peak()};
}

ExposurePages levels_from_pyramid(const CellData& cell, TimeWindow window, const Columns& columns,
                                  std::vector<Column>& stale, std::vector<Column>& live) {
  LevelColumns stale_columns(columns), live_columns(columns);
  ExposurePages totals;
  totals.resolution = resolution_of_buckets(cell, window);
  double integral = 0, time = 0;
  const double ns_per_tick = cell.base.ns_per_tick();
  for_buckets(cell, window, [&](std::size_t, const PyramidBucket& bucket, Nanos from, Nanos to) {
    const double length = static_cast<double>(to) - static_cast<double>(from);
    const auto add = [&](const LevelStats& level, LevelColumns& into) {
      if (level.low > level.high) return;
      const double mean =
          length > 0 ? level.integral * ns_per_tick / length : static_cast<double>(level.high);
      into.add(from, to, static_cast<double>(level.low), mean, static_cast<double>(level.high));
    };
    add(bucket.stale, stale_columns);
    add(bucket.live, live_columns);
    integral += bucket.stale.integral * ns_per_tick;
    time += length;
    totals.peak_stale = std::max(totals.peak_stale, static_cast<double>(bucket.stale.high));
  });
  stale_columns.into(stale);
  live_columns.into(live);
  if (time > 0) totals.mean_stale = integral / time;
  return totals;
}

}  // namespace

std::optional<CellData::ReplayFrom> replay_pages(const CellData& cell, TimeWindow window, bool fine,
                                                 const Filter& filter) {
  const std::uint64_t most = narrows_pages(filter) ? kMostScanned
                             : fine                ? kFewEvents
                                                   : kMostReplayed;
  return cell.replay(TickWindow(cell.base, window), most);
}

std::string why_no_replay(const CellData& cell, TimeWindow window) {
  if (!cell.kept(TickWindow(cell.base, window))) {
    return fmt::format(
        "the summary does not tell addresses or endpoints apart, and single events are not kept "
        "here{}",
        cell.kept_until == ~Ticks{0}
            ? ""
            : fmt::format(" (until {:.6f} s)", static_cast<double>(cell.info.kept_until) / 1e9));
  }
  return fmt::format(
      "of some addresses or endpoints it is worked out event by event, for up to {} events: zoom "
      "in",
      kMostScanned);
}

std::optional<ExposurePages> levels_of(const CellData& cell, TimeWindow window,
                                       const Columns& columns, const Filter& filter,
                                       std::vector<Column>& stale, std::vector<Column>& live) {
  const auto from = replay_pages(cell, window, cell.fine(columns), filter);
  if (!from && narrows_pages(filter)) return std::nullopt;
  const ExposurePages totals =
      from ? replayed_levels(cell, *from, window, columns, filter, stale, live)
           : levels_from_pyramid(cell, window, columns, stale, live);
  mark_gaps(cell, window, columns, stale);
  mark_gaps(cell, window, columns, live);
  return totals;
}

}  // namespace violet::query
