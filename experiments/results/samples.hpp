// Samples are one number a repetition: metrics as they are, histograms by their counts, means and those percentiles that
// they hold values enough for (percentile_support.hpp). A repetition that
// was retried because the host disturbed it has one number as well (retries.hpp).
//
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "experiments/results/run_directory.hpp"
#include "experiments/results/statistics.hpp"

namespace violet::results {

struct Samples {
  std::string
      name;  // A metric's name, or "<histogram>.count", "<histogram>.mean", "<histogram>.p50" and so on.
  std::string unit;
  Better better = Better::kNeither;
  std::vector<double> values;
  std::vector<std::uint32_t> repetitions;  // Where each value comes from; as long.
  std::string because;                     // Why there are none.
  double confidence = kConfidence;         // Of their median's interval, by the run's rule.
};
Estimate median_estimate(const Samples& samples);
// Of both cells of an interleaved run the values of those repetitions that both have, in one order: pairs.
void keep_shared(Samples& one, Samples& other);

// Whether all are whole numbers of something that is counted: people read no decimals of them.
bool are_counts(const Samples& samples);
std::string percentile_name(const std::string& histogram, double percent);
std::string mean_name(const std::string& histogram);
std::string count_name(const std::string& histogram);

// In the order of the catalogue (metric_rank()); what it does not have comes last, as it was recorded.
std::vector<Samples> samples_of(const CellData& cell);
void sort_by_rank(std::vector<Samples>& samples);
// Under today's name or a former one. Nothing of that name: no values, and `because` says so.
Samples samples_of(const CellData& cell, const std::string& name);
inline constexpr const char* kNoSuchSamples = "it was not measured";
// All of a cell, for who asks for many by name.
class CellSamples {
 public:
  explicit CellSamples(const CellData& cell);
  CellSamples(const CellSamples&) = delete;
  CellSamples& operator=(const CellSamples&) = delete;
  const std::vector<Samples>& all() const { return all_; }
  const Samples* find(std::string_view name) const;  // Of today or former. Null: nothing of it.

 private:
  std::vector<Samples> all_;
  std::unordered_map<std::string_view, const Samples*> by_name_;  // By today's names.
};
// What a comparison is about: metrics that have a better direction, p50, p99 and mean of every histogram. A mean
// shows what a median hides: a tail that doubles what all calls cost together.
std::vector<Samples> compared_samples(const CellData& cell);

}  // namespace violet::results
