// A named difference compares one metric of a contender with the baseline's.
//
// Threading: pure functions.
#pragma once

#include <string>
#include <vector>

#include "experiments/results/compare.hpp"

namespace violet::query {

struct NamedDifference {
  std::string contender;
  results::Difference difference;
};

// What `compare` compares of two cells, of one run, whose interleaved repetitions are paired, or of two, whose noise
// `history` knows. Judged for themselves; see judge_together().
std::vector<NamedDifference> measure_differences(const results::RunData& baseline_run,
                                                 const results::CellData& baseline,
                                                 const results::RunData& contender_run,
                                                 const results::CellData& contender,
                                                 const std::string& name,
                                                 const results::NoiseHistory& history = {});

// Verdicts that hold for all rows of a table at once.
void judge_together(std::vector<NamedDifference>& rows);

// Metric by metric, so that the contenders of one lie side by side: what the workspace is about first, what is
// zero everywhere last.
void sort_by_importance(std::vector<NamedDifference>& rows);

}  // namespace violet::query
