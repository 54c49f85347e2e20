// A fixed array on cache lines of its own, so that what one side of a queue writes never shares a line
// with what the other side reads.
//
// Threading: owner-only.
// Limits: trivially destructible elements, value-initialised; memory that runs out stops the program, as
// it does for every allocation at set-up.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>

#include "engine/base/check.hpp"
#include "engine/base/types.hpp"

namespace violet {

template <class T>
class LineArray {
  static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= kCacheLine);

 public:
  explicit LineArray(std::size_t count) : count_(count) {
    const std::size_t bytes = (count * sizeof(T) + kCacheLine) / kCacheLine * kCacheLine;
    void* const memory = std::aligned_alloc(kCacheLine, bytes);
    VIOLET_CHECK(memory != nullptr);
    items_.reset(static_cast<T*>(memory));
    std::uninitialized_value_construct_n(items_.get(), count);
  }

  std::size_t size() const { return count_; }
  T& operator[](std::size_t index) { return items_.get()[index]; }
  const T& operator[](std::size_t index) const { return items_.get()[index]; }

 private:
  struct Free {
    void operator()(T* items) const { std::free(items); }
  };

  std::size_t count_;
  std::unique_ptr<T, Free> items_;
};

}  // namespace violet
