// A run directory holds everything that a run leaves: runs/<utc>-<plan>-<hash>/, and the link runs/latest.
//
//   manifest.json  plan.toml  resolved.json  results.sqlite  results.json  hlog/<cell>.hlog
//   trace.events (event_trace.hpp)  trace.pyramid (pyramid_file.hpp)  log.txt  lock
//   live.json while it is running (live_mark.hpp)
//
// Threading: a RunWriter belongs to one thread. Readers may read while it writes.
// Invariants: nothing is buffered here: when a call returns, the bytes are with the kernel and
// kill -9 cannot take them back. A repetition is in the database completely or not at all. A directory has
// one writer; a second is refused. results.json is derived from the database and can be made again from it.
// A folder of another user, or one that anybody may write to, is not resumed, and no file of a run is written through
// a link.
// Limits: schema version kRunSchema only; other versions are refused by name.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/files.hpp"
#include "engine/base/result.hpp"
#include "experiments/results/expectation.hpp"
#include "experiments/results/manifest.hpp"
#include "experiments/results/records.hpp"
#include "experiments/results/statistics.hpp"

namespace violet::results {

struct RunSetup {
  std::filesystem::path root = "runs";
  std::string plan_text;      // As given.
  std::string resolved_json;  // Every default included.
  std::vector<CellRecord> cells;
  Manifest manifest;  // plan_name and plan_hash filled in; run_id and times are set here.
};

using FinishedSet = std::set<std::pair<std::string, std::uint32_t>>;  // cell id, repetition

class RunWriter {
 public:
  static Result<RunWriter> create(RunSetup setup);
  // Goes on with an interrupted run; refused when the plan has another hash or someone is writing.
  // With `now` also when it was made on another host; what else differs becomes a note.
  static Result<RunWriter> resume(const std::filesystem::path& directory,
                                  std::string_view plan_hash, const Manifest* now = nullptr);
  RunWriter(RunWriter&&) noexcept;
  RunWriter& operator=(RunWriter&&) noexcept;
  ~RunWriter();

  const std::filesystem::path& directory() const;
  std::filesystem::path trace_path() const;
  std::filesystem::path pyramid_path() const;
  const Manifest& manifest() const;
  // What --resume need not run again.
  const FinishedSet& finished() const;
  // Seconds since the run started, on the clock that start_s of records and intervals uses.
  double elapsed_s() const;

  Status begin_repetition(const std::string& cell, std::uint32_t repetition);
  // At least once a second while a repetition runs: what was recorded since the last call.
  Status interval(std::string_view histogram_name, double start_s, double length_s,
                  const HdrHistogram& recorded);
  // Makes the repetition durable.
  Status finish_repetition(const RepetitionRecord& record);
  Status note(const Note& note);
  // A line of log.txt, with the time in front.
  Status log(std::string_view line);
  // Changes and saves the manifest: drop counts, oversubscribed cores, noise floor.
  Status update_manifest(const Manifest& manifest);
  // Writes results.json. Outcome: finished, interrupted or failed.
  Status close(std::string_view outcome);
  // After close(): another program holds results.sqlite open, and a part of it lies in results.sqlite-wal.
  bool is_in_write_ahead_log() const;

 private:
  struct State;
  explicit RunWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct CellData {
  CellRecord cell;
  std::vector<RepetitionRecord> repetitions;  // In their order.
  double confidence = kConfidence;            // Of medians' intervals: until_ci.hpp.
};

struct RunData {
  std::filesystem::path directory;
  Manifest manifest;
  std::vector<CellData> cells;  // In the order of the plan.
  // The [run] section of the resolved plan, as JSON values; empty when there is none to read.
  std::map<std::string, std::string> run_settings;
  // Of the resolved plan; a note says so where they cannot be read.
  std::vector<Expectation> expectations;
  std::vector<Note> notes;
  bool checked = false;  // The results have checksums, and these fit. Older programs stored none.
  // Repetitions that were begun and never finished.
  std::vector<std::pair<std::string, std::uint32_t>> unfinished;
};

inline constexpr std::uint64_t kMostResolvedBytes = std::uint64_t{64} << 20;  // Of resolved.json.

// Errors name the file and say what is wrong with it.
Result<RunData> read_run(const std::filesystem::path& directory);
// Newest first, those that are no run directories left out.
std::vector<std::filesystem::path> list_runs(const std::filesystem::path& root);
// The link `latest` in the folder leads to a run of it. Swapped in by rename, so that it always leads somewhere.
Status point_latest(const std::filesystem::path& root, const std::filesystem::path& directory);

// Schema "violet.results" version 1: all of the above with a summary of each cell.
// Piece by piece: of thousands of cells it is a hundred megabytes.
Status write_results_json(const RunData& run, const WritePiece& write);

}  // namespace violet::results
