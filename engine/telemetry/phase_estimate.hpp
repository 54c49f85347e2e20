// A phase estimate scales the sampled rounds of a phase clock to the whole time of its thread.
//
// Threading: pure functions over values.
// Invariants: phases, rest, long rounds, what was waited and the breakdown's own add up to `wall`. The rest is the time of
// short rounds of a length of which too few were sampled, and of phases that too few of the others had, however often:
// nothing is said of them. The same of long rounds is `longs`.
// Method: rounds of one length (a power of two) spend their time as those of them that were sampled did, each of which
// stands for as many as its chance was small. `sum` is the check that needs no such assumption and knows no length: the
// time of short sampled rounds without marks, for what was done in them (units, as operations), over what the rounds took
// that were not sampled. Nothing makes it 1 but samples that are like the others, and marks that are priced right by rounds
// before. It errs by `sum_error`, the standard error that drawing the samples leaves: of a ratio, where each round is drawn
// by itself. What a price owes to chance adds little: each round misses the mean of those before it, and such misses
// hang on one another no more than the rounds do (recursive residuals: Brown, Durbin and Evans, J. R. Stat. Soc. B 1975),
// so that of n rounds behind m others the variance is that of n + log(1 + n / m).
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

PhaseEstimate estimate(const PhaseTally& tally);

}  // namespace violet
