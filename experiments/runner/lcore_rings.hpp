// Lcore rings take the events of a run: one for each lcore that records and one for the recorder itself, in the
// shared memory of the run or, where there is none, in memory of their own.
//
// Threading: the set is immutable; each ring as event_ring.hpp says.
#pragma once

#include <array>
#include <memory>

#include "engine/telemetry/event_ring.hpp"
#include "engine/telemetry/segment.hpp"

namespace violet {

// Positions in LcoreRings and in Recorder::events().
enum RingIndex : std::size_t { kEngineRing, kGuestRing, kEndpointRing, kRecorderRing, kRingCount };

using LcoreRings = std::array<EventRing*, kRingCount>;

// Events of each lcore's ring; two time slices' worth, because on a small machine the recorder shares a
// busy CPU.
inline constexpr std::size_t kLcoreRingEvents = std::size_t{1} << 18;

// The recorder leaves some 1500 events a second: ten seconds for a viewer that comes late.
constexpr std::array<RingPlace, kRingCount> ring_places(std::size_t events = kLcoreRingEvents) {
  return {RingPlace{kEngineLcore, RingRole::kEngine, events},
          RingPlace{kGuestLcore, RingRole::kGuest, events},
          RingPlace{kEndpointLcore, RingRole::kEndpoints, events},
          RingPlace{kRecorderLcore, RingRole::kRecorder, std::size_t{1} << 14}};
}

inline LcoreRings rings_of(RunSegment& segment) {
  LcoreRings rings{};
  for (std::size_t i = 0; i < kRingCount; ++i) rings[i] = &segment.ring(i);
  return rings;
}

// Rings that nobody but this process sees.
class PrivateRings {
 public:
  explicit PrivateRings(std::size_t events = kLcoreRingEvents) {
    const auto places = ring_places(events);
    for (std::size_t i = 0; i < kRingCount; ++i) {
      owned_[i] = std::make_unique<EventRing>(places[i].capacity, places[i].lcore);
    }
  }
  LcoreRings all() const {
    LcoreRings rings{};
    for (std::size_t i = 0; i < kRingCount; ++i) rings[i] = owned_[i].get();
    return rings;
  }

 private:
  std::array<std::unique_ptr<EventRing>, kRingCount> owned_;
};

}  // namespace violet
