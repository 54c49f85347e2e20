// Which probes of the rogue endpoint were aimed at an address that the guest had unmapped and not
// mapped again, and how many of those still reached memory. Addresses come back fast (the allocator is last
// in, first out), so a probe that hits is an attack that succeeds only where this says so.
//
// Threading: pure function.
// Invariants: events of one lcore are in order of time.
#pragma once

#include <cstdint>
#include <span>

#include "engine/base/types.hpp"
#include "engine/telemetry/event.hpp"

namespace violet {

struct StaleProbes {
  std::uint64_t aimed = 0;  // Probes at addresses that were unmapped at that moment.
  std::uint64_t hits = 0;   // Of those: reached memory.
};

// `slack`: probes this close before the return of a dma_map of their address are left out, because the
// mapping exists a moment before the call returns. Only events inside [begin, end] are counted.
StaleProbes count_stale_probes(std::span<const Event> guest, std::span<const Event> probes,
                               Ticks slack, Ticks begin, Ticks end);

}  // namespace violet
