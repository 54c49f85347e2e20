// What the table of a run teaches, in sentences that are computed from it.
//
// Threading: pure functions.
// Invariants: a sentence states only what the numbers show: a difference within the noise is called
// none, and what is missing is left out.
#pragma once

#include <string>
#include <vector>

#include "experiments/results/run_directory.hpp"

namespace violet::cli {

// Up to three sentences about strict, lazy-percpu and bounce-dynamic on the run's workloads.
std::vector<std::string> lessons_of(const results::RunData& run);

}  // namespace violet::cli
