// A CellQueries answers a view's questions about one cell, a screenful each: from the level-of-detail
// pyramid and, where the window is short enough, from the events themselves. A recorded run, a live one
// and a replay answer through the same interface; no view ever holds events.
//
// Threading: a CellQueries may be asked from any thread, several at once; answers are plain values.
// Invariants: the cost of an answer depends on the columns, rows or lines that were asked for and not on the
// length of the run. What was lost is marked (gap, missing), never interpolated. An answer says what time
// it is about and how fine it is (Resolution). What is not known is absent (std::optional, Column::known())
// and has a reason; zero is a number that was counted.
// Units: times are nanoseconds since the repetition began (its kStart mark); latencies are nanoseconds.
// Limits: time windows are half-open [from, to).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.hpp"
#include "engine/telemetry/event_bodies.hpp"
#include "experiments/hdr/percentile_support.hpp"
#include "experiments/query/cell_info.hpp"

namespace violet::query {

// Whose operations count.
enum class Operation : std::uint8_t { kMap, kUnmap, kTranslate, kFault, kCount };
inline constexpr std::size_t kOperations = static_cast<std::size_t>(Operation::kCount);

// What narrows an answer; empty parts narrow nothing.
struct Filter {
  std::optional<IovaRange> range;
  std::vector<EndpointId> endpoints;
  std::vector<Operation> operations;
  bool samples = true;  // The recorder's readings of counters, which nobody did.
  bool empty() const { return !range && endpoints.empty() && operations.empty() && samples; }
  bool operator==(const Filter&) const = default;
};

// A plotted line's column: what happened between two pixels.
struct Column {
  std::uint64_t count = 0;  // Samples or operations in it.
  float low = 0, mean = 0, high = 0;
  bool gap = false;   // Events were lost here; the numbers are of the rest of it.
  bool seen = false;  // That rest was looked at: a count of 0 is a zero.
  // Else nothing is said, neither zero nor anything else: so of a column all of whose events may be lost.
  bool known() const { return count > 0 || seen; }
};

// What an answer is about: the window that was asked for, where the events of its edges are kept; else whole bins
// of the summary, all that the window touches but those that mix what was measured with what was not. When in a bin
// something happened is not known.
struct Resolution {
  TimeWindow about;
  std::optional<Nanos> bin;  // Nothing: event by event.
  // So much of `about` has events missing. Levels and rates leave it out; what was counted one by one in it counts.
  Nanos missing = 0;
  bool exact() const { return !bin; }
  // Whether nothing is said of times as short as that.
  bool hides(Nanos length) const { return bin && length < *bin; }
};

// Of lines, numbers and tables.
using violet::operations_for;

// ---- overview and engine

struct Overview {
  TimeWindow window;
  std::vector<Column> operations_per_s;  // dma_map and dma_unmap calls.
  std::vector<Column> stale_pages;       // Empty: there are none to count, see CellInfo::stays.
  Resolution resolution;                 // Of the coarser one.
};

// Of counters and levels that are sampled now and then. A column between two samples that are much further apart than
// usual (events lost, nobody looked) is not known.
struct EngineColumns {
  TimeWindow window;
  struct Lcore {
    std::uint16_t number = 0;
    std::string role;  // "engine", "guest", "endpoints"
    // Useful polls / polls, each counted in the column, 0..1. Empty: it does not poll.
    std::vector<Column> utilisation;
  };
  std::vector<Lcore> lcores;
  std::vector<Column> queue_depth;                    // Requests in flight.
  std::array<std::vector<Column>, 5> requests_per_s;  // ATTACH, DETACH, MAP, UNMAP, PROBE.
  std::vector<Column> hits_per_s, misses_per_s;
  std::vector<Column> invalidations_per_s, grace_periods_per_s, parked_per_s;
  std::vector<Column> kicks_per_s, flushes_per_s;
  // Operations of the workload, which events alone do not tell; empty: not sampled.
  std::vector<Column> workload_per_s;
  Nanos workload_step_ns =
      0;  // The longest time between two of its samples: no value is of a shorter one.
  Resolution resolution;  // Of kicks and flushes; samples carry their own times.
};

struct FaultLine {
  Nanos at = 0;
  std::uint32_t endpoint = 0;
  std::uint8_t reason = 0;  // protocol::FaultReason
  std::uint64_t address = 0;
};

struct FaultLines {
  std::vector<FaultLine> lines;  // In order of time; where they are not all, evenly chosen.
  std::string because;           // Why these are not all; empty: no other happened in the window.
};

// ---- churn

// Rows are IOVA bands, columns time; row 0 is the lowest address. From the summary the answer has its own
// window and columns in `query`: whole bins, none narrower than a bin, all that the window touches.
struct ChurnQuery {
  TimeWindow window;
  IovaRange range = IovaRange::all();
  std::uint32_t columns = 1, rows = 1;
  Filter filter;
};
struct ChurnGrid {
  ChurnQuery query;
  // columns * rows, row-major.
  std::vector<std::uint32_t> operations;  // dma_map and dma_unmap calls that touch the cell.
  // Of those maps, of a page that was mapped before; counts where the map begins.
  std::vector<std::uint32_t> reuses;
  std::vector<float> live;   // Share of the cell's time in which some page of it was mapped, 0..1.
  std::vector<float> stale;  // The same for: unmapped and still reachable.
  std::vector<bool> gap;     // A column each.
  Resolution resolution;
  // What the summary tells apart: calls are counted by so many bytes, aligned, and stand in every row of
  // them. A page where nothing was merged.
  std::uint64_t band_bytes = 4096;
};
// Where the run's addresses are: what "fit" shows. Nothing for a run without mappings.
struct UsedRanges {
  std::vector<IovaRange> ranges;  // Ascending, merged where less than 2 MiB apart.
};

struct PageLifetimes {
  std::uint64_t page = 0;  // IOVA of its first byte.
  Nanos at = 0;            // As asked.
  struct Lifetime {
    Nanos mapped = 0;
    std::optional<Nanos> unmapped;     // The guest's call returned.
    std::optional<Nanos> executed;     // The engine began to remove it.
    std::optional<Nanos> unreachable;  // Nothing could translate it any more (at the latest).
    std::uint32_t bytes = 0;
    std::uint64_t phys_page = 0;
    Permissions granted = Permissions::kNone;
    std::uint32_t endpoint = 0;
    bool persistent = false;
    bool copied = false;  // Of a pool's slot, which stays; the guest's buffer is out of reach.
    std::uint64_t map_ns = 0, unmap_ns = 0;    // 0: not measured.
    std::uint64_t translations = 0;            // Seen (sampled): see `translations_sampled`.
    std::uint64_t probes = 0, probe_hits = 0;  // By the rogue endpoint.
  };
  std::vector<Lifetime> lifetimes;  // In order; the one at the asked time is `current`.
  // Nothing: it was not mapped before that moment, or the moment is not `searched`.
  std::optional<std::size_t> current;
  bool truncated = false;  // There may be more lifetimes.
  TimeWindow searched;     // What was looked through: of other times nothing is said.
};

// ---- latency

// Bin b covers [low(b), low(b + 1)) nanoseconds, eight to an octave from 8 ns to 2^33.
struct LatencyBins {
  static constexpr unsigned kPerOctave = 8;
  static constexpr unsigned kFirstOctave = 3;
  static constexpr unsigned kOctaves = 30;
  static constexpr std::size_t kCount = kPerOctave * kOctaves;
  static std::size_t of(double ns);
  static double low(std::size_t bin);
  // Of each, as a share of where it begins: what a percentile that is read from them may be off by.
  static double width() { return low(1) / low(0) - 1; }
};

struct LatencyQuery {
  TimeWindow window;
  Operation operation = Operation::kMap;
  std::uint32_t columns = 1;
  Filter filter;
};
// A percentile over time, in steps that the window and the number of operations decide, and not the columns of
// a picture. A step that holds too few operations for its percentile is not known.
struct PercentileLine {
  double percent = 50;
  TimeWindow window;          // Of all steps; may reach beyond the window that was asked for.
  std::vector<Column> steps;  // `mean` is the value.
  double step_ns() const {
    return steps.empty() ? 0 : static_cast<double>(window.length()) / double(steps.size());
  }
  // The step that holds the moment; null outside of them.
  const Column* at(Nanos when) const;
};
struct LatencyGrid {
  // With the answer's own window and columns, as ChurnQuery.
  LatencyQuery query;
  std::vector<std::uint32_t> counts;  // columns * LatencyBins::kCount, column after column.
  std::vector<bool> gap;
  std::array<PercentileLine, 3> lines{{{50, {}, {}}, {99, {}, {}}, {99.9, {}, {}}}};
  // Of `resolution.about`: what histogram, CDF and numbers show.
  Resolution resolution;
  std::array<std::uint64_t, LatencyBins::kCount> histogram{};
  std::uint64_t count = 0;
  double min_ns = 0, max_ns = 0, mean_ns = 0;
  double tick_ns = 0;
  std::optional<double> clock_step_ns;  // As CellInfo's.
  // Whether such a duration says only that it was short.
  bool below_clock(double ns) const { return ns <= clock_step_ns.value_or(tick_ns); }
  // From the histogram; nothing where there are too few operations for it.
  std::optional<double> percentile(double percent) const;
  std::string because;  // Why there is nothing: "this run did not time translations".
};

// ---- exposure

struct ExposureQuery {
  TimeWindow window;
  std::uint32_t columns = 1;
  Filter filter;  // Its operations narrow nothing.
};
// Pages that were live or stale, over time.
struct ExposurePages {
  Resolution resolution;
  double mean_stale = 0, peak_stale = 0;
};

// Times from the return of an unmap to unreachable; those of no length are not in the histogram.
struct ExposureUnmaps {
  Resolution resolution;
  std::array<std::uint64_t, LatencyBins::kCount> histogram{};
  std::uint64_t count = 0;         // With a window, 0 included.
  std::uint64_t zero_windows = 0;  // Of those: unreachable before the call returned.
  std::uint64_t persistent = 0;    // Unmaps that end nothing by design.
  std::uint64_t open = 0;          // Not executed by the end.
  std::optional<double> percentile(double percent) const;  // Nothing: too few windows for it.
};

struct ExposureProbe {  // A rogue endpoint's try at an unmapped address.
  Nanos at;
  std::uint64_t address;
  bool reached;
};

struct ExposureProbes {
  Resolution resolution;
  std::uint64_t count = 0, hits = 0;
};

struct ExposureColumns {
  ExposureQuery query;
  std::vector<Column> stale_pages, live_pages;  // Empty: see `because`.
  std::optional<ExposurePages> pages;
  std::optional<ExposureUnmaps> unmaps;
  std::vector<ExposureProbe> shown_probes;  // Thinned to one a column and kind.
  std::optional<ExposureProbes> probes;
  std::string because;  // Why something of all this is not known.
};

// ---- events and topology

struct EventLine {
  std::uint64_t number = 0;  // Among the kept events of the cell, in order of time.
  Nanos at = 0;
  Event event{};
  std::uint16_t lcore = 0;
  std::uint64_t took_ns = 0;  // 0: not measured.
};

struct TopologyState {
  Nanos at = 0;  // Of what is shown: earlier than asked where no event was kept since.
  struct Region {
    IovaRange range;
    std::uint8_t kind = 0;  // protocol::RegionKind
  };
  struct Mapping {
    IovaRange range;
    Permissions permissions = Permissions::kNone;
    Nanos since = 0;
  };
  struct Attachment {
    std::optional<std::uint32_t> domain;  // Nothing: it is attached to none.
    bool operator==(const Attachment&) const = default;
  };
  struct Endpoint {
    std::uint32_t id = 0;
    std::optional<Attachment> attachment;  // As seen last; nothing: none was seen.
    std::vector<Region> regions;
    bool is_in(std::uint32_t number) const { return attachment && attachment->domain == number; }
  };
  struct Domain {
    std::uint32_t id = 0;
    std::vector<Mapping> mappings;  // Ascending; those that were seen.
    // Nothing: not known, because events that may have changed it were not seen.
    std::optional<std::uint64_t> mapping_count;
    bool truncated = false;  // `mappings` holds the first ones only.
  };
  std::vector<Endpoint> endpoints;
  std::vector<Domain> domains;
  std::string because;  // Why something is not known; empty: all of it is.
};

class CellQueries {
 public:
  virtual ~CellQueries() = default;
  // Changes while the cell is live.
  virtual CellInfo info() const = 0;
  // Grows whenever an answer may have changed; constant for a recorded run.
  virtual std::uint64_t version() const = 0;

