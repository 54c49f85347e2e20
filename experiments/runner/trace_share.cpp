#include "experiments/runner/trace_share.hpp"

#include <algorithm>

namespace violet {

TraceShare::TraceShare(std::uint64_t bytes)
    : events_left_(bytes - std::min(bytes, bytes / kSamples + kMarks)),
      samples_left_(bytes / kSamples),
      spacing_left_(samples_left_ / kStage) {}

bool TraceShare::due(std::uint64_t bytes) {
  return ++round_ % spacing_ == 0 && bytes <= samples_left_;
}

void TraceShare::took_samples(std::uint64_t bytes) {
  samples_left_ -= std::min(bytes, samples_left_);
  spacing_left_ -= std::min(bytes, spacing_left_);
  if (spacing_left_ > 0) return;
  spacing_left_ = samples_left_ / kStage;
  spacing_ = std::min(kFurther * spacing_, kFurthest);
}

std::size_t events_before(std::span<const Event> stream, Ticks at) {
  const auto end = std::partition_point(stream.begin(), stream.end(),
                                        [at](const Event& event) { return event.at < at; });
  return static_cast<std::size_t>(end - stream.begin());
}

Ticks end_of_early_part(std::span<const std::span<const Event>> streams, std::size_t most) {
  const auto fits = [&](Ticks at) {
    std::size_t count = 0;
    for (const auto& stream : streams) count += events_before(stream, at);
    return count <= most;
  };
  Ticks low = 0, high = ~Ticks{0};  // What fits, and what is not known to.
  if (fits(high)) return high;
  while (low < high) {
    const Ticks middle = high - (high - low) / 2;
    if (fits(middle)) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

}  // namespace violet
