// Samples are one number a repetition: metrics as they are, histograms by their percentiles.
//
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/results/run_directory.hpp"

namespace violet::results {

struct Samples {
  std::string name;  // A metric's name, or "<histogram>.p50" and so on.
  std::string unit;
  Better better = Better::kNeither;
  std::vector<double> values;
  std::vector<std::uint32_t> repetitions;  // Where each value comes from; as long.
  std::string because;                     // Why there are none.
};

std::string percentile_name(const std::string& histogram, double percent);

// In the order of the first repetition that has them: metrics, then histograms.
std::vector<Samples> samples_of(const CellData& cell);
// Under today's name or a former one. Nothing of that name: no values, and `because` says so.
Samples samples_of(const CellData& cell, const std::string& name);

}  // namespace violet::results
