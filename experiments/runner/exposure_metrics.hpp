// Exposure metrics publish what the exposure ledger found, and the rogue endpoint's second opinion.
//
// Threading: pure functions.
// Invariants: incomplete events give metrics without a value and the reason, never a low number. What
// the rogue endpoint saw and the ledger excludes is a warning.
#pragma once

#include <cstdint>
#include <span>

#include "engine/telemetry/event.hpp"
#include "experiments/results/records.hpp"
#include "experiments/trace/exposure_ledger.hpp"

namespace violet {

struct ExposureSource {
  std::span<const Event> engine;
  std::span<const Event> guest;
  std::span<const Event> probes;  // Those of the lcore that runs the rogue endpoint.
  std::uint64_t lost = 0;
  Ticks begin = 0;
  Ticks end = 0;
  std::uint64_t always_mapped_bytes = 0;
  PersistentTotals persistent = {};
  bool stays =
      false;  // The device reaches the guest's own pages for ever, by the strategy's design.
  // The rogue endpoint runs on the guest's lcore, and the engine as well: then the order of their
  // stamps is the order of things.
  bool guest_probes = false;
  bool one_lcore = false;
  // The guest's events were made of its requests: whole pages, no
  // lower bounds, no rogue endpoint. What depends on the guest's own word is not available then.
  bool from_outside = false;
};

void add_exposure(results::RepetitionRecord& record, const ExposureSource& source);

}  // namespace violet
