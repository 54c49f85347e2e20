// An invalidation log broadcasts the engine's invalidations: one ring, written once for each of
// them, read by every reader at its own pace. Nobody waits: the engine overwrites what a slow
// reader has not read, and that reader finds out and forgets everything.
//
// One ring for all, not one for each reader: posting costs the engine the same for 1 and for 64
// readers, and a reader that never comes back costs nothing.
//
// Threading: post() from the engine; tail() and read() from any reader.
// Invariants: Log.1 items are numbered from 1; tail() is the number of the youngest. Log.2 read(n) returns
// item n untorn, or nothing once it has been overwritten. Log.3 who reads tail() >= n with acquire sees
// everything that happened before post() of n.
//
// Memory order. A slot is a sequence lock without a retry. The writer marks the slot (number 0),
// stores the words with release, then the number with release. A reader loads the number with acquire,
// the words with acquire, and the number again: had one of the words been of a later item, the acquire that
// read it would have synchronised with its release store, and the second load would see the mark that
// was stored before it, or something later; in either case not n. Numbers are 64 bits and never repeat.
// The tail is stored with seq_cst last, so that it is out when post() returns.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/base/aligned_array.hpp"

namespace violet {

struct Invalidation {
  DomainTag tag;
  IovaRange range;  // IovaRange::all() for the whole domain.
};

class InvalidationLog {
 public:
  explicit InvalidationLog(std::size_t capacity)
      : mask_(std::bit_ceil(capacity) - 1), slots_(mask_ + 1) {}

  std::uint64_t post(const Invalidation& item) noexcept {
    const std::uint64_t number = tail_.load(std::memory_order_relaxed) + 1;
    Slot& slot = slots_[number & mask_];
    // The partner of each store is the load of the same word in read().
    slot.number.store(0, std::memory_order_relaxed);
    slot.tag.store(item.tag.value, std::memory_order_release);
    slot.first.store(item.range.first.value, std::memory_order_release);
    slot.last.store(item.range.last.value, std::memory_order_release);
    slot.number.store(number, std::memory_order_release);
    tail_.store(number, std::memory_order_seq_cst);  // partner: tail()
    return number;
  }

  [[gnu::always_inline]] std::uint64_t tail() const noexcept {
    return tail_.load(std::memory_order_acquire);  // partner: post()
  }

  std::optional<Invalidation> read(std::uint64_t number) const noexcept {
    const Slot& slot = slots_[number & mask_];
    if (slot.number.load(std::memory_order_acquire) != number) return std::nullopt;
    const Invalidation item{{slot.tag.load(std::memory_order_acquire)},
                            {{slot.first.load(std::memory_order_acquire)},
                             {slot.last.load(std::memory_order_acquire)}}};
    if (slot.number.load(std::memory_order_relaxed) != number) return std::nullopt;
    return item;
  }

  std::size_t capacity() const { return mask_ + 1; }
  std::size_t bytes() const { return slots_.bytes(); }

 private:
  struct Slot {
    std::atomic<std::uint64_t> number{0};
    std::atomic<std::uint64_t> first{0};
    std::atomic<std::uint64_t> last{0};
    std::atomic<std::uint32_t> tag{0};
  };
  static_assert(sizeof(Slot) == 32);

  std::uint64_t mask_;
  AlignedArray<Slot> slots_;
  alignas(kCacheLine) std::atomic<std::uint64_t> tail_{0};
};

}  // namespace violet
