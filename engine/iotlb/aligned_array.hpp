// A fixed array of plain or atomic cells that starts on a cache line, so that a set of four 16-byte
// entries is one line.
//
// Threading: the array itself is immutable after construction; its cells follow their type.
// Invariants: every cell is value-initialised.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

#include "engine/base/types.hpp"

namespace violet {

template <class T>
class AlignedArray {
  static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= kCacheLine);

 public:
  explicit AlignedArray(std::size_t size)
      : cells_(static_cast<T*>(::operator new(size * sizeof(T), kAlign))), size_(size) {
    std::uninitialized_value_construct_n(cells_, size);
  }
  ~AlignedArray() { ::operator delete(cells_, kAlign); }
  AlignedArray(const AlignedArray&) = delete;
  AlignedArray& operator=(const AlignedArray&) = delete;

  T& operator[](std::size_t i) { return cells_[i]; }
  const T& operator[](std::size_t i) const { return cells_[i]; }
  const T* data() const { return cells_; }
  T* begin() { return cells_; }
  T* end() { return cells_ + size_; }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return size_ * sizeof(T); }

 private:
  static constexpr std::align_val_t kAlign{kCacheLine};
  T* cells_;
  std::size_t size_;
};

}  // namespace violet
