// A manifest records what a run was made with and on: manifest.json.
//
// Threading: plain values; host_manifest() reads files.
// Invariants: what is not known is null with the reason beside it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.hpp"
#include "experiments/results/records.hpp"

namespace violet::results {

inline constexpr int kRunSchema = 1;

// A value, or why there is none.
struct Fact {
  std::string value;
  std::string because;
  bool known() const { return because.empty(); }
  std::string text() const { return known() ? value : "not available, because " + because; }
};

// What was injected in all repetitions together, as it was measured: in seconds, by kind ("exit").
struct InjectedTotals {
  std::uint64_t repetitions = 0;
  double measured_s = 0;
  std::map<std::string, double> spun_s;

  void add(const RepetitionRecord& record);
};

// What a run keeps of its events to look at, of all repetitions that are traced together.
struct KeptTrace {
  std::uint64_t budget_mib = 0;   // 0: nothing is kept.
  std::uint64_t repetitions = 0;  // That were traced.
  std::uint64_t seen = 0;         // Events of theirs that the recorder got;
  std::uint64_t kept = 0;  // of those, with their time and all they say: the earliest ones of each.
  bool operator==(const KeptTrace&) const = default;
};
// A sentence: what of the events is there, and what became of the others.
std::string kept_text(const KeptTrace& trace);
// Of a run that keeps none: what to say wherever a trace is needed.
inline constexpr const char* kNoTraceKept = "no trace was kept: --no-trace";

// How narrow the interval of a cell's median is, by the rule of a run.
struct CellPrecision {
  std::uint32_t repetitions = 0;        // That count.
  std::optional<double> width_percent;  // Of the median.
  std::string because;                  // Why that is not known.
  bool narrow = false;
  bool operator==(const CellPrecision&) const = default;
};
// The rule by which cells are repeated until an interval is narrow enough (until_ci.hpp).
struct UntilCi {
  double percent = 0;
  std::uint32_t repetitions = 0, most_repetitions = 0;
  double confidence = 0;  // Of each interval of a median, 0.95 or more, to allow for all looks.
  std::map<std::string, CellPrecision> cells;  // By id, as the run ended; empty while it goes on.
  bool operator==(const UntilCi&) const = default;
};

struct Manifest {
  int schema = kRunSchema;
  std::string run_id, plan_name, plan_hash;
  std::string started_utc, finished_utc;  // ISO 8601; the latter empty while running.
  double started_epoch_s = 0;
  std::string outcome = "running";  // running, finished, interrupted, failed

  Fact host, cpu_model, kernel, governor, hugepages, clock_source;
  Fact git_revision;  // Of the sources that the program was built from.
  Fact build;         // The linker's build id: equal only for the very same program.
  std::string compiler;
  std::uint32_t cpus_online = 0;
  double ns_per_tick = 0;
  // Of what all durations are multiples, and what two reads in a row are apart (clock.hpp). Nothing: not known, as in
  // runs of older programs.
  std::optional<double> clock_step_ns, clock_read_ns;
  std::string command_line;

  std::uint64_t seed = 0;
  // Of each repetition of the plan, made of `seed`; a retry has that of what it repeats. Empty: not said, as in runs of
  // older programs.
  std::vector<std::uint64_t> repetition_seeds;
  std::optional<UntilCi> until_ci;  // Nothing: as many repetitions as the plan says.
  double threshold_percent = 5;
  bool interleaved = false;  // Repetition i of all cells ran in turns: they may be paired.
  // As configured: "exit_ns" -> 1500; "exit_ns, least" and "exit_ns, most" where cells differ.
  std::map<std::string, double> injected_costs;
  std::optional<InjectedTotals> injected;  // Nothing: not measured, as in runs of older programs.
  std::map<std::string, std::uint64_t> drop_counts;  // "events" -> 0, "events, <cell>" -> 412
  std::optional<KeptTrace> kept_trace;  // Nothing: not known, as in runs of older programs.
  std::map<std::string, std::string>
      traces;  // Of each one replayed, by name or path: a check of its content.
  std::vector<std::string> oversubscribed;  // "guest and endpoint share CPU 1"
  // Relative noise of a metric over all cells in A/A runs on this host (noise_history.hpp) when the run began: 0.02
  // is two per cent. "*" is for all others. Empty: not known. For readers; a comparison reads the runs themselves.
  std::map<std::string, double> noise_floor;
};

// Everything that can be asked of this machine; about 25 ms, for the clock.
Manifest host_manifest();
// The id that the linker gave to this program.
Fact build_id();

std::string to_json(const Manifest& manifest);
// `name` stands for the file in messages.
Result<Manifest> manifest_from_json(std::string_view json, std::string_view name);
inline constexpr std::uint64_t kMostManifestBytes = std::uint64_t{16} << 20;
// Of a run directory; errors name the file.
Result<Manifest> read_manifest(const std::filesystem::path& directory);

// "2026-01-31T12:00:00Z" and "20260131T120000Z".
std::string utc_text(double epoch_s);
std::string utc_name(double epoch_s);
double epoch_now_s();

}  // namespace violet::results
