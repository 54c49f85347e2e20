// A noise history collects what this host shows as a difference although nothing differs: A/A comparisons of its
// own earlier runs. The same cell of the same build on the same machine, measured in runs minutes or days apart, is
// what a comparison of two runs has to be held against.
//
// Threading: pure functions on files.
// Invariants: only finished runs of this host, kernel, build and page size count, and only cells with
// equal settings and equal run sections are put side by side. A cell with a disturbed repetition does not count. A floor says from how much it comes.
// Limits: the newest kMostRuns runs; no floor before two of them have a cell in common.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "experiments/results/manifest.hpp"

namespace violet::results {

inline constexpr std::size_t kMostRuns = 12;
// A repetition in which an lcore waited longer than this for its CPU, in per cent of the time, was disturbed.
inline constexpr const char* kCpuWaitShare = "cpu_wait_share";
inline constexpr double kDisturbedPercent = 5;

struct NoiseHistory {
  // Relative: 0.02 is two per cent. "*" is the median over the metrics, for those not listed.
  std::map<std::string, double> floor;
  std::size_t runs = 0;   // That have a partner.
  std::size_t pairs = 0;  // Of one cell in two runs.
};

// `now` is a manifest of this host and program.
NoiseHistory noise_history(const std::filesystem::path& runs_root, const Manifest& now);
// What the run knew of a metric when it began, under any of its names; 0 when it knew nothing.
double known_noise_floor(const Manifest& manifest, std::string_view metric);
// "from 3 pairs of equal cells in 3 runs", or why there is none.
std::string source_text(const NoiseHistory& history);

}  // namespace violet::results
