#include "experiments/query/plane.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "experiments/results/compare.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/rank_tests.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/results/until_ci.hpp"

namespace violet::query {

using results::RunData;
using results::Samples;

namespace {

constexpr const char* kThroughput = "operations_per_s";

double median_of(const results::CellData& cell, const char* metric) {
  const Samples samples = results::samples_of(cell, metric);
  return samples.values.empty() ? 0 : results::median(samples.values);
}

const results::CellData* fastest(const std::vector<const results::CellData*>& cells,
                                 bool only_off) {
  const results::CellData* best = nullptr;
  for (const results::CellData* cell : cells) {
    if (only_off && results::axis_text(cell->cell, "strategy") != "off") continue;
    if (median_of(*cell, kThroughput) <= 0) continue;
    if (best == nullptr || median_of(*cell, kThroughput) > median_of(*best, kThroughput))
      best = cell;
  }
  return best;
}

void place_stale(const results::CellData& cell, PlanePoint& point) {
  const Samples samples = results::samples_of(cell, "mean_stale_pages");
  if (samples.values.empty() && samples.because == results::kStaysReachable) {
    point.place = PlanePoint::Place::kAlways;
    return;
  }
  if (samples.values.empty()) {
    point.because = samples.because;
    return;
  }
  point.stale = results::median_estimate(samples);
  point.place = point.stale.value > 0 ? PlanePoint::Place::kStale : PlanePoint::Place::kZero;
}

void place_throughput(const RunData& run, const results::CellData& reference,
                      const results::CellData& cell, PlanePoint& point) {
  const Samples mine = results::samples_of(cell, kThroughput);
  point.relative = results::ratio_of(results::samples_of(reference, kThroughput), mine,
                                     results::pairing_of(run));
  // Nothing has a logarithm of zero; that a cell stood still is known all the same.
  if (!point.relative && !mine.values.empty()) {
    results::Estimate ratio = results::median_estimate(mine);
    ratio.value /= median_of(reference, kThroughput);
    const bool still = ratio.value <= 0 && ratio.interval && ratio.interval->high <= 0;
    if (!still) ratio.interval.reset();
    point.relative = ratio;
  }
  if (!point.relative && point.because.empty()) point.because = mine.because;
}

bool competes(const PlanePoint& point) {
  return point.relative &&
         (point.place == PlanePoint::Place::kZero || point.place == PlanePoint::Place::kStale);
}

bool beats(const PlanePoint& a, const PlanePoint& b) {
  const double fast_a = a.relative->value, fast_b = b.relative->value;
  if (a.stale.value > b.stale.value || fast_a < fast_b) return false;
  return a.stale.value < b.stale.value || fast_a > fast_b;
}

void mark_front(std::vector<PlanePoint>& points) {
  for (PlanePoint& point : points) {
    point.front = competes(point) &&
                  std::none_of(points.begin(), points.end(), [&point](const PlanePoint& other) {
                    return competes(other) && beats(other, point);
                  });
  }
}

}  // namespace

std::vector<std::string> workloads_of(const RunData& run) {
  std::vector<std::string> names;
  for (const results::CellData& cell : run.cells) {
    const std::string name = results::axis_text(cell.cell, "workload");
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

std::vector<const results::CellData*> cells_of(const RunData& run, const std::string& workload) {
  std::vector<const results::CellData*> cells;
  for (const results::CellData& cell : run.cells) {
    if (results::axis_text(cell.cell, "workload") == workload) cells.push_back(&cell);
  }
  return cells;
}

std::string cell_name(const RunData& run, const results::CellData& cell) {
  std::string name = results::axis_text(cell.cell, "strategy");
  for (const std::string& axis : results::varying_axes(run)) {
    if (axis == "strategy" || axis == "workload") continue;
    const std::string value = results::axis_text(cell.cell, axis);
    if (value.empty()) continue;
    const bool tells_itself = axis == "placement" || axis == "iotlb" || axis == "store";
    name += tells_itself ? fmt::format(" {}", value)
                         : fmt::format(" {}={}", axis.substr(axis.rfind('.') + 1), value);
  }
  return name.empty() ? cell.cell.label : name;
}

Plane make_plane(const RunData& run, const std::string& workload) {
  Plane plane;
  plane.workload = workload;
  plane.enough_for_interval =
      results::fewest_for_interval(results::median_confidence(run.manifest));
  const auto cells = cells_of(run, workload);
  const results::CellData* reference = fastest(cells, true);
  plane.reference_is_off = reference != nullptr;
  if (reference == nullptr) reference = fastest(cells, false);
  if (reference != nullptr) plane.reference = cell_name(run, *reference);
  for (const results::CellData* cell : cells) {
    PlanePoint point;
    point.cell_id = cell->cell.id;
    point.strategy = results::axis_text(cell->cell, "strategy");
    point.placement = results::axis_text(cell->cell, "placement");
    point.name = cell_name(run, *cell);
    place_stale(*cell, point);
    if (reference != nullptr) place_throughput(run, *reference, *cell, point);
    const Samples injected = results::samples_of(*cell, std::string(results::kInjectedShare));
    if (!injected.values.empty()) point.injected_percent = results::median(injected.values);
    if (point.because.empty() && !point.relative) point.because = "throughput was not measured";
    auto& placements = plane.placements;
    if (std::find(placements.begin(), placements.end(), point.placement) == placements.end()) {
      placements.push_back(point.placement);
    }
    plane.points.push_back(std::move(point));
  }
  mark_front(plane.points);
  return plane;
}

}  // namespace violet::query
