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
  LevelSink(const CellData& of, TimeWindow window, const Columns& columns)
      : cell(of), stale(columns, window), live(columns, window) {}
  void page(const LifetimeTable::Lifetime&, std::uint64_t, int by_live, int by_stale, Ticks at) {
    if (by_live != 0) live.change(cell.base.nanos(at), by_live);
    if (by_stale != 0) stale.change(cell.base.nanos(at), by_stale);
  }
  const CellData& cell;
  Track stale, live;
};

LevelTotals replayed_levels(const CellData& cell, const CellData::ReplayFrom& from,
                            TimeWindow window, const Columns& columns, std::vector<Column>& stale,
                            std::vector<Column>& live) {
  LevelSink sink(cell, window, columns);
  LifetimeTracker<LevelSink> tracker(sink);
  load_state(cell, from, tracker);
  std::int64_t live_pages = 0, stale_pages = 0;
  for_state(tracker.table(),
            [&](const LifetimeTable::Lifetime&, std::uint64_t, bool is_live, bool is_stale) {
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
  return {length > 0 ? sink.stale.integral() / length : 0, sink.stale.peak()};
}

LevelTotals from_pyramid(const CellData& cell, TimeWindow window, const Columns& columns,
                         std::vector<Column>& stale, std::vector<Column>& live) {
  LevelColumns stale_columns(columns), live_columns(columns);
  LevelTotals totals;
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
    // Of a bucket at the edge, the part that lies inside.
    const double inside = static_cast<double>(std::min(to, window.to)) -
                          static_cast<double>(std::max(from, window.from));
    if (length > 0) integral += bucket.stale.integral * ns_per_tick * inside / length;
    time += inside;
    totals.peak_stale = std::max(totals.peak_stale, static_cast<double>(bucket.stale.high));
  });
  stale_columns.into(stale);
  live_columns.into(live);
  if (time > 0) totals.mean_stale = integral / time;
  return totals;
}

}  // namespace

LevelTotals levels_of(const CellData& cell, TimeWindow window, const Columns& columns,
                      std::vector<Column>& stale, std::vector<Column>& live) {
  const TickWindow ticks(cell.base, window);
  const auto from = cell.replay(ticks, cell.fine(columns) ? kFewEvents : kMostReplayed);
  const LevelTotals totals = from ? replayed_levels(cell, *from, window, columns, stale, live)
                                  : from_pyramid(cell, window, columns, stale, live);
  mark_gaps(cell, window, columns, stale);
  mark_gaps(cell, window, columns, live);
  return totals;
}

}  // namespace violet::query
