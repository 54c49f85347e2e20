// A stored plan is what a run keeps of its own: resolved.json, checked against this program and the traces that are
// here now.
//
// Threading: pure functions on files.
#pragma once

#include <filesystem>

#include "experiments/cli/verbs.hpp"
#include "experiments/plans/plan.hpp"

namespace violet::cli {

// Ready to be run again. Errors (kind kUsage): it is not there or damaged, this program does not know one of its
// settings, or a trace that it replays is gone or another one by now; each is named with what to do.
Result<plans::Plan> stored_plan(const Places& places, const std::filesystem::path& run,
                                const results::Manifest& manifest);

}  // namespace violet::cli
