// A counter is changed by one thread and read by any other.
//
// Threading: one writer, any number of readers.
// Invariants: the writer pays a plain add; a reader sees an untorn value, a moment old at most.
#pragma once

#include <atomic>
#include <cstdint>

namespace violet {

// Only grows.
class Counter {
 public:
  void add(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Goes up and down.
class Level {
 public:
  void add() noexcept { set(value() + 1); }
  void sub() noexcept { set(value() - 1); }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace violet
