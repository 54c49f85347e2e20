// A recorded run answers from files: its mapped trace and its stored pyramids. The run has ended,
// or is read as if it had.
//
// Threading: as RunQueries; cells() also while a cell is being opened. Cells are immutable once opened and outlive the run.
// Invariants: opening a run reads the headers of its files and no events. A cell without a stored
// pyramid gets one in memory when it is opened, and so does one whose stored pyramid is damaged or not
// its own: its notice says so from then on. What the results have and the recording has not is in damage().
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "experiments/query/queries.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/trace/aggregation.hpp"
#include "experiments/trace/event_trace.hpp"
#include "experiments/trace/pyramid_file.hpp"

namespace violet::query {

// Which blocks of a trace belong to which cell and repetition, by the marks that the recorder left. A trace without
// marks is one cell; a repetition that was run twice (resumed) is its last run.
struct TraceCell {
  std::uint32_t cell = 0;
  std::uint32_t repetition = 0;
  bool marked = false;              // The trace says so.
  Ticks start = 0, end = 0;         // First and last event.
  std::vector<std::size_t> blocks;  // In the order of the file.
  std::uint64_t events = 0;
  std::uint64_t lost = 0;
  std::uint64_t not_kept = 0;
  Ticks kept_until = ~Ticks{0};  // The first moment of which events may be missing in the file.
};

// In order of time.
std::vector<TraceCell> cells_of(const EventTrace& trace);

class RecordedRun : public RunQueries {
 public:
  static Result<std::unique_ptr<RecordedRun>> open(const std::string& path);
  // Over a trace that is there already; `name` is for messages.
  static std::unique_ptr<RecordedRun> over(EventTrace trace, std::string name);

  // A damaged block is an error of its cell when it is aggregated; a fuzzer has no use for that.
  void verify_blocks(bool on) { verify_ = on; }
  // How large pyramids in memory may become; a fuzzer wants small ones, which are merged at once.
  void bound_pyramids(const AggregationOptions& bounds) { bounds_ = bounds; }

  std::string name() const override { return name_; }
  // Canonical: runs/latest may lead elsewhere a moment later.
  std::string path() const override { return path_; }
  std::string damage() const override { return damage_; }
  std::string no_cells_because() const override { return no_cells_because_; }
  std::vector<CellInfo> cells() const override;
  Result<std::shared_ptr<const CellQueries>> open_cell(std::size_t index,
                                                       const OpenProgress& progress) override;

 private:
  static Result<std::unique_ptr<RecordedRun>> without_trace(const std::string& directory);
  void find_cells();
  void find_damage(const results::RunData* run);
  void name_cells(const std::string& directory);
  // Nothing when there is none that can be used; `why` is empty when that is as it should be.
  std::optional<PyramidView> stored_pyramid(const TraceCell& cell, std::string* why) const;
  CellInfo with_notice(std::size_t index, std::string notice);

  std::string name_;
  std::string path_;
  std::string damage_, no_cells_because_;
  std::shared_ptr<const EventTrace> trace_;  // Null: the run recorded none.
  std::optional<PyramidFile> pyramids_;
  std::optional<Error> pyramid_error_;
  bool verify_ = true;
  AggregationOptions bounds_;
  std::vector<TraceCell> cells_;
  mutable std::mutex mutex_;  // Guards what follows.
  std::vector<CellInfo> infos_;
};

// The cells of a run directory by their position in the plan; none when its results cannot be read.
std::vector<CellInfo> cells_of_plan(const std::string& directory);

}  // namespace violet::query
