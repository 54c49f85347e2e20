#include "engine/telemetry/phase_estimate.hpp"

#include <algorithm>
#include <cmath>

namespace violet {
namespace {

void add_sum(PhaseEstimate& out, const PhaseTally& tally) {
  const PhaseTally::Short& all = tally.short_rounds;
  if (all.weighted_units == 0 || all.other_units == 0 || all.other_ticks == 0) return;
  // Fewer do not show how much they scatter, and an error of 0 would be said of them.
  if (all.sampled < MarkPrices::kFewestRounds || all.unsampled < MarkPrices::kFewestRounds) return;
  const auto units = static_cast<double>(all.weighted_units);
  const double sampled = static_cast<double>(all.weighted_ticks) / units;
  const double others = all.other_ticks / all.other_units;
  out.sum = sampled / others;
  const auto n = static_cast<double>(all.sampled);
  const double known = std::max(1.0, static_cast<double>(tally.priced_before));
  const double by_price = std::sqrt(1 + std::log1p(n / known) / n);
  const double by_chance = std::sqrt(all.chance.misses2(sampled)) / units;
  out.sum_error = std::hypot(by_price * by_chance, tally.price.error) / others;
}

}  // namespace

PhaseEstimate estimate(const PhaseTally& tally) {
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
  add_sum(out, tally);
  return out;
}

}  // namespace violet
