// The vocabulary of plans comes from the registries: strategies, IOVA allocators, placements, stores, IOTLBs,
// workloads and bundled datasets.
//
// Threading: pure functions on files and registries.
#pragma once

#include <string>

#include "engine/base/result.hpp"
#include "experiments/plans/vocabulary.hpp"

namespace violet {

// Error when the datasets' manifest cannot be read.
Result<plans::Vocabulary> make_vocabulary(const std::string& dataset_dir);

}  // namespace violet
