// A plan says what to measure: it is checked before anything runs and resolved into cells with every default
// filled in.
//
//   Problems problems;
//   auto plan = load_plan(path, overrides, vocabulary, problems);
//   if (!plan) { print to_text(problems); exit with 2 }
//   for (const Cell& cell : plan->cells) ...
//
// Threading: pure functions; a Plan is a plain value.
// Invariants: every problem of a plan is reported, not only the first, as
// "file:line:column: key 'x': expected ..., found ..., did you mean 'y'?". The id of a cell depends
// on its own settings alone: not on its neighbours, their order or the file's layout; two cells of a
// plan never share one. The same text, overrides and vocabulary give the same cells.
// Limits: 100,000 cells.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/virtqueue/ring_format.hpp"
#include "experiments/plans/assignments.hpp"
#include "experiments/plans/vocabulary.hpp"
#include "experiments/results/expectation.hpp"

namespace violet::plans {

inline constexpr int kResolvedPlanSchema = 1;

enum class Pace { kClosed, kPaced };  // As fast as the strategy allows; the trace's own times.

// What a strategy's timers run on: the clock; or the workload's time, which is a trace's own, however fast it is
// replayed, and 1 us for each operation of a generator.
enum class Timers { kReal, kWorkload };

// Costs that are injected because the testbed has no such hardware or host; what they really took is measured.
// schema.cpp says where each number comes from.
struct Costs {
  std::uint64_t exit_ns =
      0;  // A kick on the guest's core: leaving the guest, and entering it unless entry_ns does.
  std::uint64_t entry_ns = 0;  // Entering it again, after the device ran.
  std::uint64_t exit_pollution_kib =
      0;  // What the exit's handler reads, and evicts of the guest's caches and TLB.
  std::uint64_t wake_ns = 0;        // Waking the kick thread, on top of the real eventfd.
  std::uint64_t host_map_ns = 0;    // The host's work for each MAP: pinning and mapping.
  std::uint64_t host_unmap_ns = 0;  // For each UNMAP: unmapping, unpinning, the host's IOTLB.
  std::uint64_t iotlb_miss_ns = 0;  // Each IOTLB miss, on top of the real walk.
  std::uint64_t packet_ns = 0;      // The guest's stack and driver for each packet.
  std::uint64_t io_ns = 0;          // And for each I/O of a disk.
};

// One point of the matrix.
struct Cell {
  std::string id;     // Stable, readable, a valid file name: "lazy-percpu.net-rx.9f3a12c45b60".
  std::string label;  // The settings that vary in this plan: "strategy=strict workload=net-rx".

  std::string strategy, iova, placement, store, iotlb, iotlb_replacement, iotlb_indexing;
  std::uint32_t iotlb_entries = 0;
  std::uint32_t iotlb_ways = 0;
  RingFormat queue = RingFormat::kSplit;
  std::uint32_t queue_size = 0;
  bool indirect = false;
  bool event_idx = false;
  std::uint32_t cpus = 1;  // CPUs of the modelled guest.
  std::string workload;    // A workload's name, "trace:<dataset>" or "trace:<path>".
  std::string dataset;     // What follows "trace:", else empty.
  Pace pace = Pace::kClosed;
  double pace_scale = 1;  // 2 replays at twice the trace's speed. 1 when closed.
  Timers timers = Timers::kReal;
  Costs costs;
  SettingValues strategy_settings, workload_settings;

  // Everything above under its plan key ("strategy", "costs.exit_ns", "strategy.lazy-percpu.timer_ms"),
  // in the order of the keys' table: what results store as axes.
  SettingAssignments settings;
};

// Of a cell whose interval has to become narrow, unless the plan says otherwise.
inline constexpr std::uint32_t kMostRepetitions = 30;
inline constexpr std::uint64_t kTraceMib = 64;  // Unless the plan says otherwise.

struct RunSettings {
  std::uint32_t repetitions = 0;
  // A cell is repeated beyond that until the interval of its median is at most so many per cent of it wide
  // (results/until_ci.hpp), most_repetitions at the most. Nothing: no cell is, and there is no such number.
  std::optional<double> until_ci_percent;
  std::uint32_t most_repetitions = 0;
  std::uint32_t most() const { return until_ci_percent ? most_repetitions : repetitions; }
  // Exactly one of each pair is set; zero warm-up seconds mean none.
  std::optional<double> warmup_s, duration_s;
  std::optional<std::uint64_t> warmup_operations, operations;
  std::uint64_t seed = 0;
  double threshold_percent = 0;  // A regression beyond it makes compare exit with 3.
  bool interleaved = true;       // Repetition 0 of every cell, then repetition 1, ...
  // What events may take on disk, of all cells together; 0: none are kept.
  std::uint64_t trace_mib = kTraceMib;
  bool breakdown = true;  // Rounds of operations are sampled for where their time goes.
};

struct CoreSettings {
  bool allow_oversubscribed = false;
  // Numbers of CPUs; nothing: the runner chooses.
  std::optional<std::uint32_t> engine, guest, endpoint;
};

struct Limits {
  std::uint64_t domains = 0, mappings = 0, memory_mib = 0, guest_memory_mib = 0;
};

struct Plan {
  std::string name, description;
  RunSettings run;
  CoreSettings cores;
  Limits limits;
  std::vector<Cell> cells;                         // In the order of the matrix.
  std::vector<std::string> varying;                // Keys with more than one value among the cells.
  std::vector<results::Expectation> expectations;  // In the file's order.
  std::vector<std::string> notes;      // Worth a line on stderr: an [[exclude]] that met nothing.
  std::string text;                    // As given.
  std::vector<std::string> overrides;  // As given.

  // 8 hex digits over everything that is measured, but for a trace_mib, a breakdown and an until_ci_percent that are the
  // default: plans from before there were such keys keep theirs, and what is expected changes none.
  std::string hash() const;
};

// Nothing when there is any problem. `file` names the text in messages.
std::optional<Plan> parse_plan(std::string_view text, std::string_view file,
                               std::span<const std::string> overrides, const Vocabulary& vocabulary,
                               Problems& problems);
std::optional<Plan> load_plan(const std::filesystem::path& path,
                              std::span<const std::string> overrides, const Vocabulary& vocabulary,
                              Problems& problems);

// Schema "violet.plan" version 1, every default included.
std::string resolved_json(const Plan& plan);
// A plan that was resolved before, by this or an older program: the cells that it had then, whatever defaults are today.
// Problems name the cell; a setting that there was not then has today's default, which `notes` says.
std::optional<Plan> parse_resolved(std::string_view json, std::string_view file,
                                   const Vocabulary& vocabulary, Problems& problems);

// Every key that a plan with this vocabulary may have, with type, range, default and help.
std::vector<Setting> plan_keys(const Vocabulary& vocabulary);

}  // namespace violet::plans
