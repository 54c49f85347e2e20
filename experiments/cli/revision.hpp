// The revision names the commit that the program was built from; cmake/VioletRevision.cmake writes the definition
// at each build.
//
// Threading: a constant.
#pragma once

#include "experiments/results/manifest.hpp"

namespace violet::cli {

// With "-dirty" where files differed from the commit.
results::Fact built_revision();

}  // namespace violet::cli
