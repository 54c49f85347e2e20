// A noise history collects what this host shows as a difference although nothing differs: A/A comparisons of its
// own earlier runs. The same cell of the same build on the same machine, measured in runs minutes or days apart, is
// what a comparison of two runs has to be held against.
//
// Threading: pure functions on files.
// Invariants: only finished runs of this host, kernel, kind of pages and plan name count. Runs are equal that have
// equal builds, settings and run sections; how much equal runs scatter is pooled for each cell and metric, over
// builds, too, and never known better than its runs are many (run_scatter.hpp). A cell whose own runs are few has the scatter of all cells with its placement and strategy, and where those are
// few, too, at least that of all cells.
// A cell with a disturbed repetition does not count.
// Limits: the newest kMostRuns runs, and no further one once these have kMostCells cells.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "experiments/results/manifest.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/results/run_scatter.hpp"
#include "experiments/results/verdict.hpp"

namespace violet::results {

inline constexpr std::size_t kMostRuns = 24;
inline constexpr std::size_t kMostCells = 20'000;
// Degrees of freedom: runs of one cell beyond the first of each group of equal ones, from which on its own scatter counts.
inline constexpr double kOwnFreedom = 5;
// Whether a repetition that counts was disturbed (retries.hpp); false as well where that is not known.
bool disturbed(const CellData& cell);

struct NoiseHistory {
  // For readers, of a metric over all cells: what most equal runs differed by; 0.02 is two per cent. "*" is the median
  // over the metrics. No verdict rests on it.
  std::map<std::string, double> floor;
  std::size_t runs = 0;   // That have a partner.
  std::size_t pairs = 0;  // Of one cell in two runs.
  // What was looked at: finished runs of this host, their cells, and those of them that were disturbed.
  std::size_t read_runs = 0, read_cells = 0, disturbed_cells = 0;

  // None: no equal runs have such a cell.
  std::optional<RunNoise> of(const RunData& run, const CellRecord& cell,
                             std::string_view metric) const;

  using ByMetric = std::map<std::string, RunScatter, std::less<>>;
  std::map<std::string, ByMetric> cells, kinds;  // By cell, or placement and strategy; with length.
  static const RunScatter* find(const std::map<std::string, ByMetric>& all, const std::string& key,
                                std::string_view metric);
};

// `now` is a manifest of this host. Runs whose ids are in `contenders` are taken for no equals of others, because
// whether they are is the question. Of the `known` runs none is read again.
NoiseHistory noise_history(const std::filesystem::path& runs_root, const Manifest& now,
                           const std::set<std::string>& contenders = {},
                           std::span<const RunData* const> known = {});
// "; 2 of 4 cells of earlier runs do not count, because ...": of disturbed cells, for a sentence. Empty: there are none.
std::string left_out_text(const NoiseHistory& history);
// "from 3 pairs of equal cells in 3 runs", or why there is none.
std::string source_text(const NoiseHistory& history);

}  // namespace violet::results
