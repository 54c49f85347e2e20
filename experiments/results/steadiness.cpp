#include "experiments/results/steadiness.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/counted.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/retries.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/results/statistics.hpp"
#include "experiments/results/table.hpp"

namespace violet::results {
namespace {

constexpr double kLeastSlices = 256;  // Of a repetition, warm-up included: rate_series.hpp.

struct Steadiness {
  std::size_t known = 0, unsteady = 0;  // Repetitions.
  std::vector<double> after_ns;         // Of the others.
  std::string because;                  // Why none is known; empty also where nobody looked.
  double warm_up_ns = 0;                // The median.
  double slice_ns = 0;      // The longest that one may be: nothing is known more exactly.
  bool may_warm_up = true;  // A trace has no warm-up that a plan could make longer.
};

Steadiness steadiness_of(const CellData& cell) {
  const Samples steady = samples_of(cell, std::string(kSteady));
  const Samples warm_up = samples_of(cell, std::string(kWarmUp));
  Steadiness found;
  found.known = steady.values.size();
  found.unsteady =
      static_cast<std::size_t>(std::count(steady.values.begin(), steady.values.end(), 0));
  found.after_ns = samples_of(cell, std::string(kSteadyAfter)).values;
  if (found.known == 0 && !steady.unit.empty()) found.because = steady.because;
  if (!warm_up.values.empty()) found.warm_up_ns = median(warm_up.values);
  for (const auto& one : counted_repetitions(cell)) {
    const double whole_ns = one.record->duration_s * 1e9 + found.warm_up_ns;
    found.slice_ns = std::max(found.slice_ns, whole_ns / kLeastSlices);
  }
  found.may_warm_up = !axis_text(cell.cell, "workload").starts_with("trace:");
  return found;
}

// In most repetitions: a change of rate within what was measured, however short it was before.
bool was_cold(const Steadiness& one) {
  return !one.after_ns.empty() && 2 * one.unsteady <= one.known &&
         median(one.after_ns) > one.warm_up_ns + one.slice_ns;
}

std::string of_cells(std::size_t cells, const RunData& run, const std::string& example) {
  return fmt::format("{} of {}, for example {}", cells, counted(run.cells.size(), "cell"), example);
}

}  // namespace

std::string steady_text(const CellData& cell) {
  const Steadiness one = steadiness_of(cell);
  if (one.known == 0) {
    return one.because.empty() ? ""
                               : "whether the rate was steady is not known, because " + one.because;
  }
  if (one.unsteady > 0) {
    return fmt::format("not steady in {} of {}", one.unsteady, counted(one.known, "repetition"));
  }
  if (one.after_ns.empty()) return {};
  const double latest = *std::max_element(one.after_ns.begin(), one.after_ns.end());
  if (latest == 0) return "steady from the start";
  const double middle = median(one.after_ns);
  const std::string after =
      middle == 0 ? "steady from the start" : "steady after " + with_unit(middle, "ns");
  return latest == middle ? after
                          : fmt::format("{}, {} at the latest", after, with_unit(latest, "ns"));
}

std::vector<std::string> steadiness_notes(const RunData& run) {
  std::vector<std::string> notes;
  std::vector<std::pair<std::string, std::vector<std::string>>> unknown;  // Cells by what is said.
  for (const CellData& cell : run.cells) {
    const std::string text = steady_text(cell);
    if (text.empty()) continue;
    if (steadiness_of(cell).known > 0) {
      notes.push_back(fmt::format("{}: {}", cell.cell.label, text));
      continue;
    }
    auto at = std::find_if(unknown.begin(), unknown.end(),
                           [&](const auto& one) { return one.first == text; });
    if (at == unknown.end()) at = unknown.insert(at, {text, {}});
    at->second.push_back(cell.cell.label);
  }
  for (const auto& [text, cells] : unknown) {
    notes.push_back(fmt::format("{} ({})", text,
                                cells.size() == 1 ? cells.front() : counted(cells.size(), "cell")));
  }
  return notes;
}

std::vector<std::string> steadiness_warnings(const RunData& run) {
  std::size_t unsteady = 0, cold = 0;
  std::string unsteady_one, cold_one, advice;
  for (const CellData& cell : run.cells) {
    const Steadiness one = steadiness_of(cell);
    if (2 * one.unsteady > one.known && unsteady++ == 0) {
      unsteady_one = fmt::format("{}: {}", cell.cell.label, steady_text(cell));
    }
    if (!was_cold(one)) continue;
    if (one.may_warm_up) advice = " (run.warmup_s warms up for longer)";
    if (cold++ == 0) {
      const std::string warm_up = one.warm_up_ns > 0
                                      ? "its warm-up took " + with_unit(one.warm_up_ns, "ns")
                                      : "it had no warm-up";
      cold_one = fmt::format("{}: {}, and {}", cell.cell.label, steady_text(cell), warm_up);
    }
  }
  std::vector<std::string> warnings;
  if (unsteady > 0) {
    warnings.push_back("the rate was not steady in most repetitions: " +
                       of_cells(unsteady, run, unsteady_one));
  }
  if (cold > 0) {
    warnings.push_back("measured before the rate was steady" + advice + ": " +
                       of_cells(cold, run, cold_one));
  }
  return warnings;
}

}  // namespace violet::results
