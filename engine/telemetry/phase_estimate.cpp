#include "engine/telemetry/phase_estimate.hpp"

namespace violet {

PhaseEstimate estimate(const PhaseTally& tally) {
  PhaseEstimate out;
  out.wall = static_cast<double>(tally.wall);
  out.own = static_cast<double>(tally.own);
  out.waited = static_cast<double>(tally.waited);
  std::array<double, kWorkPhases> of{};
  std::array<std::uint64_t, kWorkPhases> rounds_with{};
  double sampled = 0;
  for (const PhaseTally::Length& length : tally.by_length) {
    const double time = static_cast<double>(length.unsampled) + static_cast<double>(length.sampled);
    sampled += static_cast<double>(length.sampled);
    if (length.sampled == 0 || length.sampled_rounds < PhaseEstimate::kFewestOfALength) {
      out.rest += time;
      continue;
    }
    for (std::size_t i = 0; i < kWorkPhases; ++i) {
      of[i] += time * (static_cast<double>(length.of[i]) / static_cast<double>(length.sampled));
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
  if (tally.sampled_rounds > 0) {
    out.sampled_sum =
        out.own + out.waited +
        sampled * static_cast<double>(tally.rounds) / static_cast<double>(tally.sampled_rounds);
  }
  return out;
}

}  // namespace violet
