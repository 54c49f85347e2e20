// Run differences are what a comparison warns about besides its cells: host, build, costs, plan, lengths.
//
// Threading: pure functions.
#pragma once

#include <string>
#include <vector>

#include "experiments/results/run_directory.hpp"

namespace violet::results {

// Sentences for a reader; also when a run is not finished or no noise floor is known.
std::vector<std::string> differences_between(const RunData& baseline, const RunData& contender);
// Whether both count operations or both count seconds, and neither is ten times as long: else there is no verdict.
bool lengths_match(const RunData& baseline, const RunData& contender);

}  // namespace violet::results
