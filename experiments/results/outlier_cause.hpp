// The visible cause of an outlier is what the host did more, or less, in its repetition than in the cell's others.
//
// Threading: pure function.
// Invariants: it looks at what was sampled of the host and never at what was measured. That two things happened in one
// repetition makes neither the other's cause: it is named, and the outlier stays in.
#pragma once

#include <cstdint>
#include <string>

#include "experiments/results/run_directory.hpp"

namespace violet::results {

// Of the repetition that counts under this number: "cpu_wait_share 12.0 %, median 0 %", the most at first, three at most;
// "no visible cause" where there is none.
std::string outlier_cause(const CellData& cell, std::uint32_t repetition);

}  // namespace violet::results
