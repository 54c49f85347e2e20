// A run's ending says on stderr what failed and how to go on, for the verbs that run plans.
//
// Threading: the main thread.
// Invariants: whatever failed is on stderr, with its reason, whether or not progress is shown.
#pragma once

#include <string>
#include <vector>

#include "experiments/runner/runner.hpp"

namespace violet::cli {

// Says on stderr what failed and how to go on with `plan`; the exit code of the verb.
int run_ending(const RunOutcome& outcome, const std::string& plan,
               const std::vector<std::string>& overrides);

}  // namespace violet::cli
