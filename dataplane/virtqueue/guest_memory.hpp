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

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

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
  ~GuestMemory();
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

 private:
  void release() noexcept;

  std::vector<Region> regions_;  // Sorted by start.
  std::vector<std::span<std::byte>> owned_;
  bool all_huge_ = true;
  bool advised_ = false;
};

}  // namespace violet
