// An IOVA allocator hands out I/O virtual addresses; its registry makes one by the name that a plan gives it.
//
// Threading: owner-only: the guest lcore.
// Invariants:
//   A range that is handed out overlaps no allocated and no reserved one, lies below the limit asked for, and
//   is aligned to its size rounded up to a power of two.
//   free() gets exactly what allocate() gave: the first granule and the number asked for.
//   pfn 0 is never handed out.
// Limits: memory grows with the number of allocated ranges; no allocation of memory per call once warm.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/clock.hpp"
#include "engine/base/registry.hpp"
#include "engine/base/types.hpp"

namespace violet {

struct IovaConfig {
  unsigned granule_shift = kGranuleShift4K;
  // The domain's aperture: input_range of the device. Its first granule is at least 1.
  IovaRange aperture = IovaRange::all();
  std::vector<IovaRange> reserved;  // RESV_MEM regions and bridge windows; may overlap.
  unsigned cpus = 1;
  unsigned magazine_granules = 127;           // IOVA_MAG_SIZE; older kernels 128.
  std::uint64_t depot_trim_ns = 100'000'000;  // IOVA_DEPOT_DELAY.
  // Of each size class; 0: unbounded, as in Linux since 2023. Before, what did not fit went back to the tree.
  unsigned depot_magazines = 0;
};

struct IovaStats {
  std::uint64_t tree_allocations = 0;  // Not served by a magazine.
  std::uint64_t tree_steps = 0;        // Ranges that searches of the tree passed.
  std::uint64_t cache_flushes = 0;
};

class IovaAllocator {
 public:
  virtual ~IovaAllocator() = default;
  // First granule of `granules` contiguous ones, all of them <= limit_pfn; nothing when none is free.
  // `flush` allows to empty every cache and try again before giving up (alloc_iova_fast()).
  virtual std::optional<std::uint64_t> allocate(std::uint64_t granules, std::uint64_t limit_pfn,
                                                unsigned cpu, bool flush) = 0;
  // For pages of memory that begin at `page`; only an allocator that looks_at_pages() cares. Its addresses need not be
  // aligned.
  virtual std::optional<std::uint64_t> allocate_for(std::uint64_t /*page*/, std::uint64_t granules,
                                                    std::uint64_t limit_pfn, unsigned cpu,
                                                    bool flush) {
    return allocate(granules, limit_pfn, cpu, flush);
  }
  virtual bool looks_at_pages() const { return false; }
  virtual void free(std::uint64_t pfn, std::uint64_t granules, unsigned cpu) = 0;
  // Returns everything cached to the tree.
  virtual void flush_caches() = 0;
  // Delayed work; cheap when nothing is due.
  virtual void tick(Ticks now) = 0;
  virtual const IovaStats& stats() const = 0;
};

struct IovaAllocatorInfo : RegistryEntry {
  std::unique_ptr<IovaAllocator> (*make)(const IovaConfig& config);
};

// `rcache` and `rbtree` come first and go with every strategy.
Registry<IovaAllocatorInfo> iova_allocators();
// Error when no allocator has that name.
Result<std::unique_ptr<IovaAllocator>> make_iova_allocator(std::string_view name,
                                                           const IovaConfig& config);

}  // namespace violet
