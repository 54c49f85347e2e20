#include "experiments/cli/conclusions.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <set>

#include "experiments/results/compare.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/results/table.hpp"

namespace violet::cli {
namespace {

using results::CellData;
using results::RunData;

const CellData* cell_of(const RunData& run, const std::string& workload,
                        const std::string& strategy) {
  for (const auto& cell : run.cells) {
    if (results::axis_text(cell.cell, "workload") == workload &&
        results::axis_text(cell.cell, "strategy") == strategy) {
      return &cell;
    }
  }
  return nullptr;
}

std::vector<std::string> workloads_of(const RunData& run) {
  std::vector<std::string> names;
  for (const auto& cell : run.cells) {
    const std::string name = results::axis_text(cell.cell, "workload");
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

std::optional<double> median_of(const CellData* cell, const std::string& metric) {
  if (cell == nullptr) return std::nullopt;
  const auto samples = results::samples_of(*cell, metric);
  if (samples.values.empty()) return std::nullopt;
  return results::median(samples.values);
}

// The range over the workloads of what `value` gives for each.
struct Range {
  double low = 0, high = 0;
  bool empty = true;
  void add(double value) {
    low = empty ? value : std::min(low, value);
    high = empty ? value : std::max(high, value);
    empty = false;
  }
  // "1.4 to 2.1", or one number when both ends read the same.
  std::string text() const {
    const auto from = results::three_digits(low);
    const auto to = results::three_digits(high);
    return from == to ? from : from + " to " + to;
  }
};

template <class Value>
Range over_workloads(const RunData& run, Value&& value) {
  Range range;
  for (const auto& workload : workloads_of(run)) {
    if (const std::optional<double> one = value(workload)) range.add(*one);
  }
  return range;
}

std::optional<double> ratio(const RunData& run, const std::string& workload,
                            const std::string& metric, const char* over, const char* under) {
  const auto* const a = cell_of(run, workload, over);
  const auto* const b = cell_of(run, workload, under);
  if (a == nullptr || b == nullptr) return std::nullopt;
  const auto estimate = results::ratio_of(
      results::samples_of(*b, metric), results::samples_of(*a, metric), results::pairing_of(run));
  return estimate ? std::optional(estimate->value) : std::nullopt;
}

// Contender and strict on each workload, judged together.
std::vector<results::Difference> throughput_differences(const RunData& run, const char* contender) {
  std::vector<results::Difference> differences;
  results::CompareOptions options;
  options.metrics = {"operations_per_s"};
  for (const auto& workload : workloads_of(run)) {
    const auto* a = cell_of(run, workload, "strict");
    const auto* b = cell_of(run, workload, contender);
    if (a == nullptr || b == nullptr) continue;
    auto one = results::differences_of({&run, a}, {&run, b}, options);
    std::move(one.begin(), one.end(), std::back_inserter(differences));
  }
  std::vector<results::Difference*> all;
  for (auto& difference : differences) all.push_back(&difference);
  results::judge(all);
  return differences;
}

// Is lazy's throughput different from strict's anywhere, beyond the noise?
std::string throughput_words(const RunData& run, const char* contender) {
  const auto range = over_workloads(run, [&](const std::string& workload) {
    return ratio(run, workload, "operations_per_s", contender, "strict");
  });
  if (range.empty) return "";
  const auto differences = throughput_differences(run, contender);
  const auto is = [](results::Verdict verdict) {
    return [verdict](const results::Difference& d) { return d.verdict == verdict; };
  };
  using enum results::Verdict;
  if (std::any_of(differences.begin(), differences.end(), is(kBetter)) ||
      std::any_of(differences.begin(), differences.end(), is(kWorse))) {
    return fmt::format("{} times the operations of strict", range.text());
  }
  if (std::all_of(differences.begin(), differences.end(), is(kNoDifference))) {
    return fmt::format("no difference in operations to strict, within {} %",
                       results::three_digits(run.manifest.threshold_percent));
  }
  return fmt::format("{} times the operations of strict, not told from noise by so few repetitions",
                     range.text());
}

std::string with_range_unit(const Range& range, const char* unit) {
  const auto from = results::with_unit(range.low, unit);
  const auto to = results::with_unit(range.high, unit);
  return from == to ? from : from + " to " + to;
}

std::optional<std::string> strict_against_lazy(const RunData& run) {
  const auto words = throughput_words(run, "lazy-percpu");
  const auto unmap = over_workloads(run, [&](const std::string& workload) {
    return ratio(run, workload, "unmap.p50", "strict", "lazy-percpu");
  });
  if (words.empty() || unmap.empty) return std::nullopt;
  return fmt::format(
      "lazy-percpu: {}. Its unmap does not wait for the device: strict's median unmap takes {} "
      "times as long.",
      words, unmap.text());
}

// Who looks at the queue, and when, decides how long lazy stays exposed.
std::string placement_words(const RunData& run) {
  std::set<std::string> placements;
  for (const auto& cell : run.cells) {
    placements.insert(results::axis_text(cell.cell, "placement"));
  }
  if (placements.size() != 1) {
    return "The placement decides: an engine that polls executes an UNMAP as soon as it is queued, "
           "the others at the next kick.";
  }
  if (*placements.begin() == "sidecore") {
    return "With the engine on a core of its own an UNMAP is executed as soon as it is queued, so "
           "the window is the engine's poll and grace period, not the flush queue's 10 ms: "
           "./violet run placements shows the other case.";
  }
  return "With nobody polling between kicks an UNMAP waits in the queue for the next map's kick or "
         "the flush, so the window is the time until then: ./violet run demo shows the case of an "
         "engine on a core of its own.";
}

std::optional<std::string> exposure_conclusion(const RunData& run) {
  const auto strict = over_workloads(run, [&](const std::string& workload) {
    return median_of(cell_of(run, workload, "strict"), "mean_stale_pages");
  });
  const auto window = over_workloads(run, [&](const std::string& workload) {
    return median_of(cell_of(run, workload, "lazy-percpu"), "exposure_window.p50");
  });
  if (strict.empty || window.empty) return std::nullopt;
  const std::string none = strict.high == 0
                               ? "leaves no stale page at any time"
                               : fmt::format("leaves {} stale pages on average", strict.text());
  return fmt::format(
      "Exposure: strict {}; under lazy-percpu an unmapped page stays reachable for {} (median). {}",
      none, with_range_unit(window, "ns"), placement_words(run));
}

std::optional<std::string> bounce_conclusion(const RunData& run) {
  const auto words = throughput_words(run, "bounce-dynamic");
  const auto copied = over_workloads(run, [&](const std::string& workload) {
    return median_of(cell_of(run, workload, "bounce-dynamic"), "bytes_copied_per_operation");
  });
  const auto requests = over_workloads(run, [&](const std::string& workload) {
    return median_of(cell_of(run, workload, "bounce-dynamic"), "requests_per_operation");
  });
  if (words.empty() || copied.empty || requests.empty) return std::nullopt;
  return fmt::format(
      "bounce-dynamic: {}, with {} engine requests and {} copied for each operation: it pays in "
      "bytes "
      "what the others pay in requests, and keeps its pools, not your buffers, reachable.",
      words, requests.text(), with_range_unit(copied, "B"));
}

}  // namespace

std::vector<std::string> conclusions_of(const RunData& run) {
  std::vector<std::string> conclusions;
  for (const auto conclusion : {strict_against_lazy, exposure_conclusion, bounce_conclusion}) {
    if (auto text = conclusion(run)) conclusions.push_back(std::move(*text));
  }
  return conclusions;
}

}  // namespace violet::cli
