// The cutter divides one contiguous range into driver calls as Linux' IOMMU core does when every power of two
// from 4 KiB is a page size, which is what QEMU's device offers (reference: linux-dma, 3.4).
//
// Threading: pure functions.
#pragma once

#include <bit>
#include <cstdint>

namespace violet::datasets {

// Bytes that the first call covers for [iova, iova + bytes) -> phys. An unmap is cut on its IOVA
// alone: give it twice. Precondition: all three are multiples of 4 KiB, bytes >= 4 KiB.
constexpr std::uint64_t first_cut(std::uint64_t iova, std::uint64_t phys, std::uint64_t bytes) {
  const auto aligned = iova | phys;
  const int by_size = 63 - std::countl_zero(bytes);
  const int by_address = aligned == 0 ? 63 : std::countr_zero(aligned);
  const int shift = by_size < by_address ? by_size : by_address;
  if (shift >= 62) return bytes;
  // Larger pages help later on only if both addresses reach their boundary together: the call then
  // stops there. Otherwise it goes on in pages of this size.
  const std::uint64_t next = std::uint64_t{1} << (shift + 1);
  if (((iova ^ phys) & (next - 1)) == 0) {
    const auto to_boundary = next - (aligned & (next - 1));
    if (to_boundary + next <= bytes) bytes = to_boundary;
  }
  return bytes >> shift << shift;
}

// Linux allocates IOVA ranges aligned to their size rounded up to a power of two.
constexpr bool could_be_allocated(std::uint64_t iova, std::uint64_t bytes) {
  return bytes - 1 < std::uint64_t{1} << 62 && (iova & (std::bit_ceil(bytes) - 1)) == 0;
}

}  // namespace violet::datasets
