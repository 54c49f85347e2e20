// Conclusions say in sentences what the table of a run shows, computed from it.
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
std::vector<std::string> conclusions_of(const results::RunData& run);

}  // namespace violet::cli
