// Exposure: stale pages, the windows of unmaps, and what the rogue reached.
#include <cmath>
#include <optional>
#include <unordered_set>

#include "experiments/query/column_sums.hpp"
#include "experiments/query/level_replay.hpp"

namespace violet::query {
namespace {

// Windows may end after the time in which their unmaps returned: so many events are looked at for that.
constexpr std::uint64_t kMostFollowed = 150'000;

struct WindowSink : LifetimeSink {
  WindowSink(const CellData& of, TimeWindow window, ExposureColumns& into)
      : cell(of), asked(window), out(into) {}
  void unmapped(const LifetimeTable::Lifetime&, Ticks at) {
    if (asked.contains(cell.base.nanos(at))) ++out.open;
  }
  void window(const LifetimeTable::Lifetime& lifetime) {
    if (!asked.contains(cell.base.nanos(lifetime.unmapped))) return;
    close();
    ++out.unmaps;
    if (lifetime.unreachable <= lifetime.unmapped) {
      ++out.zero_windows;
      return;
    }
    const double ns =
        static_cast<double>(lifetime.unreachable - lifetime.unmapped) * cell.base.ns_per_tick();
    ++out.window_histogram[LatencyBins::of(ns)];
  }
  void no_window(const LifetimeTable::Lifetime& lifetime) {
    if (asked.contains(cell.base.nanos(lifetime.unmapped))) close();
  }
  // A state that came from a file may not add up.
  void close() {
    if (out.open > 0) --out.open;
  }
  const CellData& cell;
  TimeWindow asked;
  ExposureColumns& out;
};

// False when windows are still open where the looking had to end.
bool replay_windows(const CellData& cell, const CellData::ReplayFrom& from, TimeWindow window,
                    ExposureColumns& out) {
  WindowSink sink(cell, window, out);
  LifetimeTracker<WindowSink> tracker(sink);
  load_state(cell, from, tracker);
  // Unmaps before the window are history: those of the state are not in it, or would be counted twice.
  for (const LifetimeTable::Lifetime& lifetime : tracker.table().lifetimes) {
    const bool open = lifetime.pages > 0 && lifetime.is(LifetimeRecord::kStale) &&
                      !lifetime.is(LifetimeRecord::kNoWindow);
    if (open && window.contains(cell.base.nanos(lifetime.unmapped))) ++out.open;
  }
  const TickWindow ticks(cell.base, window);
  std::uint64_t followed = 0;
  bool complete = true;
  cell.events->merge(from.from, cell.kept_until, [&](std::uint16_t, const Event& event) {
    if (event.at >= ticks.to) {
      if (out.open == 0) return false;
      if (++followed > kMostFollowed) return complete = false;
    } else if (event.kind == EventKind::kDmaUnmap && event.at >= ticks.from &&
               DmaEvent::of(event).persistent) {
      ++out.persistent;
    }
    tracker.apply(event);
    return true;
  });
  const bool seen_all = cell.kept_until == ~Ticks{0};
  return out.open == 0 || (complete && seen_all);
}

void windows_from_pyramid(const CellData& cell, TimeWindow window, ExposureColumns& out) {
  const auto& cells = cell.pyramid.windows;
  auto next = cells.begin();
  for_buckets(cell, window,
              [&](std::size_t index, const PyramidBucket& bucket, Nanos from, Nanos to) {
                next = std::partition_point(
                    next, cells.end(), [index](const BinCell& one) { return one.bucket < index; });
                // A bucket at the edge belongs to the side on which its middle lies.
                if (!window.contains(from + (to - from) / 2)) return;
                for (; next != cells.end() && next->bucket == index; ++next) {
                  out.window_histogram[next->bin] += next->count;
                }
                out.unmaps += bucket.unmaps;
                out.zero_windows += bucket.zero_windows;
                out.persistent += bucket.persistent_unmaps;
                out.open += bucket.open_unmaps;
              });
}

// One of each kind a column, and how many there were.
void probes_of(const CellData& cell, TimeWindow window, const Columns& columns,
               ExposureColumns& out) {
  std::unordered_set<std::uint64_t> drawn;
  const bool all_known = cell.pyramid.facts.probes_thinned == 0;
  for (const ProbeRecord& probe : cell.pyramid.probes) {
    const Nanos at = cell.base.since(probe.at);
    if (!window.contains(at)) continue;
    const bool reached = probe.reached != 0;
    if (all_known) {
      ++out.probes;
      out.hits += reached ? 1 : 0;
    }
    if (drawn.insert(std::uint64_t{columns.of(at)} * 2 + (reached ? 1 : 0)).second) {
      out.stale_probes.push_back({at, probe.address, reached});
    }
  }
  if (all_known) return;
  for_buckets(cell, window, [&](std::size_t, const PyramidBucket& bucket, Nanos from, Nanos to) {
    if (!window.contains(from + (to - from) / 2)) return;
    out.probes += bucket.probes;
    out.hits += bucket.hits;
  });
}

}  // namespace

ExposureColumns ask_exposure(const CellData& cell, TimeWindow window, std::uint32_t count) {
  const Columns columns(window, count);
  ExposureColumns out;
  out.window = window;
  const LevelTotals totals = levels_of(cell, window, columns, out.stale_pages, out.live_pages);
  out.mean_stale_pages = totals.mean_stale;
  out.peak_stale_pages = totals.peak_stale;
  const auto from =
      cell.replay(TickWindow(cell.base, window), cell.fine(columns) ? kFewEvents : kMostReplayed);
  ExposureColumns exact;
  if (from && replay_windows(cell, *from, window, exact)) {
    out.window_histogram = exact.window_histogram;
    out.unmaps = exact.unmaps;
    out.zero_windows = exact.zero_windows;
    out.persistent = exact.persistent;
    out.open = exact.open;
  } else {
    windows_from_pyramid(cell, window, out);
  }
  probes_of(cell, window, columns, out);
  return out;
}

}  // namespace violet::query
