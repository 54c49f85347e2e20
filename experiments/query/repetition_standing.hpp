// A standing says whether the results count a repetition that is looked at.
//
// Threading: pure functions.
// Invariants: what counts is what statistics take (experiments/results/retries.hpp), and the words are those of the report.
#pragma once

#include "experiments/query/cell_info.hpp"
#include "experiments/results/run_directory.hpp"

namespace violet::query {

// Of a repetition of a run that has ended, or died.
Standing standing_of(const results::RunData& run, const results::CellData& cell,
                     std::uint32_t repetition);

}  // namespace violet::query
