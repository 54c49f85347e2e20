// A phase estimate scales the sampled rounds of a phase clock to the whole time of its thread.
//
// Threading: pure functions over values.
// Invariants: phases, rest, long rounds, what was waited and the breakdown's own add up to `wall`. The rest is the time of
// short rounds of a length of which too few were sampled, and of phases that too few of the others had, however often:
// nothing is said of them. The same of long rounds is `longs`.
// Method: rounds of one length (a power of two) spend their time as those of them that were sampled did, each of which
// stands for as many as its chance was small. `sum` is the check that needs no such assumption and knows no length: the
// time of short sampled rounds without marks, for what was done in them (units, as operations), over what the rounds took
// that were not sampled. Nothing makes it 1 but samples that are like the others, and marks that are priced right. It errs by
// `sum_error`, the standard error that drawing the samples leaves: of a ratio, where each round is drawn by itself.
// Limits: of long rounds nothing is checked: their time is counted, not estimated.
#pragma once

#include <array>
#include <optional>

#include "engine/telemetry/phase_clock.hpp"

namespace violet {

struct PhaseEstimate {
  static constexpr std::uint64_t kFewestOfALength = 3;  // Sampled rounds of one length.
  static constexpr std::uint64_t kFewestRounds = 8;     // Sampled rounds with a phase.

  double wall = 0, own = 0, waited = 0, rest = 0, longs = 0;  // Ticks;
  double shorts = 0;                     // of these, all short rounds, which `sum` is about.
  std::optional<double> sum, sum_error;  // Of 1; nothing: of short rounds none or all were sampled.
  std::array<std::optional<double>, kWorkPhases> of;  // Ticks; nothing: see tally.rounds_with().
};

// What sampling makes a round longer, in ticks.
struct MarkTrial {
  double cost = 0;     // A mark, and where marks are too few to tell: as in a loop.
  bool tried = false;  // It is the trial's more than the loop's.
  double in_unit = 0;  // What marks do not explain, for each unit.
  double error = 0;    // The standard error of all of it, for each unit.
};

// The error of `sum` has that of the trial in it.
PhaseEstimate estimate(const PhaseTally& tally, const std::optional<MarkTrial>& trial = {});

// From a clock with a fixed gap and in_place = 0: by how much sampled rounds took longer than the others for what was done
// in them. Nothing where rounds are too few to know how they scatter. A mark's cost is drawn towards what it is in a loop,
// which is known to about a half (kLoopError), as far as the trial errs. Where it would be more than kMostOfLoop times
// that, marks are few and something else made the rounds longer. The rounds are others than those of a breakdown, so
// that its sum is still a check.
inline constexpr double kLoopError = 0.5;
inline constexpr double kMostOfLoop = 4;
std::optional<MarkTrial> tried_marks(const PhaseTally& trial, Ticks in_a_loop);

}  // namespace violet
