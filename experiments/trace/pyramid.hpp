// A pyramid keeps of one cell and repetition what can still be looked at when its events are too many: per bucket
// of time counts, latencies, levels and histograms; churn by page; and the state at some moments, from which
// the events behind them can be replayed. Plain arrays: the same bytes serve memory and a file.
//
// Threading: plain values.
// Invariants: bucket i covers [start + i * width, start + (i + 1) * width), width = 2^shift ticks.
// All arrays but the spans and what belongs to a checkpoint are sorted by their bucket, column or time. Times are ticks since `start`, but for
// `start` itself. What events lost are counted in `lost` and marked in `gap`.
// Limits: kMostBuckets buckets and kMostCells cells a churn grid, whatever the length of the run; what
// does not fit any more is merged with its neighbour.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/clock.hpp"
#include "engine/telemetry/event_bodies.hpp"
#include "experiments/trace/log_bins.hpp"

namespace violet {

inline constexpr std::size_t kMostBuckets = std::size_t{1} << 15;
inline constexpr std::size_t kMostCells = std::size_t{1} << 19;
inline constexpr std::size_t kTimedOperations = 4;  // Map, unmap, translate, fault.
// Tall ones, balanced ones and wide ones: pages are merged when there are more than so many bands
// to a column of time.
inline constexpr std::size_t kChurnGrids = 3;
inline constexpr std::array<double, kChurnGrids> kBandsPerColumn{64, 0.5, 1.0 / 128};

// Which of kTimedOperations; the order of experiments/query's Operation.
enum class Timed : std::uint8_t { kMap, kUnmap, kTranslate, kFault };

// Durations in ticks; min and max mean nothing while count is 0.
struct TimedStats {
  std::uint64_t count = 0;
  std::uint64_t min = ~std::uint64_t{0};
  std::uint64_t max = 0;
  double sum = 0;
};

// A number of pages over a bucket's time. Nothing is known where low > high.
struct LevelStats {
  std::int64_t low = 0;
  std::int64_t high = -1;
  double integral = 0;  // Pages times ticks.
};

struct PyramidBucket {
  std::array<std::uint32_t, kEventKinds> kinds{};
  std::uint32_t lost = 0;
  std::uint32_t gap = 0;  // 1: events of this time are missing.
  // Of the unmaps that returned in here.
  std::uint32_t unmaps = 0;        // That have a window by now, 0 included.
  std::uint32_t zero_windows = 0;  // Of those.
  std::uint32_t persistent_unmaps = 0;
  std::uint32_t open_unmaps = 0;  // Still reachable.
  std::uint32_t probes = 0;  // Rogue probes at addresses that were unmapped and not mapped again.
  std::uint32_t hits = 0;    // Of those: reached memory.
  std::array<TimedStats, kTimedOperations> timed{};
  LevelStats stale{};  // Pages, by the latest end of reachability.
  LevelStats live{};   // Pages mapped by dma_map and not yet unmapped.
};

// One bin of a bucket's histogram that is not empty.
struct BinCell {
  std::uint16_t bucket = 0;
  std::uint8_t endpoint = 0;  // Position in Pyramid::endpoints; kOtherEndpoint: all beyond.
  std::uint8_t bin = 0;
  std::uint32_t count = 0;
};
inline constexpr std::uint8_t kOtherEndpoint = 15;

// A gauge of an lcore in a bucket.
struct GaugeCell {
  std::uint32_t bucket = 0;
  std::uint16_t lcore = 0;
  std::uint16_t gauge = 0;
  std::uint64_t low = 0, high = 0;
  std::uint64_t last = 0;
  Ticks last_at = 0;
  std::uint64_t samples = 0;
  double sum = 0;
};

// A band of pages of an endpoint: the number of its first page >> ChurnGridShape::page_shift, times 16, plus the
// endpoint's position in Pyramid::endpoints.
constexpr std::uint64_t churn_band(std::uint64_t page, std::uint8_t endpoint) {
  return page << 4 | endpoint;
}
constexpr std::uint64_t band_page(std::uint64_t band) { return band >> 4; }
constexpr std::uint8_t band_endpoint(std::uint64_t band) {
  return static_cast<std::uint8_t>(band & 15);
}

// What dma calls did to a band of pages in a column of time.
struct ChurnCell {
  std::uint64_t band = 0;
  std::uint32_t column = 0;
  std::uint32_t maps = 0;       // That begin in the band.
  std::uint32_t unmaps = 0;     // Likewise.
  std::uint32_t continued = 0;  // Maps and unmaps that begin below the band and reach into it.
  std::uint32_t reuses = 0;     // Of `maps`: of a page that was mapped before.
  float live = 0;               // Pages times ticks.
  float stale = 0;
  std::uint32_t unused = 0;
};

// A band that was live or stale without a change for longer than a few columns.
struct ChurnSpan {
  std::uint64_t band = 0;
  Ticks from = 0, to = 0;
  std::uint32_t stale = 0;  // 1: stale; 0: live.
  std::uint32_t unused = 0;
};

struct ChurnGridShape {
  std::uint32_t time_shift = 0;  // A column is 2^time_shift ticks wide. 0: the grid is not used.
  std::uint32_t page_shift = 0;  // A band is 2^page_shift pages high.
};

// A dma_map's lifetime so far. Granules are pages of 4 KiB.
struct LifetimeRecord {
  std::uint64_t first = 0;  // Granule.
  std::uint32_t pages = 0;
  std::uint32_t bytes = 0;
  std::uint64_t phys_page = 0;
  Ticks mapped = 0;
  Ticks unmapped = 0;                   // Meaningful with kUnmapped.
  Ticks executed = 0, unreachable = 0;  // The last of its pages, so far; 0: none.
  std::uint32_t domain = 0;
  std::uint32_t endpoint = 0;
  std::uint8_t status = 0;  // Of the event: needed, granted, persistent.
  std::uint8_t flags = 0;
  std::uint16_t map_took = 0, unmap_took = 0;  // pack_ticks()
  std::uint16_t unused = 0;
  static constexpr std::uint8_t kUnmapped = 1, kStale = 2, kNoWindow = 4;
  bool is(std::uint8_t flag) const { return (flags & flag) != 0; }
  bool persistent() const { return DmaEvent::of_status(status).persistent; }
  Permissions granted() const { return DmaEvent::of_status(status).granted; }
};
// A page of a lifetime that is not simply reachable.
struct PageRecord {
  std::uint32_t lifetime = 0;  // Position in its checkpoint.
  std::uint32_t offset = 0;    // Page of the lifetime.
  std::uint32_t state = 0;     // 1 executed, 2 complete, 3 gone.
  std::uint32_t flight =
      0;  // Of an executed page: position of its UNMAP among those of the checkpoint.
};
struct FlightRecord {
  std::uint64_t first = 0, last = 0;  // Granules.
  std::uint32_t domain = 0;
  std::uint32_t unused = 0;
};
// A range that the engine has in a domain.
struct MappingRecord {
  std::uint64_t first = 0, last = 0;  // Bytes, inclusive.
  Ticks since = 0;
  std::uint32_t domain = 0;
  std::uint32_t permissions = 0;
};
struct AttachRecord {
  std::uint32_t endpoint = 0;
  std::uint32_t domain = 0;
};
// The state at a moment: what all events with a time < `at` have led to. Positions into the arrays of the
// pyramid.
struct Checkpoint {
  struct Slice {
    std::uint64_t first = 0, count = 0;
  };
  Ticks at = 0;
  Slice lifetimes, pages, flights, mappings, attached;
};

struct ProbeRecord {
  Ticks at = 0;
  std::uint64_t address = 0;
  std::uint32_t reached = 0;
  std::uint32_t bucket = 0;
};
struct FaultRecord {
  Ticks at = 0;
  std::uint64_t address = 0;
  std::uint32_t endpoint = 0;
  std::uint32_t reason = 0;
};
struct RegionRecord {
  std::uint64_t first = 0, last = 0;  // last < first: the endpoint has none.
  std::uint32_t endpoint = 0;
  std::uint32_t kind = 0;
};
// When a page was mapped for the first time.
struct FirstMap {
  std::uint64_t granule = 0;
  std::uint32_t domain = 0;  // ~0: of an endpoint that is attached to nothing.
  std::uint32_t unused = 0;
  Ticks at = 0;
};
struct UsedRange {
  std::uint64_t first = 0, last = 0;  // Granules, inclusive.
};

struct PyramidFacts {
  Ticks start = 0;  // Absolute.
  Ticks measure = 0, take_down = 0;
  Ticks end = 0;  // Of the last event, or of the kEnd mark.
  double ns_per_tick = 1;
  std::uint64_t events = 0;
  std::uint64_t lost = 0;
  std::uint64_t reordered = 0;  // Came later than its lcore's order or the skew allows.
  std::uint64_t untracked = 0;  // Mappings beyond what is tracked: counted, but without a lifetime.
  std::uint64_t unmatched = 0;  // Unmaps of what was never seen mapped.
  std::uint64_t faults_thinned = 1;  // One in so many faults is in `faults`.
  std::uint32_t shift = 0;
  std::uint32_t has_measure = 0, has_take_down = 0, ended = 0;
  std::uint32_t probes_thinned = 0;  // 1: `probes` are not all there were.
  std::uint32_t unused = 0;
  ChurnGridShape grids[kChurnGrids];
};

// Looks into a pyramid, or into a file that holds one.
struct PyramidView {
  PyramidFacts facts;
  std::span<const PyramidBucket> buckets;
  std::array<std::span<const BinCell>, kTimedOperations> latencies;
  std::span<const BinCell> windows;
  std::span<const GaugeCell> gauges;
  std::array<std::span<const ChurnCell>, kChurnGrids> churn;
  std::array<std::span<const ChurnSpan>, kChurnGrids> spans;
  std::span<const std::uint32_t> endpoints;  // Ids, by BinCell::endpoint.
  std::span<const Checkpoint> checkpoints;
  std::span<const LifetimeRecord> lifetimes;
  std::span<const PageRecord> pages;
  std::span<const FlightRecord> flights;
  std::span<const MappingRecord> mappings;
  std::span<const AttachRecord> attached;
  std::span<const AttachRecord> ever_attached;  // Which endpoint was ever in which domain.
  std::span<const ProbeRecord> probes;
  std::span<const FaultRecord> faults;
  std::span<const RegionRecord> regions;
  std::span<const UsedRange> used;
  std::span<const FirstMap> first_maps;  // By granule, then domain.
  Ticks width() const { return Ticks{1} << facts.shift; }
};

struct Pyramid {
  PyramidFacts facts;
  std::vector<PyramidBucket> buckets;
  std::array<std::vector<BinCell>, kTimedOperations> latencies;
  std::vector<BinCell> windows;
  std::vector<GaugeCell> gauges;
  std::array<std::vector<ChurnCell>, kChurnGrids> churn;
  std::array<std::vector<ChurnSpan>, kChurnGrids> spans;
  std::vector<std::uint32_t> endpoints;
  std::vector<Checkpoint> checkpoints;
  std::vector<LifetimeRecord> lifetimes;
  std::vector<PageRecord> pages;
  std::vector<FlightRecord> flights;
  std::vector<MappingRecord> mappings;
  std::vector<AttachRecord> attached;
  std::vector<AttachRecord> ever_attached;
  std::vector<ProbeRecord> probes;
  std::vector<FaultRecord> faults;
  std::vector<RegionRecord> regions;
  std::vector<UsedRange> used;
  std::vector<FirstMap> first_maps;
  PyramidView view() const;
};

inline PyramidView Pyramid::view() const {
  PyramidView view;
  view.facts = facts;
  view.buckets = buckets;
  for (std::size_t i = 0; i < kTimedOperations; ++i) view.latencies[i] = latencies[i];
  view.windows = windows;
  view.gauges = gauges;
  for (std::size_t i = 0; i < kChurnGrids; ++i) {
    view.churn[i] = churn[i];
    view.spans[i] = spans[i];
  }
  view.endpoints = endpoints;
  view.checkpoints = checkpoints;
  view.lifetimes = lifetimes;
  view.pages = pages;
  view.flights = flights;
  view.mappings = mappings;
  view.attached = attached;
  view.ever_attached = ever_attached;
  view.probes = probes;
  view.faults = faults;
  view.regions = regions;
  view.used = used;
  view.first_maps = first_maps;
  return view;
}

}  // namespace violet
