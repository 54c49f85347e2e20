#include "experiments/query/level_replay.hpp"

#include "experiments/query/lost_times.hpp"
#include "experiments/query/window_parts.hpp"

namespace violet::query {
namespace {

// Stale and live pages, from whatever parts of a window are added.
struct LevelTotals {
  explicit LevelTotals(const Columns& columns) : stale(columns), live(columns) {}
  LevelColumns stale, live;
  double integral = 0, peak = 0;  // Of the stale ones.
  double seen = 0;                // Nanoseconds that they are over.
  Nanos missing = 0;
};

// A level that changes at moments, as far as nothing is missing.
class Track {
 public:
  Track(LevelColumns& columns, TimeWindow window, const LostTimes& lost)
      : columns_(columns), window_(window), lost_(lost) {}

  void begin(std::int64_t value) { value_ = value; }
  void change(Nanos at, std::int64_t by) {
    if (at >= window_.to) return;
    settle(at);
    value_ += by;
    if (at >= window_.from && !lost_.hold(at)) {
      const auto level = static_cast<double>(value_);
      columns_.add(at, at, level, level, level);
      peak_ = std::max(peak_, level);
    }
  }
  void settle(Nanos at) {
    at = std::min(at, window_.to);
    const Nanos from = std::max(since_, window_.from);
    since_ = std::max(since_, at);
    const auto level = static_cast<double>(value_);
    lost_.for_seen(from, at, [&](Nanos begin, Nanos end) {
      columns_.add(begin, end, level, level, level);
      integral_ += level * static_cast<double>(end - begin);
      peak_ = std::max(peak_, level);
    });
  }
  double integral() const { return integral_; }
  double peak() const { return peak_; }

 private:
  LevelColumns& columns_;
  TimeWindow window_;
  const LostTimes& lost_;
  Nanos since_ = 0;
  std::int64_t value_ = 0;
  double integral_ = 0, peak_ = 0;
};

struct LevelSink : LifetimeSink {
  LevelSink(const CellData& of, TimeWindow window, const LostTimes& lost, LevelTotals& into,
            const Filter& narrow)
      : cell(of), filter(narrow), stale(into.stale, window, lost), live(into.live, window, lost) {}
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

void replay_levels(const CellData& cell, const CellData::ReplayFrom& from, TimeWindow window,
                   const Filter& filter, LevelTotals& into) {
  const LostTimes lost(cell, window);
  LevelSink sink(cell, window, lost, into, filter);
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
  const Nanos begin = std::max<Nanos>(0, window.from),
              end = std::min(window.to, cell.info.whole.to);
  sink.live.settle(end);
  sink.stale.settle(end);
  into.integral += sink.stale.integral();
  into.peak = std::max(into.peak, sink.stale.peak());
  double seen = 0;
  lost.for_seen(begin, end, [&](Nanos a, Nanos b) { seen += static_cast<double>(b - a); });
  into.seen += seen;
  if (end > begin) into.missing += (end - begin) - static_cast<Nanos>(seen);
}

// What a bucket with a gap says of its pages is what the events before the gap led to, and not what was.
void add_buckets(const CellData& cell, BucketRange buckets, LevelTotals& into) {
  const double ns_per_tick = cell.base.ns_per_tick();
  for_buckets(cell, buckets, [&](std::size_t, const PyramidBucket& bucket, Nanos from, Nanos to) {
    if (bucket.gap != 0) {
      into.missing += to - from;
      return;
    }
    const double length = static_cast<double>(to) - static_cast<double>(from);
    const auto add = [&](const LevelStats& level, LevelColumns& columns) {
      if (level.low > level.high) return;
      const double mean =
          length > 0 ? level.integral * ns_per_tick / length : static_cast<double>(level.high);
      columns.add(from, to, static_cast<double>(level.low), mean, static_cast<double>(level.high));
    };
    add(bucket.stale, into.stale);
    add(bucket.live, into.live);
    into.integral += bucket.stale.integral * ns_per_tick;
    into.seen += length;
    into.peak = std::max(into.peak, static_cast<double>(bucket.stale.high));
  });
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

PageLevels levels_of(const CellData& cell, TimeWindow window, const Columns& columns,
                     const Filter& filter) {
  PageLevels out;
  out.resolution.about = window;
  const auto from = replay_pages(cell, window, cell.fine(columns), filter);
  if (!from && narrows_pages(filter)) {
    out.because = why_no_replay(cell, window);
    return out;
  }
  LevelTotals totals(columns);
  if (from) {
    replay_levels(cell, *from, window, filter, totals);
  } else {
    const WindowParts parts = split_window(cell, window, [&](TimeWindow part) {
      const auto state = cell.replay(TickWindow(cell.base, part), kMostOfAnEdge);
      if (state) replay_levels(cell, *state, part, filter, totals);
      return state.has_value();
    });
    add_buckets(cell, parts.buckets, totals);
    out.resolution = parts.resolution;
    if (parts.nothing()) out.because = why_no_parts();
  }
  out.resolution.missing = totals.missing;
  totals.stale.into(out.stale);
  totals.live.into(out.live);
  mark_gaps(cell, window, columns, out.stale);
  mark_gaps(cell, window, columns, out.live);
  if (totals.seen > 0) {
    out.pages = ExposurePages{out.resolution, totals.integral / totals.seen, totals.peak};
  } else if (out.because.empty()) {
    out.because = totals.missing > 0 ? kAllLost : "nothing was recorded of this time";
  }
  return out;
}

}  // namespace violet::query
