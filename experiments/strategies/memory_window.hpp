// A memory window is an address range of one domain as large as the guest's memory: the address of every page is a sum, and
// pages come and go in it without an allocator.
//
// Threading: owner-only: the guest lcore.
// Limits: from the lowest region's begin to the highest's end, holes included.
#pragma once

#include <algorithm>

#include "dataplane/virtqueue/guest_memory.hpp"
#include "experiments/guest/dma_domain.hpp"

namespace violet {

class MemoryWindow {
 public:
  // Error when the domain has not so many addresses.
  static Result<MemoryWindow> reserve(DmaDomain& domain, const GuestMemory& memory) {
    const std::uint64_t granule = domain.granule();
    std::uint64_t begin = ~std::uint64_t{0}, end = 0;
    for (const auto& region : memory.regions()) {
      begin = std::min(begin, region.start.value & ~(granule - 1));
      end = std::max(end, region.start.value + region.bytes);
    }
    if (end <= begin) return fail("the guest has no memory");
    const std::uint64_t granules = (end - begin + granule - 1) / granule;
    const auto base = domain.allocate_iova(granules, 0);
    if (!base) {
      return fail("the device's address space has no room for a window of {} bytes", end - begin);
    }
    return MemoryWindow(*base, begin, granules, granule);
  }

  std::uint64_t granules() const { return granules_; }
  Iova address(GuestPhys phys) const { return {base_.value + (phys.value - begin_)}; }
  // Pages are numbered from the lowest region's.
  std::size_t page(GuestPhys phys) const {
    return static_cast<std::size_t>((phys.value - begin_) / granule_);
  }
  std::size_t last_page(DmaBuffer buffer) const {
    return page({buffer.phys.value + buffer.bytes - 1});
  }
  IovaRange range(std::size_t page, std::uint64_t pages) const {
    return IovaRange::of(base_.value + page * granule_, pages * granule_);
  }
  GuestPhys phys(std::size_t page) const { return {begin_ + page * granule_}; }

 private:
  MemoryWindow(Iova base, std::uint64_t begin, std::uint64_t granules, std::uint64_t granule)
      : base_(base), begin_(begin), granules_(granules), granule_(granule) {}

  Iova base_;
  std::uint64_t begin_;
  std::uint64_t granules_;
  std::uint64_t granule_;
};

}  // namespace violet
