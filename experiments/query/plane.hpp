// The protection-performance plane of one workload places every cell of a run by the pages that
// its unmaps leave reachable and the throughput that it has, both with 95 % intervals, and marks
// the cells that no other beats.
//
// Threading: pure functions of a RunData.
// Invariants: Throughput is relative to the fastest cell of strategy `off`, or to the fastest of
// all where the run has none; `reference` says which. A cell is on the front when no other leaves
// at most as many stale pages and is at least as fast, one of both strictly; only cells that
// protect at all compete. What was not measured has its own place and its reason.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/results/run_directory.hpp"
#include "experiments/results/statistics.hpp"

namespace violet::query {

struct PlanePoint {
  // Where on the x axis. kAlways: unmapping ends nothing by design and nothing is copied, so that the
  // guest's pages stay within reach for ever.
  enum class Place { kZero, kStale, kAlways, kMissing };
  std::string cell_id, strategy, placement;
  std::string name;  // Strategy and what else tells it from its neighbours.
  Place place = Place::kMissing;
  results::Estimate stale;  // Mean stale pages; kStale and kZero only.
  // Throughput over the reference's; of a cell that stood still in some repetitions the ratio of the medians.
  std::optional<results::Estimate> relative;
  std::string because;                     // Why one of them is missing.
  std::optional<double> injected_percent;  // Of its measured time; nothing: not measured.
  bool front = false;
};

struct Plane {
  std::string workload;
  std::string reference;  // Name of the cell with throughput 1.
  bool reference_is_off = false;
  std::size_t enough_for_interval = results::kFewestForInterval;  // Of a median of this run.
  std::vector<PlanePoint> points;                                 // In the order of the plan.
  std::vector<std::string> placements;  // In the order of their first cell: index is the shape.
};

// Workloads of a run, in the order of the plan.
std::vector<std::string> workloads_of(const results::RunData& run);
std::vector<const results::CellData*> cells_of(const results::RunData& run,
                                               const std::string& workload);
// "lazy-percpu", with placement and whatever else varies among the cells of the workload.
std::string cell_name(const results::RunData& run, const results::CellData& cell);

Plane make_plane(const results::RunData& run, const std::string& workload);

}  // namespace violet::query
