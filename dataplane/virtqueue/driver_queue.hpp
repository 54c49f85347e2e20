// A driver queue is the driver's side of a virtqueue, as the modelled guest uses it: buffers go in, used buffers
// come out.
//
// Use: add() as often as wanted, publish() once, kick if needs_kick(), pop_used() until everything is
// back. A driver that sleeps calls arm_interrupts() and sleeps only when that returns false.
//
// Threading: owner-only, the guest thread.
// Invariants: nothing that add() wrote is visible to the device before publish(). A slot is
// reused only after its buffer came back. An entry of the device that names no buffer in flight is a
// bug of the device and stops the program.
// Limits: a buffer has at most one readable and one writable segment, which is what a virtio-iommu driver
// sends. Without indirect tables it takes two descriptors, so a ring of 256 holds 128; with them, or with
// one segment only, 256.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/virtqueue/guest_atomic.hpp"
#include "dataplane/virtqueue/guest_memory.hpp"
#include "dataplane/virtqueue/queue_layout.hpp"
#include "engine/base/aligned_array.hpp"
#include "engine/base/check.hpp"

namespace violet {

// A segment of 0 bytes is left out; one of the two must be there.
struct DriverBuffer {
  GuestPhys readable;
  GuestPhys writable;
  std::uint32_t readable_bytes;
  std::uint32_t writable_bytes;
  std::uint32_t cookie;  // Comes back with the buffer.
};

struct UsedBuffer {
  std::uint32_t cookie;
  std::uint32_t bytes;  // What the device says it wrote; 0 is a failure (R7).
};

struct DriverOptions {
  RingFeatures features;
  bool use_indirect = false;    // Needs features.indirect and layout.indirect_tables in memory.
  bool single_segment = false;  // Every buffer has one segment (event queue): one descriptor each.
};

class DriverQueue {
 public:
  virtual ~DriverQueue() = default;
  // Adds buffers in order; returns how many fitted.
  virtual std::size_t add(std::span<const DriverBuffer> buffers) = 0;
  // Makes everything added since the last publish() available.
  virtual void publish() = 0;
  // After publish(): does the device want a kick? Costs a full barrier.
  virtual bool needs_kick() = 0;
  // Takes up to out.size() used buffers.
  virtual std::size_t pop_used(std::span<UsedBuffer> out) = 0;
  virtual void suppress_interrupts() = 0;
  // True: used buffers are there already that the device may not have announced.
  virtual bool arm_interrupts() = 0;
  // How many buffers fit in all, and how many are with the device.
  virtual std::size_t capacity() const = 0;
  virtual std::size_t in_flight() const = 0;
};

// The driver initialises the rings, as the specification wants, so make it before the device's queue.
// Error for impossible layouts and options.
Result<std::unique_ptr<DriverQueue>> make_driver_queue(const GuestMemory& memory,
                                                       const QueueLayout& layout,
                                                       const DriverOptions& options);

// --- The two formats' own ---

// The queue of one format; areas and tables were checked.
std::unique_ptr<DriverQueue> make_split_driver_queue(const GuestMemory& memory,
                                                     const QueueLayout& layout,
                                                     const QueueAreas& areas,
                                                     const DriverOptions& options,
                                                     std::byte* indirect_tables);
std::unique_ptr<DriverQueue> make_packed_driver_queue(const GuestMemory& memory,
                                                      const QueueLayout& layout,
                                                      const QueueAreas& areas,
                                                      const DriverOptions& options,
                                                      std::byte* indirect_tables);

// Null when the buffer is outside memory, which is the device's to find out.
inline const std::byte* answer_line(RegionCache& regions, const DriverBuffer& buffer) noexcept {
  return regions.host(buffer.writable_bytes != 0 ? buffer.writable : buffer.readable, 1);
}

// Slots of a driver queue: a free list used last in first out, so that a driver with few buffers in
// flight stays on few cache lines, and the cookie of each slot in flight.
class SlotTable {
 public:
  explicit SlotTable(std::uint32_t slots)
      : slots_(slots),
        free_count_(slots),
        cookies_(slots),
        answers_(slots),
        in_flight_(slots),
        free_(slots) {
    for (std::uint32_t i = 0; i < slots; ++i) free_[i] = static_cast<std::uint16_t>(slots - 1 - i);
  }

  std::size_t size() const { return slots_; }
  std::size_t in_flight() const { return slots_ - free_count_; }
  bool full() const { return free_count_ == 0; }

  std::size_t free() const { return free_count_; }
  // What the i-th take() from now gives, counted from 0. Precondition: i < free().
  std::uint16_t peek(std::size_t i) const { return free_[free_count_ - 1 - i]; }

  // `answer` is where the driver will look when the buffer is back. Precondition: not full().
  std::uint16_t take(std::uint32_t cookie, const std::byte* answer) {
    const std::uint16_t slot = free_[--free_count_];
    cookies_[slot] = cookie;
    answers_[slot] = answer;
    in_flight_[slot] = 1;
    return slot;
  }
  std::uint32_t give_back(std::uint32_t slot) {
    VIOLET_CHECK(slot < slots_ && in_flight_[slot] != 0);
    in_flight_[slot] = 0;
    free_[free_count_++] = static_cast<std::uint16_t>(slot);
    // The answers of a burst come over from the device's core together, not one after the other; for
    // writing, because the next request is likely to be built there.
    prefetch_for_write(answers_[slot]);
    return cookies_[slot];
  }

 private:
  std::uint32_t slots_;
  std::uint32_t free_count_;
  AlignedArray<std::uint32_t> cookies_;
  AlignedArray<const std::byte*> answers_;
  AlignedArray<std::uint8_t> in_flight_;
  AlignedArray<std::uint16_t> free_;
};

}  // namespace violet
