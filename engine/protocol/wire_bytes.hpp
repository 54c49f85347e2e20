// A wire structure is read from bytes of any alignment.
//
// Threading: pure functions.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

namespace violet::protocol {

// The structure at `at`; the caller has seen that it lies inside `bytes`.
template <class Wire>
Wire read(std::span<const std::byte> bytes, std::size_t at) {
  Wire wire;
  std::memcpy(&wire, bytes.data() + at, sizeof(wire));
  return wire;
}

}  // namespace violet::protocol
