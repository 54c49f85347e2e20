#include "experiments/results/noise_history.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/base/check.hpp"
#include "engine/base/counted.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/retries.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/results/statistics.hpp"

namespace violet::results {
namespace {

// Pages of one kind or the other, not how many are free at the moment.
std::string page_kind(const Manifest& m) {
  return m.hugepages.known() && !m.hugepages.value.starts_with("0 ") ? "huge" : "small";
}

bool same_machine(const Manifest& a, const Manifest& b) {
  return a.host.text() == b.host.text() && a.cpu_model.text() == b.cpu_model.text() &&
         a.kernel.text() == b.kernel.text() && page_kind(a) == page_kind(b);
}

// The medians of one cell in one run. Thousands of cells have a hundred each: no name is held twice.
using Medians = std::vector<std::pair<std::size_t, double>>;  // Number of the metric, and value.

// Today's names, numbered.
class MetricNumbers {
 public:
  std::size_t of(std::string_view name) {
    const auto [at, fresh] = numbers_.try_emplace(std::string(name), names_.size());
    if (fresh) names_.push_back(at->first);
    return at->second;
  }
  const std::string& name(std::size_t number) const { return names_[number]; }

 private:
  std::map<std::string, std::size_t> numbers_;
  std::vector<std::string> names_;
};

Medians medians_of(const CellData& cell, MetricNumbers& numbers) {
  Medians medians;
  for (const Samples& samples : samples_of(cell)) {
    if (samples.better == Better::kNeither || samples.values.size() < 2) continue;
    medians.emplace_back(numbers.of(current_metric_name(samples.name)), median(samples.values));
  }
  return medians;
}

std::string section_of(const RunData& run) {
  std::string text;
  for (const auto& [key, value] : run.run_settings) text += key + "=" + value + "\n";
  for (const auto& [trace, check] : run.manifest.traces) text += trace + "=" + check + "\n";
  return text;
}

// How long a repetition is decides how much it scatters.
std::string length_of(const RunData& run) {
  std::string text;
  for (const char* key : {"duration_s", "operations"}) {
    const auto at = run.run_settings.find(key);
    text += at == run.run_settings.end() ? "\n" : at->second + "\n";
  }
  return text;
}

std::string cell_key(const std::string& length, const CellRecord& cell) {
  return length + cell.id + "\n";
}
std::string kind_key(const std::string& length, const CellRecord& cell) {
  return length + axis_text(cell, "placement") + "\n" + axis_text(cell, "strategy") + "\n";
}

std::string any_key(const std::string& length) { return length + "any cell\n"; }

// One cell in equal runs.
struct EqualCells {
  std::string set, cell_key, kind_key, any_key;  // `set`: of equal runs, whose cells these are.
  std::vector<std::pair<std::size_t, Medians>> runs;  // By the number of the run among those read.
};

// With few pairs the largest, with many the 95th percentile.
double floor_of(const std::vector<double>& differences) {
  return percentile(differences, differences.size() < 20 ? 100 : 95);
}

std::map<std::size_t, RunMedians> values_of(const EqualCells& group) {
  std::map<std::size_t, RunMedians> values;
  for (const auto& [run, medians] : group.runs) {
    for (const auto& [metric, value] : medians) values[metric].emplace_back(run, value);
  }
  return values;
}

void add_differences(const RunMedians& values, std::vector<double>& differences) {
  for (std::size_t a = 0; a < values.size(); ++a) {
    for (std::size_t b = a + 1; b < values.size(); ++b) {
      if (values[a].second > 0 && values[b].second > 0) {
        differences.push_back(relative_difference(values[a].second, values[b].second));
      }
    }
  }
}

using Groups = std::map<std::string, EqualCells>;  // By what must be equal.

Groups read_groups(const std::filesystem::path& runs_root, const Manifest& now,
                   const std::set<std::string>& contenders, std::span<const RunData* const> known,
                   NoiseHistory& history, MetricNumbers& numbers) {
  Groups groups;
  std::size_t &read = history.read_runs, &cells = history.read_cells;
  for (const auto& directory : list_runs(runs_root)) {
    if (read == kMostRuns || cells >= kMostCells) break;
    const auto manifest = read_manifest(directory);
    if (!manifest || manifest->outcome != "finished" || !same_machine(*manifest, now)) continue;
    if (!manifest->build.known()) continue;
    if (!now.plan_name.empty() && manifest->plan_name != now.plan_name) continue;
    std::error_code error;
    const auto canonical = std::filesystem::canonical(directory, error);
    const auto at = std::find_if(known.begin(), known.end(), [&](const RunData* one) {
      return !error && one->directory == canonical && one->manifest.outcome == "finished";
    });
    std::optional<RunData> fresh;
    if (at == known.end()) {
      auto result = read_run(directory);
      if (!result) continue;
      fresh = std::move(*result);
    }
    const RunData* const run = fresh ? &*fresh : *at;
    ++read;
    cells += run->cells.size();
    const std::string apart = contenders.count(manifest->run_id) != 0 ? "contender\n" : "";
    const std::string length = length_of(*run);
    for (const CellData& cell : run->cells) {
      if (disturbed(cell)) {
        ++history.disturbed_cells;
        continue;
      }
      // No text has a zero byte: the cells of a set stand together in the map.
      const std::string set =
          apart + manifest->build.value + "\n" + section_of(*run) + std::string(1, '\0');
      EqualCells& group = groups[set + cell.cell.id];
      group.set = set;
      group.cell_key = cell_key(length, cell.cell);
      group.kind_key = kind_key(length, cell.cell);
      group.any_key = any_key(length);
      group.runs.emplace_back(read - 1, medians_of(cell, numbers));
    }
  }
  return groups;
}

RunNoise noise_of(const RunScatter& scatter, const char* what) {
  RunNoise noise;
  noise.of_value = scatter.of_value();
  noise.of_logarithm = scatter.of_logarithm();
  noise.freedom = scatter.freedom();
  noise.source = fmt::format("equal runs of {}, {:.0f} degrees of freedom", what, noise.freedom);
  return noise;
}

// What the cells of one set of equal runs say of how such runs scatter.
class SetOfRuns {
 public:
  explicit SetOfRuns(const MetricNumbers& numbers) : numbers_(numbers) {}

