// The page cutter divides a contiguous range into driver calls, one MAP each, as iommu_pgsize() of
// drivers/iommu/iommu.c does, with its count of equal pages.
//
// Threading: pure functions.
#pragma once

#include <bit>
#include <cstdint>

namespace violet {

// Every power of two from 4 KiB is a page size: what QEMU's device offers.
inline constexpr std::uint64_t kEveryPageSize4K = ~std::uint64_t{0xfff};

// The bytes that the next driver call covers. Preconditions: bytes >= 1 granule; iova, phys and bytes
// are multiples of the granule, the lowest bit of page_size_mask. Unmapping passes iova as phys.
constexpr std::uint64_t next_cut(std::uint64_t page_size_mask, std::uint64_t iova,
                                 std::uint64_t phys, std::uint64_t bytes) {
  // The largest page that fits the size and the alignment of both addresses...
  std::uint64_t pages = page_size_mask & (~std::uint64_t{0} >> std::countl_zero(bytes));
  const std::uint64_t merged = iova | phys;
  if (merged != 0) pages &= ~std::uint64_t{0} >> (63 - std::countr_zero(merged));
  const std::uint64_t page = std::bit_floor(pages);
  // ... as often as it takes to reach a place where the next larger one can be used.
  const std::uint64_t larger = page_size_mask & ~(page | (page - 1));
  if (larger != 0) {
    const std::uint64_t next = larger & (~larger + 1);
    const bool similar = ((iova ^ phys) & (next - 1)) == 0;
    const std::uint64_t offset = next - (merged & (next - 1));
    // A range that ends before offset + next has no room for the larger page (written without the
    // sum, which could wrap).
    if (similar && offset <= bytes && next <= bytes - offset) bytes = offset;
  }
  return bytes & ~(page - 1);
}

}  // namespace violet
