// A memory window is an address range of one domain as large as the guest's memory: the address of every page is a sum, and
// pages come and go in it without an allocator.
//
// Threading: owner-only: the guest lcore.
// Limits: from physical address 0 to the end of the last region, holes included, at 2^bits of addresses.
#pragma once

#include <algorithm>

#include "dataplane/virtqueue/guest_memory.hpp"
#include "experiments/guest/dma_domain.hpp"

namespace violet {

class MemoryWindow {
 public:
  // Error when the domain has not so many addresses.
  static Result<MemoryWindow> reserve(DmaDomain& domain, const GuestMemory& memory) {
    std::uint64_t end = 0;
    for (const auto& region : memory.regions())
      end = std::max(end, region.start.value + region.bytes);
    const std::uint64_t granules = (end + domain.granule() - 1) / domain.granule();
    const auto base = domain.allocate_iova(granules, 0);
    if (!base) return fail("the device's address space has no room for a window of {} bytes", end);
    return MemoryWindow(*base, granules, domain.granule());
  }

  std::uint64_t granules() const { return granules_; }
  Iova address(GuestPhys phys) const { return {base_.value + phys.value}; }
  std::size_t page(GuestPhys phys) const { return static_cast<std::size_t>(phys.value / granule_); }
  // Pages [first, last] of a buffer.
  std::size_t last_page(DmaBuffer buffer) const {
    return page({buffer.phys.value + buffer.bytes - 1});
  }
  IovaRange range(std::size_t page, std::uint64_t pages) const {
    return IovaRange::of(base_.value + page * granule_, pages * granule_);
  }
  GuestPhys phys(std::size_t page) const { return {page * granule_}; }

 private:
  MemoryWindow(Iova base, std::uint64_t granules, std::uint64_t granule)
      : base_(base), granules_(granules), granule_(granule) {}

  Iova base_;
  std::uint64_t granules_;
  std::uint64_t granule_;
};

}  // namespace violet
