// How kDmaMap and kDmaUnmap events carry a mapping: `status` holds the direction (bits 0-1), what was
// granted (bits 2-3) and whether the address stays reachable by design (bit 5); `b` holds the bytes and
// the page of the buffer.
//
// Threading: pure functions.
// Limits: a buffer below 4 GiB whose page number fits in 32 bits.
#pragma once

#include <cstdint>

#include "engine/base/types.hpp"

namespace violet {

constexpr Permissions dma_event_needed(std::uint8_t status) {
  return static_cast<Permissions>(status & 3);
}
constexpr Permissions dma_event_granted(std::uint8_t status) {
  return static_cast<Permissions>(status >> 2 & 3);
}
constexpr bool dma_event_persistent(std::uint8_t status) { return (status & 1u << 5) != 0; }
constexpr std::uint32_t dma_event_bytes(std::uint64_t extent) {
  return static_cast<std::uint32_t>(extent);
}
// Page number of the first byte of the buffer; below 2^44 bytes of memory.
constexpr std::uint64_t dma_event_page(std::uint64_t extent) { return extent >> 32; }

}  // namespace violet
