#include "experiments/results/noise_history.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/base/files.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/run_directory.hpp"
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
         a.kernel.text() == b.kernel.text() && a.build.known() && a.build.value == b.build.value &&
         page_kind(a) == page_kind(b);
}

// The medians of one cell in one run.
using Medians = std::map<std::string, double>;

Medians medians_of(const CellData& cell) {
  Medians medians;
  for (const Samples& samples : samples_of(cell)) {
    if (samples.better == Better::kNeither || samples.values.size() < 2) continue;
    const double value = median(samples.values);
    if (value > 0) medians[samples.name] = value;
  }
  return medians;
}

bool disturbed(const CellData& cell) {
  const Samples waits = samples_of(cell, kCpuWaitShare);
  return std::any_of(waits.values.begin(), waits.values.end(),
                     [](double percent) { return percent > kDisturbedPercent; });
}

std::string section_of(const RunData& run) {
  std::string text;
  for (const auto& [key, value] : run.run_settings) text += key + "=" + value + "\n";
  return text;
}

// With few pairs the largest, with many the 95th percentile.
double floor_of(std::vector<double> differences) {
  std::sort(differences.begin(), differences.end());
  return percentile(differences, differences.size() < 20 ? 100 : 95);
}

}  // namespace

NoiseHistory noise_history(const std::filesystem::path& runs_root, const Manifest& now) {
  std::map<std::string, std::vector<Medians>> groups;  // By what must be equal.
  std::size_t read = 0;
  for (const auto& directory : list_runs(runs_root)) {
    if (read == kMostRuns) break;
    const auto text = read_whole_file(directory / "manifest.json");
    const auto manifest =
        text ? manifest_from_json(*text, "") : tl::unexpected<Error>(text.error());
    if (!manifest || manifest->outcome != "finished" || !same_machine(*manifest, now)) continue;
    const auto run = read_run(directory);
    if (!run) continue;
    ++read;
    for (const CellData& cell : run->cells) {
      if (disturbed(cell)) continue;
      groups[section_of(*run) + cell.cell.id].push_back(medians_of(cell));
    }
  }
  NoiseHistory history;
  std::map<std::string, std::vector<double>> differences;  // By metric.
  for (const auto& [key, runs] : groups) {
    if (runs.size() < 2) continue;
    history.runs = std::max(history.runs, runs.size());
    for (std::size_t a = 0; a < runs.size(); ++a) {
      for (std::size_t b = a + 1; b < runs.size(); ++b) {
        ++history.pairs;
        for (const auto& [metric, value] : runs[a]) {
          const auto other = runs[b].find(metric);
          if (other == runs[b].end()) continue;
          differences[metric].push_back(relative_difference(value, other->second));
        }
      }
    }
  }
  std::vector<double> floors;
  for (auto& [metric, all] : differences) {
    history.floor[metric] = floor_of(std::move(all));
    floors.push_back(history.floor[metric]);
  }
  if (!floors.empty()) history.floor["*"] = median(floors);
  return history;
}

double known_noise_floor(const Manifest& manifest, std::string_view metric) {
  const auto& known = manifest.noise_floor;
  const auto at = std::find_if(known.begin(), known.end(),
                               [&](const auto& entry) { return same_metric(entry.first, metric); });
  if (at != known.end()) return at->second;
  const auto others = known.find("*");
  return others == known.end() ? 0 : others->second;
}

std::string source_text(const NoiseHistory& history) {
  if (history.pairs == 0) {
    return "unknown: no two finished runs of this build here have a cell in common; run a plan "
           "twice";
  }
  return fmt::format("from {} pairs of equal cells in {} runs of this build", history.pairs,
                     history.runs);
}

}  // namespace violet::results
