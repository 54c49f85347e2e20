// A phase estimate scales the sampled rounds of a phase clock to the whole time of its thread.
//
// Threading: pure functions over values.
// Invariants: phases, rest, what was waited and the breakdown's own add up to `wall`. The rest is the time of rounds of a length of which
// too few were sampled, and of phases that too few of the others had, however often: nothing is said of them.
// Method: rounds of one length (a power of two) spend their time as those of them that were sampled did. `sampled_sum` is
// the check that needs no such assumption: the sampled rounds, scaled by their number alone, what was waited and the
// breakdown's own.
// It differs from `wall` by chance, and by what the marks are wrong about.
#pragma once

#include <array>
#include <optional>

#include "engine/telemetry/phase_clock.hpp"

namespace violet {

struct PhaseEstimate {
  static constexpr std::uint64_t kFewestOfALength = 3;  // Sampled rounds of one length.
  static constexpr std::uint64_t kFewestRounds = 8;     // Sampled rounds with a phase.

  double wall = 0, own = 0, waited = 0, rest = 0;     // Ticks.
  std::optional<double> sampled_sum;                  // Ticks; nothing: no round was sampled.
  std::array<std::optional<double>, kWorkPhases> of;  // Ticks; nothing: see tally.rounds_with().
};

PhaseEstimate estimate(const PhaseTally& tally);

}  // namespace violet
