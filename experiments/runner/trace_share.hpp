// A trace share is what one repetition may take of a run's trace, in bytes: the whole early part of its events, and
// from there on samples of the counters, further and further apart.
//
//     |<---- events_left(): all events ---->|<- due(): samples, 1, 4, 16 ... rounds apart ->|
//
// Threading: owner-only.
// Invariants: whoever asks before writing and says what was written never takes more than the share, but for the marks
// of a repetition, for which kMarks is set aside. Samples have an eighth; a spacing lasts until a quarter of what is
// left of it is used up, so that some are left after days.
// Units: bytes as the file has them, block headers included.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/telemetry/event.hpp"

namespace violet {

class TraceShare {
 public:
  explicit TraceShare(std::uint64_t bytes);

  // For events of all lcores, while the early part is kept.
  std::uint64_t events_left() const { return events_left_; }
  void took_events(std::uint64_t bytes) {
    events_left_ -= bytes < events_left_ ? bytes : events_left_;
  }

  // Once a round, after the early part: whether the samples of this round, so many bytes, are kept.
  bool due(std::uint64_t bytes);
  void took_samples(std::uint64_t bytes);

 private:
  static constexpr std::uint64_t kSamples = 8;  // They have one of so many parts.
  static constexpr std::uint64_t kMarks = 4096;
  static constexpr std::uint64_t kStage = 4;  // A spacing has one of so many parts of what is left.
  static constexpr std::uint64_t kFurther = 4;  // Then they are so many times as far apart.
  static constexpr std::uint64_t kFurthest = std::uint64_t{1} << 40;  // Rounds.

  std::uint64_t events_left_, samples_left_, spacing_left_;
  std::uint64_t round_ = 0, spacing_ = 1;
};

// How many events of a stream, in order of time or nearly so, come before that time.
std::size_t events_before(std::span<const Event> stream, Ticks at);
// The latest time before which the streams have at most `most` events together.
Ticks end_of_early_part(std::span<const std::span<const Event>> streams, std::size_t most);

}  // namespace violet
