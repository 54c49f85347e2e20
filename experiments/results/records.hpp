// Records are what a run leaves behind, as plain values: written, read, tabulated and compared.
//
// Threading: plain values.
// Invariants: a metric has a value or a reason why not, never a stand-in number.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/setting.hpp"
#include "experiments/results/stored_histogram.hpp"

namespace violet::results {

using violet::to_text;

// Which direction is an improvement; decides the verdict of a comparison.
enum class Better { kLower, kHigher, kNeither };

// Units: "ns", "B", "pages", "1" for ratios and counts, "%" ..., or "<something>/s".
struct Metric {
  std::string name;  // "operations_per_s"
  std::string unit;
  std::optional<double> value;
  std::string because;  // Why there is no value.
  Better better = Better::kNeither;
};

struct NamedHistogram {
  std::string name;  // "map"
  std::string unit;  // Of the recorded integers: "ns".
  StoredHistogram histogram;
  Better better = Better::kLower;
};

struct CellRecord {
  std::string id;  // Stable; a valid file name.
  std::string label;
  SettingAssignments axes;  // Every setting of the cell.
};

struct RepetitionRecord {
  std::string cell;
  std::uint32_t repetition = 0;
  double start_s = 0;  // Since the start of the run.
  double duration_s = 0;
  std::vector<Metric> metrics;
  std::vector<NamedHistogram> histograms;
  std::vector<std::string> warnings;  // "guest and endpoint share CPU 1", "412 events dropped"
  // The disturbed repetition that this repeats (retries.hpp); stored as the metric retry_of, which counts from 1.
  std::optional<std::uint32_t> retry_of = std::nullopt;
};

// Something that a reader of the results should know.
struct Note {
  double at_s = 0;
  std::string severity;  // "info", "warning" or "error"
  std::string text;
  std::string cell = {};  // Empty: the whole run.
};

}  // namespace violet::results
