// The IOVA rcache keeps recently freed addresses, as iova_rcache of drivers/iommu/iova.c: two magazines for each
// CPU and size class, a depot of full magazines behind them, the tree behind that.
//
// Threading: owner-only; `cpu` says which modelled CPU acts.
// Invariants: as iova_allocator.hpp. Sizes of up to 32 granules are rounded up to a power of
// two and served LIFO from the magazines of the CPU that asks; larger ones always go to the tree.
// Limits: six size classes, 2^0 to 2^5 granules. The depot is unbounded and loses one magazine every
// depot_trim_ns while it holds more magazines than there are CPUs; or it has room for depot_magazines, as before
// commit 911aa1245da8, and a magazine that finds none is emptied into the tree.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "experiments/guest/iova_allocator.hpp"
#include "experiments/guest/iova_tree.hpp"

namespace violet {

class IovaRcache final : public IovaAllocator {
 public:
  static constexpr unsigned kClasses = 6;  // IOVA_RANGE_CACHE_MAX_SIZE

  explicit IovaRcache(const IovaConfig& config);

  std::optional<std::uint64_t> allocate(std::uint64_t granules, std::uint64_t limit_pfn,
                                        unsigned cpu, bool flush) override;
  void free(std::uint64_t pfn, std::uint64_t granules, unsigned cpu) override;
  void flush_caches() override;
  void tick(Ticks now) override;
  const IovaStats& stats() const override;
  std::size_t depot_magazines(unsigned size_class) const { return depots_[size_class].full.size(); }

 private:
  struct Magazine {
    unsigned count = 0;
    std::unique_ptr<std::uint64_t[]> pfns;
  };
  struct CpuCache {
    Magazine loaded;
    Magazine previous;
  };
  struct Depot {
    std::vector<Magazine> full;
    Ticks next_trim = 0;  // 0: no delayed work pending.
  };

  CpuCache& cache(unsigned cpu, unsigned size_class) {
    return caches_[cpu * kClasses + size_class];
  }
  std::uint64_t pop(Magazine& magazine, std::uint64_t limit_pfn);
  std::uint64_t get(unsigned size_class, std::uint64_t limit_pfn, unsigned cpu);
  void put(unsigned size_class, std::uint64_t pfn, unsigned cpu);
  void return_to_tree(Magazine& magazine, unsigned size_class);
  Magazine take_empty();
  void trim(unsigned size_class, Ticks now);

  IovaTree tree_;
  unsigned cpus_;
  unsigned capacity_;
  unsigned depot_magazines_;
  Ticks trim_ticks_;
  std::vector<CpuCache> caches_;
  std::array<Depot, kClasses> depots_;
  std::vector<Magazine> empty_;
  Ticks next_trim_ = 0;  // Earliest over all depots; 0: none.
  bool arm_trim_ = false;
  mutable IovaStats stats_;
};

}  // namespace violet
