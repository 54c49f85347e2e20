// A recorded clock tells the least time that the clock of a recording tells apart, by how long calls took. On virtual
// machines, and on processors whose counter moves with a slower clock, that is many ticks: 21 of 0.48 ns are 10 ns.
//
// Threading: owner-only.
// Invariants: a step is said where nearly all durations are multiples of it, and of one tick where three that follow
// each other occur; of anything else it is not known. Limits: durations that an event has exactly, and steps of up to
// kMostTicks.
#pragma once

#include <bitset>
#include <cstddef>
#include <optional>
#include <span>

#include "engine/telemetry/event.hpp"

namespace violet::query {

class RecordedClock {
 public:
  // Longer durations are rounded (pack_ticks).
  static constexpr Ticks kExact = 4096;
  // So many different durations that are multiples of one number are so for a reason.
  static constexpr std::size_t kLeastDurations = 16;
  static constexpr Ticks kMostTicks = kExact / kLeastDurations;

  void add(std::span<const Event> events);
  // More would not say more.
  bool has_enough() const { return seen_.count() >= 8 * kLeastDurations; }
  // The step.
  std::optional<Ticks> ticks() const;

 private:
  std::bitset<kExact> seen_;
};

}  // namespace violet::query
