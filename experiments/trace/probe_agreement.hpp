// Probe agreement compares the rogue endpoint's probes with the engine's events: which addresses
// reached memory, and which should have. It checks the exposure ledger independently.
//
// Threading: pure functions.
// Invariants: a probe whose answer the events leave open is counted as uncertain, never as agreement.
//   It is open from the moment the engine began to map until the dma_map returned, and from the moment
//   it began to unmap until that was complete, whatever was preempted in between; and within the error of the
//   probe's stamp of either end.
// Limits: granules of 4 KiB. Probes of endpoints that are attached to nothing known are not judged.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "engine/base/types.hpp"
#include "engine/telemetry/event.hpp"
#include "experiments/trace/time_level.hpp"

namespace violet {

// How wrong the stamp of a probe may be: by half of the time that it took, where it says so, and by what the clocks of
// two lcores are apart. At most `most`, which is also that of a probe that does not say.
inline Ticks stamp_error(const Event& probe, Ticks most, Ticks clock_error) {
  return probe.timed() ? std::min(most, probe.duration() / 2 + clock_error) : most;
}

struct ProbeInput {
  std::span<const Event> engine;  // In time order.
  std::span<const Event> probes;  // kRogueProbe events; others are ignored. In any order.
  // In time order. Without them a mapping is certain from `slack` after its kMapDone on, which only
  // holds while the engine is never preempted.
  std::span<const Event> guest = {};
  std::vector<std::pair<EndpointId, DomainId>> attached = {};  // Before the first event.
  std::uint64_t lost_engine_events = 0;
  Ticks slack = 0;        // The stated error of a probe's time stamp, at the most.
  Ticks clock_error = 0;  // Part of it (stamp_error()).
};

struct ProbeAgreement {
  std::uint64_t judged = 0;
  std::uint64_t not_judged = 0;
  std::uint64_t hits = 0;             // Of those judged.
  std::uint64_t expected_hits = 0;    // Certain ones.
  std::uint64_t expected_misses = 0;  // Certain ones.
  std::uint64_t uncertain = 0;
  std::uint64_t unexpected_hits =
      0;  // Reached memory where nothing was mapped: a stale translation.
  std::uint64_t unexpected_misses = 0;  // Denied where a mapping allowed it.
  bool complete = true;                 // No events were lost.

  double hit_rate() const { return rate(hits); }
  // What the ledger expects, with its error.
  Bounds<double> expected_rate() const {
    return {rate(expected_hits), rate(expected_hits + uncertain)};
  }
  bool agrees() const { return unexpected_hits == 0 && unexpected_misses == 0; }

 private:
  double rate(std::uint64_t count) const {
    return judged == 0 ? 0 : static_cast<double>(count) / static_cast<double>(judged);
  }
};

ProbeAgreement compare_probes(const ProbeInput& input);

}  // namespace violet