  virtual Overview overview(TimeWindow window, std::uint32_t columns) const = 0;
  virtual ChurnGrid churn(const ChurnQuery& query) const = 0;
  virtual UsedRanges used_ranges() const = 0;
  virtual PageLifetimes page_lifetimes(Iova page, Nanos at, std::size_t most = 64) const = 0;
  virtual LatencyGrid latency(const LatencyQuery& query) const = 0;
  virtual ExposureColumns exposure(const ExposureQuery& query) const = 0;
  virtual EngineColumns engine(TimeWindow window, std::uint32_t columns) const = 0;
  virtual FaultLines faults(TimeWindow window, std::size_t most) const = 0;
  // How many kept events fit, and some of them.
  virtual std::uint64_t count_events(TimeWindow window, const Filter& filter) const = 0;
  virtual std::vector<EventLine> events(TimeWindow window, const Filter& filter,
                                        std::uint64_t first, std::size_t most) const = 0;
  virtual TopologyState topology(Nanos at, std::size_t most_mappings = 10000) const = 0;
};

// A run with its cells. Cells are opened on demand: opening one may take seconds when its pyramid has to
// be built, so it reports progress (0..1) and stops when `cancel` says so.
struct OpenProgress {
  void (*report)(void* context, double share) = [](void*, double) {};
  bool (*cancel)(void* context) = [](void*) { return false; };
  void* context = nullptr;
};

// How far a run is that somebody watches.
struct RunProgress {
  enum class State : std::uint8_t {
    kRecorded,  // Nothing more will come.
    kRunning,   // Or it has ended and not all that it left has been sorted.
    kEnded,     // It said so itself; all that it left is here.
    kDied,      // Its process is gone without a word; all that it left is here.
  };
  State state = State::kRecorded;
  // It ended: "finished", "interrupted", "failed"; or what is known of its death. Of a recording also "died", and "goes
  // on": empty where nobody knows. While kRunning: its process is gone, and what it left is being sorted.
  std::string how;
  bool died =
      false;  // Its process is gone without a word, whether all that it left is here or not.
  struct Step {
    std::uint32_t number = 1, of = 1;  // From 1; a step is a repetition of a cell.
  };
  std::optional<Step> step;           // Nothing: it does not say.
  std::optional<double> remaining_s;  // Nothing: too early to tell, over, or its process is gone.
  // How old the newest moment is up to which all is shown. Nothing: no cell goes on, so that nothing can be late.
  std::optional<double> lag_s;
  std::uint64_t lost = 0;  // Events of all cells that could not be read since it is watched.
};

class RunQueries {
 public:
  virtual ~RunQueries() = default;
  virtual std::string name() const = 0;  // Directory name, or the live run's id.
  virtual std::string path() const = 0;
  // What of the recording is lost, and what still works; empty: nothing is lost.
  virtual std::string damage() const { return {}; }
  // Why the run has no cells and will have none; empty: it has, or may get some. Where its results are is for those
  // to say who show none.
  virtual std::string no_cells_because() const { return {}; }
  // One for each cell and repetition that has a trace, in order of time. Grows while live.
  virtual std::vector<CellInfo> cells() const = 0;
  virtual Result<std::shared_ptr<const CellQueries>> open_cell(std::size_t index,
                                                               const OpenProgress& progress) = 0;
  // How many cells there are; unlike cells() cheap at any time.
  virtual std::size_t cell_count() const { return cells().size(); }
  virtual RunProgress progress() const { return {}; }
  // Of a live run: takes what was recorded since the last call. Never waits for the run.
  virtual void pull() {}
};

// A run directory, or a trace.events file by itself. A run without events opens without cells.
Result<std::unique_ptr<RunQueries>> open_run(const std::string& path);
// A run that is going on, by its directory. Error when nothing runs there.
Result<std::unique_ptr<RunQueries>> attach_live(const std::string& run_directory);

}  // namespace violet::query
