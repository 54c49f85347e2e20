// An event records what happened on an lcore, in 32 bytes without pointers, so that the same bytes
// serve a file and shared memory. The ring, or the block of a file, that holds the event names the
// lcore. What an event says beside its kind and its time is read and written through the body of
// its kind: see event_bodies.hpp.
//
// Threading: plain values.
// Limits: times are ticks of clock.hpp.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "engine/base/clock.hpp"

namespace violet {

enum class EventKind : std::uint8_t {
  kNone = 0,
  // The engine's view of a mapping. Times bound what readers can see, from outside: nothing finds the
  // mapping before kMapDone, everything finds it until kUnmapExecuted, nothing after kUnmapCompleted.
  kMapDone = 1,         // MappingEvent: put into the store.
  kUnmapExecuted = 2,   // MappingEvent: removed from the store and invalidation begun.
  kUnmapCompleted = 3,  // MappingEvent: grace period over, the used entry comes next.
  kAttach = 4,          // AttachEvent
  kDetach = 5,          // AttachEvent
  // FaultEvent. Not timed: the clock would have to be read before every access, also before those that hit.
  kFault = 6,
  kInvalidationStalled = 7,  // StallEvent
  // DmaEvent: a dma_map or dma_unmap call returned. It took what the call took; of a call for a list, only
  // the first of its events says that.
  kDmaMap = 8,
  kDmaUnmap = 9,
  kFlush = 10,  // FlushEvent
  kKick = 11,   // KickEvent
  kTranslate =
      12,  // TranslateEvent: one translation in kTranslateSampling; took includes one read of the clock.
  kRogueProbe = 13,  // ProbeEvent
  kCopy = 14,        // CopyEvent
  kMark = 15,        // MarkEvent: a step of a repetition begins.
  kSample = 16,      // SampleEvent
  kEndpoint = 17,    // RegionEvent
  // TargetEvent, where DeviceConfig::record_targets asks for it, right behind kMapDone.
  kMapTarget = 18,
  // AccessEvent, of a port that records all it does (dataplane/dma/recording_port.hpp): one DMA. It took what the
  // burst took that it was part of.
  kAccess = 19,
};
inline constexpr std::size_t kEventKinds = 20;

// Where a repetition is (kMark).
enum class Phase : std::uint8_t { kStart = 0, kMeasure = 1, kTakeDown = 2, kEnd = 3 };

// What a kSample says. Totals only grow within a repetition; levels do not.
enum class Gauge : std::uint32_t {
  kPolls = 0,           // total: polls of the engine
  kUsefulPolls = 1,     // total: of those, polls that found something to do
  kQueueDepth = 2,      // level: requests sent and not answered
  kRequestsAttach = 3,  // total: requests by type, as the engine decoded them
  kRequestsDetach = 4,
  kRequestsMap = 5,
  kRequestsUnmap = 6,
  kRequestsProbe = 7,
  kIotlbHits = 8,  // total: of all endpoints of the lcore
  kIotlbMisses = 9,
  kInvalidations = 10,  // total: invalidations begun
  kGracePeriods = 11,   // total: waits for readers that ended
  kParked = 12,         // total: requests that had to wait for one
  kFaults = 13,         // total: faults that the engine collected
  kOperations = 14,     // total: operations of the workload
  kCount
};

// Of so many translations of an endpoint one is timed and recorded. A prime, so that it does not fall into
// step with bursts of 32 packets or with requests of a few pages.
inline constexpr std::uint32_t kTranslateSampling = 61;

// Who records as which lcore. Endpoints without an lcore of their own record as the guest's; the
// recorder's own events (kMark, kSample, kEndpoint) come from none.
inline constexpr std::uint16_t kGuestLcore = 0;
inline constexpr std::uint16_t kEngineLcore = 1;
inline constexpr std::uint16_t kEndpointLcore = 2;
inline constexpr std::uint16_t kRecorderLcore = 0xffff;

// A time in 16 bits, to one part in 2048: five bits of exponent over eleven of mantissa with a hidden
// twelfth, which is more than a plot can show and keeps an event at half a cache line. Exact up to 4095
// ticks, rounds down above, saturates at 2^42 - 2^30.
constexpr std::uint16_t pack_ticks(Ticks ticks) noexcept {
  const unsigned width = 64u - static_cast<unsigned>(std::countl_zero(ticks | 1));
  if (width <= 11) return static_cast<std::uint16_t>(ticks);
  const unsigned exponent = width - 11;
  if (exponent > 31) return 0xffff;
  return static_cast<std::uint16_t>(exponent << 11 | (ticks >> (exponent - 1) & 0x7ff));
}
constexpr Ticks unpack_ticks(std::uint16_t packed) noexcept {
  const Ticks mantissa = packed & 0x7ff;
  const unsigned exponent = packed >> 11;
  return exponent == 0 ? mantissa : (mantissa | 0x800) << (exponent - 1);
}

struct Event {
  Ticks at;
  EventKind kind;
  std::uint8_t status;
  std::uint16_t took;  // How long it took, pack_ticks(); 0: not measured.
  std::uint32_t id;
  std::uint64_t a;
  std::uint64_t b;

