#include "engine/telemetry/phase_estimate.hpp"

#include <algorithm>
#include <cmath>

namespace violet {
namespace {

constexpr double kFewest = 30;  // Rounds, for their scatter to be known.

void add_sum(PhaseEstimate& out, const PhaseTally::Short& all,
             const std::optional<MarkTrial>& trial) {
  if (all.weighted_units == 0 || all.other_units == 0 || all.other_ticks == 0) return;
  // Fewer do not show how much they scatter, and an error of 0 would be said of them.
  if (all.sampled.rounds < kFewest || all.unsampled.rounds < kFewest) return;
  const auto units = static_cast<double>(all.weighted_units);
  const double sampled = static_cast<double>(all.weighted_ticks) / units;
  const double others = all.other_ticks / all.other_units;
  out.sum = sampled / others;
  const double by_chance = std::sqrt(all.chance.misses2(sampled)) / units;
  out.sum_error = std::hypot(by_chance, trial ? trial->error : 0) / others;
}

}  // namespace

PhaseEstimate estimate(const PhaseTally& tally, const std::optional<MarkTrial>& trial) {
  PhaseEstimate out;
  out.wall = static_cast<double>(tally.wall);
  out.own = static_cast<double>(tally.own);
  out.waited = static_cast<double>(tally.waited);
  out.shorts = static_cast<double>(tally.short_rounds.ticks);
  std::array<double, kWorkPhases> of{};
  std::array<std::uint64_t, kWorkPhases> rounds_with{};
  for (const PhaseTally::Length& length : tally.by_length) {
    const double time = static_cast<double>(length.unsampled) + static_cast<double>(length.sampled);
    if (length.weighted == 0 || length.sampled_rounds < PhaseEstimate::kFewestOfALength) {
      out.longs += static_cast<double>(length.in_long);
      out.rest += time - static_cast<double>(length.in_long);
      continue;
    }
    for (std::size_t i = 0; i < kWorkPhases; ++i) {
      of[i] += time * (static_cast<double>(length.of[i]) / static_cast<double>(length.weighted));
      rounds_with[i] += length.rounds_with[i];
    }
  }
  for (std::size_t i = 0; i < kWorkPhases; ++i) {
    if (rounds_with[i] >= PhaseEstimate::kFewestRounds) {
      out.of[i] = of[i];
    } else {
      out.rest += of[i];
    }
  }
  add_sum(out, tally.short_rounds, trial);
  return out;
}

std::optional<MarkTrial> tried_marks(const PhaseTally& trial, Ticks in_a_loop) {
  const PhaseTally::Sums& with = trial.short_rounds.sampled;
  const PhaseTally::Sums& without = trial.short_rounds.unsampled;
  if (with.rounds < kFewest || without.rounds < kFewest) return std::nullopt;
  if (with.units == 0 || without.units == 0 || without.ticks == 0) return std::nullopt;
  const double longer = with.ticks / with.units, plain = without.ticks / without.units;
  const double error = std::hypot(std::sqrt(with.misses2(longer)) / with.units,
                                  std::sqrt(without.misses2(plain)) / without.units);
  const double marks = static_cast<double>(trial.short_rounds.marks) / with.units;
  const double more = std::max(0.0, longer - plain), loop = static_cast<double>(in_a_loop);
  if (constexpr double kSure = 3; more - kSure * error > kMostOfLoop * loop * marks) {
    return MarkTrial{loop, false, more - loop * marks, error};
  }
  const double before = kLoopError * loop * marks;  // What it erred without the trial.
  if (before == 0) return MarkTrial{loop, false, 0, error};
  const double weight = before * before / (before * before + error * error);
  return MarkTrial{loop + weight * (more / marks - loop), weight > 0.5, 0,
                   std::sqrt(weight) * error};
}

}  // namespace violet
