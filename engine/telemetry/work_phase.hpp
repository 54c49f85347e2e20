// A work phase is what an lcore does at a moment: the guest's, with the endpoints and the engine where they share it, or
// the engine's own. All of a thread's time is in one phase or another (phase_clock.hpp).
//
// Threading: immutable.
// Invariants: this list is the only one: metrics, their meanings and the order in which they are shown follow from it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace violet {

// PHASE(enumerator, name, what the lcore does): first what the guest's side does, then the engine's.
#define VIOLET_GUEST_PHASES(PHASE)                                                              \
  PHASE(kWorkload, "workload", "the workload's own work: rings, payloads, bookkeeping")         \
  PHASE(kPace, "pace", "waiting for a call's time in a paced trace")                            \
  PHASE(kDevice, "device", "waiting until a device has done what it was asked for")             \
  PHASE(kStrategy, "strategy", "the strategy's own work: pools, queues, lists, timers")         \
  PHASE(kIovaAllocate, "iova_allocate", "allocating I/O virtual addresses")                     \
  PHASE(kIovaFree, "iova_free", "freeing I/O virtual addresses")                                \
  PHASE(kCut, "cut", "cutting buffers into MAPs and UNMAPs, and the guest's table of mappings") \
  PHASE(kRequest, "request", "writing requests into the ring")                                  \
  PHASE(kKick, "kick", "sending notifications, without what is injected and the engine's turn") \
  PHASE(kSpin, "spin", "spinning until the device has answered")                                \
  PHASE(kAnswers, "answers", "taking answers from the ring")                                    \
  PHASE(kCopy, "copy", "copying to and from bounce buffers")                                    \
  PHASE(kEndpoints, "endpoints", "the endpoints' turn on the guest's lcore")                    \
  PHASE(kRogue, "rogue", "the rogue endpoint's probes on the guest's lcore")                    \
  PHASE(kTelemetry, "telemetry", "histograms and events of the guest")                          \
  PHASE(kInjected, "injected",                                                                  \
        "injected on the guest's lcore: costs of the plan, spun on purpose")                    \
  PHASE(kLoop, "loop", "the runner's loop between operations")

#define VIOLET_ENGINE_PHASES(PHASE)                                                           \
  PHASE(kDecode, "decode", "taking requests from the ring, decoding, checking, parking them") \
  PHASE(kStore, "store", "changing the domain store")                                         \
  PHASE(kInvalidate, "invalidate", "invalidating the IOTLBs")                                 \
  PHASE(kGrace, "grace", "opening grace periods, and polls with nothing but one to wait for") \
  PHASE(kComplete, "complete", "writing answers into the ring")                               \
  PHASE(kUpkeep, "upkeep", "faults, memory to reclaim and other checks behind a poll")        \
  PHASE(kEngineTelemetry, "engine_telemetry", "events of the engine")                         \
  PHASE(kEngineInjected, "engine_injected",                                                   \
        "injected into the engine: host work and wake-ups, "                                  \
        "spun on purpose")                                                                    \
  PHASE(kIdle, "idle", "polls that found nothing, and the polling loop")                      \
  PHASE(kAsleep, "asleep", "asleep until a kick")

enum class WorkPhase : std::uint8_t {
#define PHASE(enumerator, name, meaning) enumerator,
  VIOLET_GUEST_PHASES(PHASE) VIOLET_ENGINE_PHASES(PHASE)
#undef PHASE
      kCount
};
inline constexpr std::size_t kWorkPhases = static_cast<std::size_t>(WorkPhase::kCount);
inline constexpr WorkPhase kFirstEnginePhase = WorkPhase::kDecode;

// Of what the engine does, wherever it runs.
constexpr bool is_engines(WorkPhase phase) { return phase >= kFirstEnginePhase; }

struct WorkPhaseInfo {
  std::string_view name;  // "iova_allocate"
  std::string_view meaning;
};
// By WorkPhase.
inline constexpr std::array<WorkPhaseInfo, kWorkPhases> kWorkPhaseInfos = {{
#define PHASE(enumerator, name, meaning) {name, meaning},
    VIOLET_GUEST_PHASES(PHASE) VIOLET_ENGINE_PHASES(PHASE)
#undef PHASE
}};

constexpr std::string_view to_text(WorkPhase phase) {
  return kWorkPhaseInfos[static_cast<std::size_t>(phase)].name;
}

}  // namespace violet
