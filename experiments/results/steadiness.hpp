// Steadiness tells of the cells of a run whether their rates were steady, since when, and whether they were warm by then.
//
// Threading: pure functions.
// Invariants: not steady and not known are told apart. Runs of older programs say nothing of it, and nothing is said.
#pragma once

#include <string>
#include <vector>

#include "experiments/results/run_directory.hpp"

namespace violet::results {

// "steady after 12.0 ms, 41.0 ms at the latest", "not steady in 2 of 5 repetitions", "not known, because ..."; empty: the
// program that measured the cell did not look.
std::string steady_text(const CellData& cell);

// What steady_text() says of each cell; what is not known once for all cells that it is not known of for one reason.
std::vector<std::string> steadiness_notes(const RunData& run);

// Cells that were not steady in most of their repetitions, and cells that were measured before they were: a sentence each.
std::vector<std::string> steadiness_warnings(const RunData& run);

}  // namespace violet::results
