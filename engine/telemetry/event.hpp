// Events and counters that lcores leave behind for the recorder: fixed size, no pointers, so that the
// same bytes serve a file and shared memory.
//
// Threading: an EventRing has one producer (the lcore) and one consumer (the recorder); it never
// waits and counts what it drops. A CounterBlock has one writer and any number of readers.
// Limits: see kinds; times are ticks of clock.hpp.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

#include "engine/base/clock.hpp"
#include "engine/base/types.hpp"

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
  kFault = 6,           // reader: id = endpoint, a = address, status = protocol::FaultReason
  kInvalidationStalled =
      7,  // engine: id = reader that the grace period waits for, a = waited ticks
  // guest: a dma_map or dma_unmap call returned. id = endpoint, a = iova, low half of b = bytes, high
  // half = page of the buffer; status = direction and grants (experiments/guest/dma_api.hpp).
  kDmaMap = 8,
  kDmaUnmap = 9,
  kFlush = 10,      // guest: a flush-queue flush; a = entries released
  kKick = 11,       // guest: a notification was sent to the device
  kTranslate = 12,  // reader: id = endpoint, a = iova, b = bytes; status 0 hit, 1 miss, 2 fault
  kRogueProbe =
      13,      // reader: id = endpoint, a = iova, b = Access; status 0 denied, 1 reached memory
  kCopy = 14,  // guest: bounce copy; a = iova, b = bytes
};

struct Event {
  Ticks at;
  EventKind kind;
  std::uint8_t status;
  std::uint16_t lcore;
  std::uint32_t id;
  std::uint64_t a;
  std::uint64_t b;
};
static_assert(sizeof(Event) == 32);

// Single producer, single consumer, drops counted.
class EventRing {
 public:
  explicit EventRing(std::size_t capacity)
      : mask_(std::bit_ceil(capacity) - 1), events_(std::make_unique<Event[]>(mask_ + 1)) {}

  // About 10 ns; a full ring drops the event and counts it.
  void record(const Event& event) noexcept {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - cached_head_ > mask_) {
      cached_head_ = head_.load(std::memory_order_acquire);  // partner: drain's release
      if (tail - cached_head_ > mask_) {
        dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return;
      }
    }
    events_[tail & mask_] = event;
    tail_.store(tail + 1, std::memory_order_release);  // partner: drain's acquire
  }

  // Takes up to out.size() events in order.
  std::size_t drain(std::span<Event> out) noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    const std::uint64_t available = tail_.load(std::memory_order_acquire) - head;
    const std::size_t count = available < out.size() ? available : out.size();
    for (std::size_t i = 0; i < count; ++i) out[i] = events_[(head + i) & mask_];
    head_.store(head + count, std::memory_order_release);
    return count;
  }

  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }
  std::size_t capacity() const noexcept { return mask_ + 1; }

 private:
  std::uint64_t mask_;
  std::unique_ptr<Event[]> events_;
  alignas(kCacheLine) std::atomic<std::uint64_t> tail_{0};
  std::uint64_t cached_head_ = 0;
  std::atomic<std::uint64_t> dropped_{0};
  alignas(kCacheLine) std::atomic<std::uint64_t> head_{0};
};

// The producer's handle: off is one predictable branch.
class Probe {
 public:
  Probe() = default;
  Probe(EventRing* ring, std::uint16_t lcore) : ring_(ring), lcore_(lcore) {}

  bool on() const noexcept { return ring_ != nullptr; }
  void record(Ticks at, EventKind kind, std::uint32_t id, std::uint64_t a, std::uint64_t b,
              std::uint8_t status = 0) const noexcept {
    if (ring_ != nullptr) ring_->record({at, kind, status, lcore_, id, a, b});
  }

 private:
  EventRing* ring_ = nullptr;
  std::uint16_t lcore_ = 0;
};

// A counter with one writer: a plain add for it, an untorn value for everybody else.
class Counter {
 public:
  void add(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace violet
