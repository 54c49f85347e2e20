// Stale probes are those of the rogue endpoint that were aimed at an address that the guest had unmapped and not
// mapped again; some of them still reached memory. Addresses come back fast (the allocator is last
// in, first out), so a probe that hits is an attack that succeeds only where this says so.
//
// Threading: pure function.
// Delays are those that were, from the return of the unmap to the probe, not those that were asked for.
//
// Invariants: an address counts as mapped again as soon as the engine or the guest says so: the engine maps
//   it before the guest's call returns, and mappings that stay leave only a sample of guest events.
// Limits: granules of 4 KiB.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/types.hpp"
#include "engine/telemetry/event.hpp"

namespace violet {

inline constexpr std::size_t kProbeDelayBins = 6;

struct StaleProbes {
  struct Count {
    std::uint64_t aimed = 0;  // Probes at addresses that were unmapped at that moment.
    std::uint64_t hits = 0;   // Of those: reached memory.
  };
  Count all;
  std::array<Count, kProbeDelayBins> by_delay;
};

struct StaleProbesInput {
  // Each in the order in which its lcore recorded them; other kinds of events are ignored.
  std::span<const Event> engine;
  std::span<const Event> guest;
  std::span<const Event> probes;
  // The stated error of a probe's time stamp, at the most (stamp_error()): within it, before and after are open.
  Ticks slack = 0;
  Ticks clock_error = 0;
  // Where the second and each further bin of delays begins, ascending.
  std::array<Ticks, kProbeDelayBins - 1> delay_bounds{};
  // What is counted: probes inside.
  Ticks begin = 0;
  Ticks end = 0;
};

StaleProbes count_stale_probes(const StaleProbesInput& input);

}  // namespace violet
