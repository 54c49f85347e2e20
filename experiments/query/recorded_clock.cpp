#include "experiments/query/recorded_clock.hpp"

namespace violet::query {

void RecordedClock::add(std::span<const Event> events) {
  for (const Event& event : events) {
    if (event.timed() && event.duration() < kExact) seen_.set(event.duration());
  }
}

std::optional<Ticks> RecordedClock::ticks() const {
  const std::size_t all = seen_.count();
  if (all < kLeastDurations) return std::nullopt;
  // A thread that was moved has the clocks of two processors in one duration: one of them in a hundred may be odd.
  for (Ticks step = kMostTicks; step > 1; --step) {
    std::size_t multiples = 0;
    for (Ticks at = step; at < kExact; at += step) multiples += seen_[at] ? 1 : 0;
    if (multiples >= kLeastDurations && 100 * (all - multiples) <= all) return step;
  }
  for (Ticks at = 0; at + 2 < kExact; ++at) {
    if (seen_[at] && seen_[at + 1] && seen_[at + 2]) return Ticks{1};
  }
  return std::nullopt;
}

}  // namespace violet::query
