// Guest memory maps guest-physical addresses to the host's: a table of regions, and the only way from a guest
// address to a host pointer. Every access is checked against the table.
//
// Threading: immutable after set-up; host() from any thread. replace_regions() is for a memory that
// one thread has to itself. The bytes behind it are shared with a hostile guest: read each once, and
// treat what was read as untrusted.
// Invariants: host(at, n) is null unless `at` lies inside a region together with all n bytes.
// Limits: at most kMaxRegions regions, which must not overlap. Moving the object keeps every address
// and every regions() span valid.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/mapped_memory.hpp"
#include "engine/base/result.hpp"
#include "engine/base/types.hpp"

namespace violet {

class GuestMemory {
 public:
  static constexpr std::size_t kMaxRegions = 64;

  struct Region {
    GuestPhys start;
    std::uint64_t bytes;
    std::byte* host;
  };

  // kHugePages falls back to 4 KiB pages with the kernel's transparent ones advised, and says so; where the user
  // forbids hugepages (VIOLET_NO_HUGEPAGES) it is kAnonymous.
  enum class Backing { kAnonymous, kHugePages };

  GuestMemory() = default;
  GuestMemory(GuestMemory&&) noexcept;
  GuestMemory& operator=(GuestMemory&&) noexcept;

  // Allocates zeroed, page-aligned memory at `start` and owns it.
  Status allocate(GuestPhys start, std::uint64_t bytes, Backing backing);
  // Adds memory that the caller owns and keeps alive.
  Status add_region(const Region& region);
  // Puts these in the place of all regions, which must not have been allocated here; on an error nothing
  // changes. Ends the validity of every regions() span: who remembers one must refresh it.
  Status replace_regions(std::span<const Region> regions);

  std::byte* host(GuestPhys at, std::uint64_t bytes) const noexcept;
  std::span<const Region> regions() const { return regions_; }
  std::uint64_t total_bytes() const;
  // What allocate() got, for the manifest: "hugepages" only when every allocation got them, else
  // "4 KiB pages" or "4 KiB pages, transparent hugepages advised"; "external" when it got none.
  const char* backing_name() const;
  // Why the last allocation without hugepages got none; empty: every one got them.
  const std::string& against_huge_pages() const { return against_huge_; }

 private:
  // Takes `memory`, of which `host` is the part that the guest sees.
  Status own(GuestPhys start, std::uint64_t bytes, MappedMemory memory, std::span<std::byte> host);

  std::vector<Region> regions_;  // Sorted by start.
  std::vector<MappedMemory> owned_;
  bool all_huge_ = true;
  std::string against_huge_;
  bool advised_ = false;
};

// Finds host pointers as GuestMemory::host() does, with the last region remembered: most guests have one region of
// memory that matters, so the table is searched once and then a subtraction and two compares do. Owner-only: each
// queue side has its own. The memory must outlive it; after its regions were replaced, refresh() comes first.
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
