// What lcores leave behind for whoever looks: events of fixed size without pointers, so that the same
// bytes serve a file and shared memory. Which lcore it was is said by the ring, or the block of a file,
// that holds the event.
//
// Threading: plain values.
// Limits: see kinds; times are ticks of clock.hpp.
#pragma once

#include <bit>
#include <cstdint>

#include "engine/base/clock.hpp"

namespace violet {

// What happened. Fields: `id` is the domain unless said otherwise.
enum class EventKind : std::uint8_t {
  kNone = 0,
  // The engine's view of a mapping. Times bound what readers can see, from outside: nothing finds the
  // mapping before kMapDone, everything finds it until kUnmapExecuted, nothing after kUnmapCompleted.
  kMapDone = 1,         // engine: put into the store; a = first, b = last, status = permissions
  kUnmapExecuted = 2,   // engine: removed from the store and invalidation begun; a, b = range
  kUnmapCompleted = 3,  // engine: grace period over, the used entry comes next; a, b = range
  kAttach = 4,          // engine: id = endpoint, a = domain
  kDetach = 5,          // engine: id = endpoint, a = domain
  // reader: id = endpoint, a = address, status = protocol::FaultReason. `took` is 0: to time a fault
  // the clock would have to be read before every access, also before those that hit.
  kFault = 6,
  kInvalidationStalled =
      7,  // engine: id = reader that the grace period waits for, a = waited ticks
  // guest: a dma_map or dma_unmap call returned. id = endpoint, a = iova, low half of b = bytes, high
  // half = page of the buffer; status = direction and grants (experiments/guest/dma_api.hpp). `took` is
  // the call's; of a call for a list, only the first of its events has it.
  kDmaMap = 8,
  kDmaUnmap = 9,
  kFlush = 10,  // guest: a flush-queue flush; a = entries released
  kKick = 11,   // guest: a notification was sent to the device
  // reader: one translation in kTranslateSampling. id = endpoint, a = iova, b = bytes that it was good
  // for; status 0 hit, 1 miss, 2 fault; `took` includes one read of the clock.
  kTranslate = 12,
  kRogueProbe =
      13,      // reader: id = endpoint, a = iova, b = Access; status 0 denied, 1 reached memory
  kCopy = 14,  // guest: bounce copy; a = iova, b = bytes
  // recorder: a step of a repetition begins. id = cell (position in the plan), a = repetition,
  // status = Phase.
  kMark = 15,
  // recorder: a running total or a level at this moment. id = Gauge, status = number of the lcore it
  // belongs to, a = value.
  kSample = 16,
  // recorder: an endpoint and one of its reserved regions. id = endpoint, a, b = first, last;
  // status = protocol::RegionKind. A region with b < a: the endpoint has none.
  kEndpoint = 17,
  // engine, where DeviceConfig::record_targets asks for it, right behind kMapDone: where the mapping
  // leads. a = first iova, b = guest-physical address of it, status = MAP flags.
  kMapTarget = 18,
  // reader, of a port that records all it does (dataplane/dma/recording_port.hpp): one DMA. id = endpoint,
  // a = iova, b = bytes, status = Access | DmaResult << 2; `took` is that of the burst it was part of.
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
  kFaults = 13,         // total: fault records posted
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
};
static_assert(sizeof(Event) == 32);

}  // namespace violet
