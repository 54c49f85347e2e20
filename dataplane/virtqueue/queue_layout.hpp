// A queue layout says where a virtqueue lies in guest memory; with it the constants of both ring formats
// (VIRTIO 1.2, sections 2.7 split and 2.8 packed).
//
// Threading: plain values.
// Invariants: an area that resolve() accepted lies in one region, aligned as the specification wants on
// the guest's side and on the host's, so that ring words can be accessed atomically.
// Limits: 1 to 32768 descriptors; a split ring's number is a power of two.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/virtqueue/guest_memory.hpp"
#include "dataplane/virtqueue/ring_format.hpp"
#include "engine/base/result.hpp"
#include "engine/base/types.hpp"

namespace violet {

// What was negotiated; VIRTIO_F_RING_PACKED is the RingFormat.
struct RingFeatures {
  bool indirect = false;   // VIRTIO_F_INDIRECT_DESC
  bool event_idx = false;  // VIRTIO_F_EVENT_IDX
};

inline constexpr std::uint32_t kMaxQueueSize = 32768;
inline constexpr std::size_t kDescriptorBytes = 16;
inline constexpr unsigned kMaxChainDescriptors = 128;  // That a device follows.

// One descriptor as read, in either format; ring:: below takes its second half apart.
struct Descriptor {
  std::uint64_t address;
  std::uint64_t word;
};

namespace ring {
// Descriptor flags of both formats.
inline constexpr std::uint16_t kNext = 1u << 0;
inline constexpr std::uint16_t kWrite = 1u << 1;
inline constexpr std::uint16_t kIndirect = 1u << 2;
// Packed only.
inline constexpr std::uint16_t kAvail = 1u << 7;
inline constexpr std::uint16_t kUsed = 1u << 15;
// Split: avail.flags and used.flags.
inline constexpr std::uint16_t kNoNotification = 1;
// Packed: the flags of an event suppression structure {le16 position, le16 flags}.
inline constexpr std::uint16_t kEventsOn = 0;
inline constexpr std::uint16_t kEventsOff = 1;
inline constexpr std::uint16_t kEventsAtPosition = 2;
inline constexpr std::uint16_t kPositionWrap = 1u << 15;

// True when an index that moved from `before` to `now` passed `event` (section 2.7.7.2).
constexpr bool passed_event(std::uint16_t event, std::uint16_t now, std::uint16_t before) {
  return static_cast<std::uint16_t>(now - event - 1) < static_cast<std::uint16_t>(now - before);
}

// The second half of a packed descriptor as one word: {le32 length, le16 id, le16 flags}.
constexpr std::uint64_t packed_word(std::uint32_t length, std::uint16_t id, std::uint16_t flags) {
  return length | std::uint64_t{id} << 32 | std::uint64_t{flags} << 48;
}
// The second half of a split descriptor: {le32 length, le16 flags, le16 next}.
constexpr std::uint64_t split_word(std::uint32_t length, std::uint16_t flags, std::uint16_t next) {
  return length | std::uint64_t{flags} << 32 | std::uint64_t{next} << 48;
}
constexpr std::uint32_t word_length(std::uint64_t word) { return static_cast<std::uint32_t>(word); }
constexpr std::uint16_t word_low(std::uint64_t word) {
  return static_cast<std::uint16_t>(word >> 32);
}
constexpr std::uint16_t word_high(std::uint64_t word) {
  return static_cast<std::uint16_t>(word >> 48);
}

// Section 2.8.1: available when AVAIL is the driver's wrap counter and USED its inverse; used when
// both are the device's.
constexpr std::uint16_t available_bits(bool wrap) { return wrap ? kAvail : kUsed; }
constexpr std::uint16_t used_bits(bool wrap) {
  return wrap ? static_cast<std::uint16_t>(kAvail | kUsed) : std::uint16_t{0};
}
constexpr bool has_bits(std::uint16_t flags, std::uint16_t bits) {
  return (flags & (kAvail | kUsed)) == bits;
}

// Split: bytes before the array of the available and the used ring.
inline constexpr std::size_t kRingHead = 4;
inline constexpr std::size_t kUsedElement = 8;
}  // namespace ring

// The three areas in the specification's general names. Split: descriptor table, available ring, used
// ring. Packed: descriptor ring, driver and device event suppression.
struct QueueLayout {
  RingFormat format = RingFormat::kSplit;
  std::uint32_t size = 0;
  GuestPhys descriptors;
  GuestPhys driver;
  GuestPhys device;
  // For a driver that uses indirect descriptors: a table of two for each slot. The device does not
  // know of it.
  GuestPhys indirect_tables;

  // Lays the areas out one behind another from `base` (64-byte aligned), each on cache lines of its own.
  static QueueLayout at(RingFormat format, std::uint32_t size, GuestPhys base);
  // What at() takes from `base` on.
  static std::uint64_t bytes(RingFormat format, std::uint32_t size);

  std::uint64_t descriptor_bytes() const { return std::uint64_t{size} * kDescriptorBytes; }
  std::uint64_t driver_bytes() const;
  std::uint64_t device_bytes() const;
  std::uint64_t indirect_bytes() const { return std::uint64_t{size} * 2 * kDescriptorBytes; }
};

// The host's view of a layout.
struct QueueAreas {
  std::byte* descriptors;
  std::byte* driver;
  std::byte* device;
};

// Error for a size the format does not allow and for areas outside memory or misaligned.
Result<QueueAreas> resolve(const GuestMemory& memory, const QueueLayout& layout);

}  // namespace violet
