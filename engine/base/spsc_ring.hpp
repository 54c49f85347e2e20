// An SPSC ring hands trivially copyable items from one producer to one consumer and never grows.
//
// Threading: push from one thread, pop from one other.
// Invariants: items come out in order; a full ring refuses and the caller counts the drop; nothing
// waits. Each side keeps a copy of the other's index and refreshes it only when it must, so that a
// push or pop costs one shared cache line at most.
// Limits: capacity is rounded up to a power of two.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>

#include "engine/base/types.hpp"

namespace violet {

template <class T>
class SpscRing {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit SpscRing(std::size_t capacity)
      : mask_(std::bit_ceil(capacity) - 1), items_(std::make_unique<T[]>(mask_ + 1)) {}

  std::size_t capacity() const { return mask_ + 1; }

  bool push(const T& item) {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - cached_head_ > mask_) {
      cached_head_ = head_.load(std::memory_order_acquire);  // partner: pop's release
      if (tail - cached_head_ > mask_) return false;
    }
    items_[tail & mask_] = item;
    tail_.store(tail + 1, std::memory_order_release);  // partner: pop's acquire
    return true;
  }

  // The popping side's.
  bool empty() const {
    return head_.load(std::memory_order_relaxed) ==
           tail_.load(std::memory_order_acquire);  // partner: push's release
  }

  bool pop(T& item) { return pop(std::span<T>(&item, 1)) == 1; }

  std::size_t pop(std::span<T> out) {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (cached_tail_ - head < out.size()) {
      cached_tail_ = tail_.load(std::memory_order_acquire);  // partner: push's release
    }
    const std::size_t count = std::min(out.size(), cached_tail_ - head);
    for (std::size_t i = 0; i < count; ++i) out[i] = items_[(head + i) & mask_];
    if (count > 0) head_.store(head + count, std::memory_order_release);  // partner: push's acquire
    return count;
  }

 private:
  std::size_t mask_;
  std::unique_ptr<T[]> items_;
  alignas(kCacheLine) std::atomic<std::size_t> tail_{0};
  std::size_t cached_head_ = 0;
  alignas(kCacheLine) std::atomic<std::size_t> head_{0};
  std::size_t cached_tail_ = 0;
};

}  // namespace violet
