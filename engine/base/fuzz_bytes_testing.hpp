// Fuzz bytes are a fuzzer's input as a stream of small numbers.
//
// Threading: owner-only.
// Invariants: where the input is used up its numbers are 0, and never what lay beside it: numbers are put together byte
// by byte, because g++ 12 drops the initialisation before a memcpy of 0 or 1 bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace violet {

class FuzzBytes {
 public:
  FuzzBytes(const std::uint8_t* data, std::size_t size) : left_(data, size) {}

  bool empty() const { return left_.empty(); }
  template <class T>
  requires(sizeof(T) <= sizeof(std::uint64_t)) T take() {
    std::uint64_t value = 0;
    const std::size_t bytes = std::min(sizeof(T), left_.size());
    for (std::size_t i = 0; i < bytes; ++i) value |= std::uint64_t{left_[i]} << (8 * i);
    left_ = left_.subspan(bytes);
    return static_cast<T>(value);
  }
  std::uint32_t below(std::uint32_t bound) { return take<std::uint16_t>() % bound; }

 private:
  std::span<const std::uint8_t> left_;
};

}  // namespace violet
