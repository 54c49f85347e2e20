// The exposure query counts stale pages, the windows of unmaps, and what the rogue reached.
#include <cmath>
#include <optional>
#include <unordered_set>

#include "experiments/query/level_replay.hpp"
#include "experiments/query/lost_times.hpp"
#include "experiments/query/window_parts.hpp"

namespace violet::query {
namespace {

// Windows may end after the time in which their unmaps returned: so many events are looked at for that.
constexpr std::uint64_t kMostFollowed = 150'000;

struct WindowSink : LifetimeSink {
  WindowSink(const CellData& of, const ExposureQuery& query, ExposureUnmaps& into)
      : cell(of), asked(query), out(into) {}
  bool wants(const LifetimeTable::Lifetime& lifetime) const {
    const auto& range = asked.filter.range;
    const std::uint64_t last = lifetime.first + std::max<std::uint32_t>(1, lifetime.pages) - 1;
    return has_endpoint(asked.filter, lifetime.endpoint) &&
           (!range || range->overlaps(
                          {{lifetime.first << kGranuleShift4K}, {last << kGranuleShift4K | 4095}}));
  }
  bool counts(const LifetimeTable::Lifetime& lifetime) const {
    return asked.window.contains(cell.base.nanos(lifetime.unmapped)) && wants(lifetime);
  }
  void unmapped(const LifetimeTable::Lifetime& lifetime, Ticks at) {
    if (asked.window.contains(cell.base.nanos(at)) && wants(lifetime)) ++out.open;
  }
  void window(const LifetimeTable::Lifetime& lifetime) {
    if (!counts(lifetime)) return;
    close();
    ++out.count;
    if (lifetime.unreachable <= lifetime.unmapped) {
      ++out.zero_windows;
      return;
    }
    const double ns =
        static_cast<double>(lifetime.unreachable - lifetime.unmapped) * cell.base.ns_per_tick();
    ++out.histogram[LatencyBins::of(ns)];
  }
  void no_window(const LifetimeTable::Lifetime& lifetime) {
    if (counts(lifetime)) close();
  }
  // A state that came from a file may not add up.
  void close() {
    if (out.open > 0) --out.open;
  }
  const CellData& cell;
  const ExposureQuery& asked;
  ExposureUnmaps& out;
};

bool touches(const Filter& filter, const Event& event) {
  return has_endpoint(filter, event.id) &&
         (!filter.range || filter.range->overlaps(addresses_of(event).value_or(*filter.range)));
}

// False when windows are still open where the looking had to end.
bool replay_windows(const CellData& cell, const CellData::ReplayFrom& from,
                    const ExposureQuery& query, ExposureUnmaps& out) {
  WindowSink sink(cell, query, out);
  LifetimeTracker<WindowSink> tracker(sink);
  load_state(cell, from, tracker);
  // Unmaps before the window are history: those of the state are not in it, or would be counted twice.
  for (const LifetimeTable::Lifetime& lifetime : tracker.table().lifetimes) {
    const bool open = lifetime.pages > 0 && lifetime.is(LifetimeRecord::kStale) &&
                      !lifetime.is(LifetimeRecord::kNoWindow);
    if (open && sink.counts(lifetime)) ++out.open;
  }
  const TickWindow ticks(cell.base, query.window);
  std::uint64_t followed = 0;
  bool complete = true;
  cell.events->merge(from.from, cell.kept_until, [&](std::uint16_t, const Event& event) {
    if (event.at >= ticks.to) {
      if (out.open == 0) return false;
      if (++followed > kMostFollowed) return complete = false;
    } else if (event.kind == EventKind::kDmaUnmap && event.at >= ticks.from &&
               DmaEvent::of(event).persistent && touches(query.filter, event)) {
      ++out.persistent;
    }
    tracker.apply(event);
    return true;
  });
  const bool seen_all = cell.kept_until == ~Ticks{0};
  return out.open == 0 || (complete && seen_all);
}

void add(const ExposureUnmaps& part, ExposureUnmaps& out) {
  for (std::size_t bin = 0; bin < LatencyBins::kCount; ++bin) {
    out.histogram[bin] += part.histogram[bin];
  }
  out.count += part.count;
  out.zero_windows += part.zero_windows;
  out.persistent += part.persistent;
  out.open += part.open;
}

// Of an edge of the window; false where its events are not there, or not all of what became of them.
bool add_edge(const CellData& cell, TimeWindow part, ExposureUnmaps& out) {
  const auto from = cell.replay(TickWindow(cell.base, part), kMostOfAnEdge);
  ExposureUnmaps edge;
  if (!from || !replay_windows(cell, *from, {part, 1, {}}, edge)) return false;
  add(edge, out);
  return true;
}

// Nothing: see why_no_parts().
std::optional<ExposureUnmaps> windows_from_pyramid(const CellData& cell, TimeWindow window) {
  ExposureUnmaps out;
  const WindowParts parts =
      split_window(cell, window, [&](TimeWindow part) { return add_edge(cell, part, out); });
  if (parts.nothing()) return std::nullopt;
  out.resolution = parts.resolution;
  const auto& cells = cell.pyramid.windows;
  auto next = cells.begin();
  for_buckets(cell, parts.buckets,
              [&](std::size_t index, const PyramidBucket& bucket, Nanos, Nanos) {
                next = std::partition_point(
                    next, cells.end(), [index](const BinCell& one) { return one.bucket < index; });
                for (; next != cells.end() && next->bucket == index; ++next) {
                  out.histogram[next->bin] += next->count;
                }
                out.count += bucket.unmaps;
                out.zero_windows += bucket.zero_windows;
                out.persistent += bucket.persistent_unmaps;
                out.open += bucket.open_unmaps;
              });
  return out;
}

// Nothing where the window's unmaps of some pages cannot be replayed, or not be told from others.
std::optional<ExposureUnmaps> unmaps_of(const CellData& cell, const ExposureQuery& query,
                                        bool fine) {
  const auto from = replay_pages(cell, query.window, fine, query.filter);
  ExposureUnmaps exact;
  exact.resolution.about = query.window;
  if (from && replay_windows(cell, *from, query, exact)) return exact;
  if (!narrows_pages(query.filter)) return windows_from_pyramid(cell, query.window);
  // Windows that the looking did not see closed are open as far as is known.
  if (from) return exact;
  return std::nullopt;
}

// One of each kind a column, and how many there were. Who probes is no endpoint of the guest's: of the filter only
// the addresses narrow.
void probes_of(const CellData& cell, const ExposureQuery& query, const Columns& columns,
               ExposureColumns& out) {
  const auto& range = query.filter.range;
  std::unordered_set<std::uint64_t> drawn;
  const bool all_known = cell.pyramid.facts.probes_thinned == 0;
  ExposureProbes counted{{query.window, {}}, 0, 0};
  for (const ProbeRecord& probe : cell.pyramid.probes) {
    const Nanos at = cell.base.since(probe.at);
    if (!query.window.contains(at) || (range && !range->contains(Iova{probe.address}))) continue;
    const bool reached = probe.reached != 0;
    ++counted.count;
    counted.hits += reached ? 1 : 0;
    if (drawn.insert(std::uint64_t{columns.of(at)} * 2 + (reached ? 1 : 0)).second) {
      out.shown_probes.push_back({at, probe.address, reached});
    }
  }
  if (all_known) {
    out.probes = counted;
    return;
  }
  if (range) {
    out.because += out.because.empty() ? "" : "; ";
    out.because += "of the probes at some addresses a sample was kept";
    return;
  }
  // Which probe reached for what was unmapped is the summary's to say: edges are not read.
  const WindowParts parts = split_window(cell, query.window, [](TimeWindow) { return false; });
  if (parts.nothing()) {
    out.because += (out.because.empty() ? "" : "; ") + why_no_parts();
    return;
  }
  out.probes = {parts.resolution, 0, 0};
  for_buckets(cell, parts.buckets, [&](std::size_t, const PyramidBucket& bucket, Nanos, Nanos) {
    out.probes->count += bucket.probes;
    out.probes->hits += bucket.hits;
  });
}

}  // namespace

std::optional<double> ExposureUnmaps::percentile(double percent) const {
  if (count < operations_for(percent)) return std::nullopt;
  const double rank = std::ceil(percent / 100 * static_cast<double>(count));
  double seen = static_cast<double>(zero_windows);
  if (seen >= rank) return 0;
  for (std::size_t bin = 0; bin < LatencyBins::kCount; ++bin) {
    seen += static_cast<double>(histogram[bin]);
    if (seen >= rank) return std::sqrt(LatencyBins::low(bin) * LatencyBins::low(bin + 1));
  }
  return LatencyBins::low(LatencyBins::kCount);
}

ExposureColumns ask_exposure(const CellData& cell, const ExposureQuery& asked) {
  ExposureQuery query = asked;
  const Columns columns(query.window, query.columns);
  query.columns = columns.count();
  ExposureColumns out;
  out.query = query;
  PageLevels levels = levels_of(cell, query.window, columns, query.filter);
  out.pages = levels.pages;
  out.stale_pages = std::move(levels.stale);
  out.live_pages = std::move(levels.live);
  out.because = levels.because;
  bool lost = false;
  out.unmaps = unmaps_of(cell, query, cell.fine(columns));
  if (!out.unmaps) {
    out.because = narrows_pages(query.filter) ? why_no_replay(cell, query.window) : why_no_parts();
  } else {
    out.unmaps->resolution.missing = missing_of(cell, out.unmaps->resolution);
    lost = all_missing(cell, out.unmaps->resolution);
    if (lost) out.unmaps.reset();
  }
  if (cell.info.stays == CellInfo::Stays::kBuffers) {
    out.stale_pages.clear();
    out.pages.reset();
    out.because = "the device keeps reaching the guest's buffers, by design";
  }
  probes_of(cell, query, columns, out);
  if (lost && out.probes && out.probes->count == 0) out.probes.reset();
  if (lost && out.because.empty()) out.because = kAllLost;
  return out;
}

}  // namespace violet::query
