// Plan loading finds, checks and resolves the plan that a verb names.
//
// Threading: pure functions on files.
#pragma once

#include <string>
#include <vector>

#include "experiments/cli/verbs.hpp"
#include "experiments/plans/plan.hpp"

namespace violet::cli {

// `name` is a file, or the name of a bundled plan. Every problem of the plan is in the error (kind kUsage),
// and one by one in `problems` when it is given.
Result<plans::Plan> load_named_plan(const Places& places, const std::string& name,
                                    const std::vector<std::string>& overrides,
                                    plans::Problems* problems = nullptr);

}  // namespace violet::cli
