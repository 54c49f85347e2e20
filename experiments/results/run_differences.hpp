// Run differences are what a comparison warns about besides its cells: host, build, costs, plan, lengths.
//
// Threading: pure functions.
#pragma once

#include <string>
#include <vector>

#include "experiments/results/run_directory.hpp"

namespace violet::results {

// Sentences for a reader; also when a run is not finished.
std::vector<std::string> differences_between(const RunData& baseline, const RunData& contender);
// Whether both count operations or both count seconds, and neither is ten times as long: else there is no verdict.
bool lengths_match(const RunData& baseline, const RunData& contender);
// What times of the contender are multiplied by (and rates divided), so that both runs' clocks are calibrated alike: 1
// for runs of two hosts, or of clocks that differ by more than calibrations do.
double common_calibration(const Manifest& baseline, const Manifest& contender);

}  // namespace violet::results
