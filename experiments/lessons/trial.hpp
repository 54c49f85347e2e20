// The same small job under one strategy and placement, run through the engine from end to end:
// buffers are mapped, written by the NIC and unmapped, one after the other.
//
// Threading: owner-only.
// Invariants: every number is counted on the stage, by its labelled costs.
#pragma once

#include "experiments/lessons/scene.hpp"

namespace violet::lessons {

struct Trial {
  Strategy strategy = Strategy::kStrict;
  Placement placement = Placement::kSamecore;
  unsigned buffers = 64;
  std::uint64_t bytes = kPageBytes;
  unsigned pages = 4;  // Buffers to choose from, in turn.
  std::size_t keep_quota = 4;
};

struct TrialResult {
  GuestNumbers guest;
  Exposure exposure;
  std::uint64_t requests = 0;
  std::uint64_t busy_ns = 0;  // Until the last buffer was unmapped; the flush timer comes after.
  double ns_a_buffer = 0;     // Of that, without what the guest does between.
  double mean_stale_pages = 0;
};

// Restarts the scene and leaves it as it is once the timers have run out.
TrialResult run_trial(Scene& scene, const Trial& trial);
const char* placement_name(Placement placement);

}  // namespace violet::lessons
