// A region cache finds a guest address's host pointer with the last region remembered: most guests have one region
// of memory that matters, so the table is searched once and then a subtraction and two compares do.
//
// Threading: owner-only; each queue side has its own.
// Invariants: host() gives the same answer as GuestMemory::host().
// Limits: the memory must outlive the cache. After its regions were replaced, refresh() comes first.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/virtqueue/guest_memory.hpp"
#include "engine/base/types.hpp"

namespace violet {

class RegionCache {
 public:
  explicit RegionCache(const GuestMemory& memory) : memory_(&memory) { refresh(); }

  void refresh() noexcept {
    regions_ = memory_->regions();
    last_ = regions_.empty() ? GuestMemory::Region{{0}, 0, nullptr} : regions_.front();
  }

  std::byte* host(GuestPhys at, std::uint64_t bytes) noexcept {
    if (std::byte* const found = within(last_, at, bytes)) [[likely]] {
      return found;
    }
    return search(at, bytes);
  }

  // The same for the first of the bytes, and how many of them lie in the same region: regions may
  // adjoin. Null when the first does not lie in any.
  std::byte* host_part(GuestPhys at, std::uint64_t& bytes) noexcept {
    if (std::byte* const all = within(last_, at, bytes)) [[likely]] {
      return all;
    }
    std::byte* const found = search(at, 1);
    if (found == nullptr) return nullptr;
    bytes = std::min(bytes, last_.bytes - (at.value - last_.start.value));
    return found;
  }

 private:
  static std::byte* within(const GuestMemory::Region& region, GuestPhys at,
                           std::uint64_t bytes) noexcept {
    const std::uint64_t offset = at.value - region.start.value;
    if (offset >= region.bytes || bytes > region.bytes - offset) return nullptr;
    return region.host + offset;
  }

  // Bounded by GuestMemory::kMaxRegions.
  std::byte* search(GuestPhys at, std::uint64_t bytes) noexcept {
    for (const GuestMemory::Region& region : regions_) {
      if (std::byte* const found = within(region, at, bytes)) {
        last_ = region;
        return found;
      }
    }
    return nullptr;
  }

  const GuestMemory* memory_;
  std::span<const GuestMemory::Region> regions_;
  GuestMemory::Region last_{{0}, 0, nullptr};
};

}  // namespace violet