  void add(const EqualCells& group, std::map<std::string, std::vector<double>>& differences) {
    for (const auto& [number, values] : values_of(group)) {
      if (values.size() < 2) continue;
      shared_[number].add(values);
      cells_[group.cell_key][number].add(values);
      kinds_[group.kind_key][number].add(values);
      kinds_[group.any_key][number].add(values);
      add_differences(values, differences[numbers_.name(number)]);
    }
  }
  void finish(NoiseHistory& history) {
    join(cells_, history.cells);
    join(kinds_, history.kinds);
    shared_.clear();
  }

 private:
  using ByNumber = std::map<std::string, std::map<std::size_t, RunScatter>>;

  void join(ByNumber& of_set, std::map<std::string, NoiseHistory::ByMetric>& all) {
    for (auto& [key, metrics] : of_set) {
      for (auto& [number, scatter] : metrics) {
        scatter.settle(shared_.at(number).share());
        all[key][numbers_.name(number)].join(scatter);
      }
    }
    of_set.clear();
  }

  const MetricNumbers& numbers_;
  std::map<std::size_t, SharedRuns> shared_;  // By the metric.
  ByNumber cells_, kinds_;
};

}  // namespace

bool disturbed(const CellData& cell) {
  const auto counted = counted_repetitions(cell);
  return std::any_of(counted.begin(), counted.end(), [](const CountedRepetition& one) {
    return !what_disturbed(*one.record).empty();
  });
}

std::optional<RunNoise> NoiseHistory::of(const RunData& run, const CellRecord& cell,
                                         std::string_view metric) const {
  const std::string length = length_of(run), name(current_metric_name(metric));
  const RunScatter* const own = find(cells, cell_key(length, cell), name);
  if (own != nullptr && own->freedom() >= kOwnFreedom) return noise_of(*own, "this cell");
  const RunScatter* const kind = find(kinds, kind_key(length, cell), name);
  if (kind == nullptr) return std::nullopt;
  RunNoise noise = noise_of(*kind, "cells of this placement and strategy");
  if (kind->freedom() >= kOwnFreedom) return noise;
  // A few medians agree by chance: what all cells scatter by is the least that is believed.
  const RunScatter* const all = find(kinds, any_key(length), name);
  VIOLET_CHECK(all != nullptr);  // Those of the kind are among them.
  RunNoise any = noise_of(*all, "all cells, few being of this kind");
  const bool louder = noise.of_logarithm && any.of_logarithm
                          ? *any.of_logarithm > *noise.of_logarithm
                          : any.of_value > noise.of_value;
  return louder ? any : noise;
}

const RunScatter* NoiseHistory::find(const std::map<std::string, ByMetric>& all,
                                     const std::string& key, std::string_view metric) {
  const auto group = all.find(key);
  if (group == all.end()) return nullptr;
  const auto at = group->second.find(metric);
  return at == group->second.end() ? nullptr : &at->second;
}

NoiseHistory noise_history(const std::filesystem::path& runs_root, const Manifest& now,
                           const std::set<std::string>& contenders,
                           std::span<const RunData* const> known) {
  NoiseHistory history;
  std::map<std::string, std::vector<double>> differences;  // By metric.
  MetricNumbers numbers;
  const Groups groups = read_groups(runs_root, now, contenders, known, history, numbers);
  SetOfRuns set(numbers);
  std::string_view of_set;
  for (const auto& [key, group] : groups) {
    if (group.runs.size() < 2) continue;
    if (group.set != of_set) set.finish(history);
    of_set = group.set;
    history.runs = std::max(history.runs, group.runs.size());
    history.pairs += group.runs.size() * (group.runs.size() - 1) / 2;
    set.add(group, differences);
  }
  set.finish(history);
  std::vector<double> floors;
  for (const auto& [metric, all] : differences) {
    if (all.empty()) continue;
    history.floor[metric] = floor_of(all);
    floors.push_back(history.floor[metric]);
  }
  if (!floors.empty()) history.floor["*"] = median(floors);
  return history;
}

std::string left_out_text(const NoiseHistory& history) {
  if (history.disturbed_cells == 0) return {};
  return fmt::format(
      "; {} of {} of the finished runs here {} not count, because other programs had "
      "the CPUs for over {} % of the time",
      history.disturbed_cells, counted(history.read_cells, "cell"),
      history.disturbed_cells == 1 ? "does" : "do", kDisturbedPercent);
}

std::string source_text(const NoiseHistory& history) {
  const std::string left_out = left_out_text(history);
  if (history.pairs > 0) {
    return fmt::format("from {} of equal cells in up to {}{}", counted(history.pairs, "pair"),
                       counted(history.runs, "equal run"), left_out);
  }
  const char* const quiet = left_out.empty() ? "" : " while nothing else runs";
  constexpr const char* kAlike = "of this host, kernel and kind of pages";
  if (history.read_runs == 0) {
    return fmt::format("unknown: there is no finished run here {}; run a plan twice", kAlike);
  }
  if (history.read_runs == 1) {
    return fmt::format("unknown: there is one finished run here {}{}; run its plan again{}", kAlike,
                       left_out, quiet);
  }
  return fmt::format(
      "unknown: of {} finished runs here {} no two have an equal, undisturbed cell of one "
      "build{}; run a plan twice{}",
      history.read_runs, kAlike, left_out, quiet);
}

}  // namespace violet::results