  bool timed() const { return took != 0; }
  Ticks duration() const { return unpack_ticks(took); }
};
static_assert(sizeof(Event) == 32);

// --- What is true of all events of a kind ---

// Whose lcore leaves it: the engine's, the guest's, that of a reader (an endpoint), or the recorder.
enum class EventSource : std::uint8_t { kNone, kEngine, kGuest, kReader, kRecorder };
// Whose event it is: what its body names first.
enum class EventOwner : std::uint8_t { kNone, kDomain, kEndpoint };
// Which addresses of that owner it is about.
enum class EventAddresses : std::uint8_t { kNone, kOne, kRange, kBuffer, kBytes };

struct EventTraits {
  EventSource source = EventSource::kNone;
  EventOwner owner = EventOwner::kNone;
  EventAddresses addresses = EventAddresses::kNone;
  // It changes what is mapped, or for whom: events of others at the same instant saw its effect.
  bool changes_mappings = false;
};

inline constexpr std::array<EventTraits, kEventKinds> kEventTraits = [] {
  using enum EventSource;
  using Owner = EventOwner;
  using Addresses = EventAddresses;
  std::array<EventTraits, kEventKinds> traits{};
  const auto set = [&](EventKind kind, EventSource source, Owner owner, Addresses addresses,
                       bool changes_mappings = false) {
    traits[static_cast<std::size_t>(kind)] = {source, owner, addresses, changes_mappings};
  };
  set(EventKind::kMapDone, kEngine, Owner::kDomain, Addresses::kRange, true);
  set(EventKind::kUnmapExecuted, kEngine, Owner::kDomain, Addresses::kRange, true);
  set(EventKind::kUnmapCompleted, kEngine, Owner::kDomain, Addresses::kRange, true);
  set(EventKind::kAttach, kEngine, Owner::kEndpoint, Addresses::kNone, true);
  set(EventKind::kDetach, kEngine, Owner::kEndpoint, Addresses::kNone, true);
  set(EventKind::kFault, kReader, Owner::kEndpoint, Addresses::kOne);
  set(EventKind::kInvalidationStalled, kEngine, Owner::kNone, Addresses::kNone);
  set(EventKind::kDmaMap, kGuest, Owner::kEndpoint, Addresses::kBuffer);
  set(EventKind::kDmaUnmap, kGuest, Owner::kEndpoint, Addresses::kBuffer);
  set(EventKind::kFlush, kGuest, Owner::kNone, Addresses::kNone);
  set(EventKind::kKick, kGuest, Owner::kNone, Addresses::kNone);
  set(EventKind::kTranslate, kReader, Owner::kEndpoint, Addresses::kOne);
  set(EventKind::kRogueProbe, kReader, Owner::kEndpoint, Addresses::kOne);
  set(EventKind::kCopy, kGuest, Owner::kEndpoint, Addresses::kOne);
  set(EventKind::kMark, kRecorder, Owner::kNone, Addresses::kNone);
  set(EventKind::kSample, kRecorder, Owner::kNone, Addresses::kNone);
  set(EventKind::kEndpoint, kRecorder, Owner::kEndpoint, Addresses::kRange);
  set(EventKind::kMapTarget, kEngine, Owner::kDomain, Addresses::kOne);
  set(EventKind::kAccess, kReader, Owner::kEndpoint, Addresses::kBytes);
  return traits;
}();

// Of a kind that nobody knows: those of kNone.
constexpr const EventTraits& traits_of(EventKind kind) noexcept {
  const auto index = static_cast<std::size_t>(kind);
  return kEventTraits[index < kEventKinds ? index : 0];
}
constexpr bool is_dma_call(EventKind kind) noexcept {
  return kind == EventKind::kDmaMap || kind == EventKind::kDmaUnmap;
}

}  // namespace violet
