// An aligned array is a fixed number of plain or atomic cells on cache lines of its own: it starts on one, so that a
// set of four 16-byte entries is one line, and ends with one, so that what one side of a queue writes never shares a
// line with what the other side reads.
//
// Threading: the array itself is immutable after construction; its cells follow their type.
// Invariants: every cell is value-initialised.
// Limits: trivially destructible cells; memory that runs out stops the program, as it does for every allocation at
// set-up.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <type_traits>

#include "engine/base/check.hpp"
#include "engine/base/types.hpp"

namespace violet {

template <class T>
class AlignedArray {
  static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= kCacheLine);

 public:
  explicit AlignedArray(std::size_t size) : size_(size) {
    const std::size_t lines = (std::max<std::size_t>(size, 1) * sizeof(T) - 1) / kCacheLine + 1;
    void* const memory = std::aligned_alloc(kCacheLine, lines * kCacheLine);
    VIOLET_CHECK(memory != nullptr);
    cells_.reset(static_cast<T*>(memory));
    std::uninitialized_value_construct_n(cells_.get(), size);
  }

  T& operator[](std::size_t i) { return cells_.get()[i]; }
  const T& operator[](std::size_t i) const { return cells_.get()[i]; }
  const T* data() const { return cells_.get(); }
  T* begin() { return cells_.get(); }
  T* end() { return cells_.get() + size_; }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return size_ * sizeof(T); }

 private:
  struct Free {
    void operator()(T* cells) const { std::free(cells); }
  };

  std::size_t size_;
  std::unique_ptr<T, Free> cells_;
};

}  // namespace violet
