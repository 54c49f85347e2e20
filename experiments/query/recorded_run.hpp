// A recorded run answers from files: its trace and its stored pyramids. The run has ended, or is read as if it had.
//
// Threading: as RunQueries; cells() also while a cell is being opened. Cells are immutable once opened and outlive the run.
// Invariants: opening a run reads the headers of its files and the recorder's events. A cell without a stored
// pyramid gets one in memory when it is opened, and so does one whose stored pyramid is damaged or not
// its own: its notice says so from then on. What the results have and the recording has not is in damage(), and
// what was found damaged later. No answer is made of an event whose block is not what was written: opening a cell
// verifies its blocks, and those beside it that may be its own. From the first damaged one on the summary answers
// alone; without a stored one the cell does not open. One that goes bad later leaves the cell without events.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "experiments/query/block_cache.hpp"
#include "experiments/query/queries.hpp"
#include "experiments/query/recorded_cell.hpp"
#include "experiments/query/trace_cells.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/trace/aggregation.hpp"
#include "experiments/trace/event_trace.hpp"
#include "experiments/trace/pyramid_file.hpp"

namespace violet::query {

class RecordedRun : public RunQueries {
 public:
  static Result<std::unique_ptr<RecordedRun>> open(const std::string& path);
  // Over a trace that is there already; `name` is for messages.
  static std::unique_ptr<RecordedRun> over(EventTrace trace, std::string name);

  // How large pyramids in memory may become; a fuzzer wants small ones, which are merged at once.
  void bound_pyramids(const AggregationOptions& bounds) { bounds_ = bounds; }

  std::string name() const override { return name_; }
  // Canonical: runs/latest may lead elsewhere a moment later.
  std::string path() const override { return path_; }
  std::string damage() const override;
  std::string no_cells_because() const override { return no_cells_because_; }
  std::vector<CellInfo> cells() const override;
  Result<std::shared_ptr<const CellQueries>> open_cell(std::size_t index,
                                                       const OpenProgress& progress) override;
  // Recorded, however it ended; `how` is "died" or "goes on" where it did not end yet as it was opened.
  RunProgress progress() const override;

 private:
  static Result<std::unique_ptr<RecordedRun>> without_trace(const std::string& directory);
  void find_cells();
  void find_damage(const results::RunData* run);
  std::string events_path() const;
  void name_cells(const std::string& directory);
  void find_unended(const results::RunData& run);
  // Nothing when there is none that can be used; `why` is empty when that is as it should be.
  std::optional<StoredPyramid> stored_pyramid(const TraceCell& cell, std::string* why) const;
  CellInfo with_notice(std::size_t index, std::string notice);
  std::optional<double> clock_step_of(std::span<const std::size_t> blocks) const;

  std::string name_;
  std::string path_;
  std::string damage_, no_cells_because_;
  std::optional<double> clock_step_ns_;       // As the run measured it; older ones did not.
  std::string how_;                           // As in RunProgress; empty: nobody knows.
  std::vector<std::string> unended_;          // By cell: why it has no end; empty: it has one.
  std::shared_ptr<const BlockCache> blocks_;  // Null: the run recorded none.
  std::vector<Error> damaged_marks_;
  std::shared_ptr<FoundDamage> found_ = std::make_shared<FoundDamage>();
  std::optional<PyramidFile> pyramids_;
  std::optional<Error> pyramid_error_;
  AggregationOptions bounds_;
  std::vector<TraceCell> cells_;
  mutable std::mutex mutex_;  // Guards what follows.
  std::vector<CellInfo> infos_;
};

// The cells of a run directory by their position in the plan; none when its results cannot be read.
std::vector<CellInfo> cells_of_plan(const std::string& directory);

}  // namespace violet::query
