// Keeps the checkpoints of a pyramid within bounds.
//
// Threading: pure function.
#pragma once

#include "experiments/trace/pyramid.hpp"

namespace violet {

inline constexpr std::size_t kMostCheckpoints = 1024;
inline constexpr std::size_t kMostCheckpointBytes = std::size_t{96} << 20;

// Drops every other one when there are too many, or they are too big: true when it did.
bool thin_checkpoints(Pyramid& pyramid);

}  // namespace violet
