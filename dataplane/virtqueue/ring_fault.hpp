// A ring fault names what a driver did wrong with a ring, decides the answer, and is counted.
//
// Threading: RingCounters has one writer, the queue's owner, and any number of readers.
// Invariants: a fault that breaks_ring() makes the queue broken(): the ring itself can no longer be
// followed, and the device answers with DEVICE_NEEDS_RESET. Every other fault concerns one chain, whose
// end is known: it is given back with used length 0, which the driver takes for a failure (R7), and the
// queue goes on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/telemetry/counter.hpp"

namespace violet {

enum class RingFault : std::uint8_t {
  kNone = 0,
  // The queue is broken.
  kIndexJump,              // Split: the available index moved by more than the queue size.
  kHeadOutOfRange,         // Split: a head that is no descriptor.
  kNextOutOfRange,         // Split: a next index that is no descriptor.
  kLoop,                   // A chain with more descriptors than the queue has.
  kRingOverrun,            // Packed: descriptors made available that are still in use.
  kWrapMismatch,           // Packed: a chain runs into a descriptor that is not available.
  kBufferIdOutOfRange,     // Packed: an id that is not below the queue size.
  kDuplicateToken,         // A head or buffer id that is already in flight.
  kNestedIndirect,         // An indirect table inside an indirect table.
  kIndirectWithNext,       // INDIRECT and NEXT in one descriptor.
  kIndirectLength,         // An indirect table of no or of a fraction of a descriptor.
  kIndirectNextOutside,    // Split: a next index outside the indirect table.
  kIndirectNotNegotiated,  // INDIRECT without the feature.
  kUnreachable,            // The IOMMU does not let the device at the ring itself.
  // One chain is given back with length 0.
  kOutsideMemory,    // A buffer or an indirect table not within one region of memory.
  kZeroLength,       // A descriptor of no bytes.
  kWrongOrder,       // A readable descriptor behind a writable one.
  kChainTooLong,     // More than kMaxChainDescriptors.
  kTooManyWritable,  // More than kMaxWritableSegments.
  kLengthOverflow,   // 4 GiB or more in one direction.
  kCount,
};
inline constexpr std::size_t kRingFaults = static_cast<std::size_t>(RingFault::kCount);

constexpr bool breaks_ring(RingFault fault) {
  return fault > RingFault::kNone && fault < RingFault::kOutsideMemory;
}

// A few words for a status line: "available index jumped".
const char* to_text(RingFault fault);

struct RingCounters {
  std::array<Counter, kRingFaults> faults;
  Counter taken;          // Chains handed to the device.
  Counter returned;       // Chains given back with length 0 because of a fault.
  Counter notifications;  // Interrupts that the driver had asked for.

  std::uint64_t of(RingFault fault) const {
    return faults[static_cast<std::size_t>(fault)].value();
  }
  void count(RingFault fault) noexcept { faults[static_cast<std::size_t>(fault)].add(); }
};

}  // namespace violet
