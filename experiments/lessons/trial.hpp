// A trial is the same small job under one strategy and placement, run through the engine from end to end:
// buffers are mapped, written by the NIC and unmapped, one after the other.
//
// Threading: owner-only.
// Invariants: every number is counted on the stage, by its labelled costs. Any registered strategy can be tried.
#pragma once

#include <string>

#include "experiments/lessons/scene.hpp"

namespace violet::lessons {

struct Trial {
  std::string strategy = "strict";
  SettingAssignments settings = {};
  Placement placement = Placement::kSamecore;
  unsigned buffers = 64;
  std::uint64_t bytes = kPageBytes;
  unsigned pages = 4;  // Buffers to choose from, in turn.
};

struct TrialResult {
  GuestCounters guest;  // Without what attaching took.
  Exposure exposure;
  std::uint64_t requests = 0;  // After attaching.
  std::uint64_t busy_ns = 0;   // Until the last buffer was unmapped; what timers do comes after.
  double ns_a_buffer = 0;      // Of that, without what the guest does between.
  // When all timers have run the device still reaches the caller's page.
  bool never_closed = false;
};

// Restarts the scene and leaves it as it is once the timers have run out.
TrialResult run_trial(Scene& scene, const Trial& trial);
const char* to_text(Placement placement);

}  // namespace violet::lessons
