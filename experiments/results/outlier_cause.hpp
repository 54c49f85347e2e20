// The visible cause of an outlier is what the host did more, or less, in its repetition than in the cell's others: a worse
// host is no cause of a better number, nor a better one of a worse.
//
// Threading: pure function.
// Invariants: it looks at what was sampled of the host and never at what was measured. That two things happened in one
// repetition makes neither the other's cause: it is named, and the outlier stays in.
#pragma once

#include <cstddef>
#include <string>

#include "experiments/results/run_directory.hpp"
#include "experiments/results/samples.hpp"

namespace violet::results {

// Of a value of these samples of the cell: "cpu_wait_share 12.0 %, median 0 %", the most at first, three at most; "no
// visible cause" where there is none, "the host was not sampled" where nobody looked. What is sampled of the host does not
// explain itself.
std::string outlier_cause(const CellData& cell, const Samples& outlying, std::size_t index);

}  // namespace violet::results
