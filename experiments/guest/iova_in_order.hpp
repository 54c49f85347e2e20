// Two IOVA allocators for which the order of addresses is all: `ring` hands them out one behind the other, around the
// aperture, as the entries of a ring (rIOMMU, ASPLOS 2015); `identity` gives memory its own address where that is free
// (O. Peleg et al., "Utilizing the IOMMU Scalably", USENIX ATC 2015).
//
// Threading: owner-only.
// Invariants: as iova_allocator.hpp; but an identity address is aligned as its memory is.
// Limits: an identity address that is in use, or still waits for its flush, makes the next mapping of its page an ordinary one
// of the tree, where the original counts users of one entry.
#pragma once

#include "experiments/guest/iova_tree.hpp"

namespace violet {

class IovaRing final : public IovaAllocator {
 public:
  explicit IovaRing(const IovaConfig& config) : tree_(config) {}

  std::optional<std::uint64_t> allocate(std::uint64_t granules, std::uint64_t limit_pfn,
                                        unsigned /*cpu*/, bool /*flush*/) override {
    const auto pfn = tree_.allocate_upwards(next_, granules, limit_pfn);
    if (pfn) next_ = *pfn + granules;
    return pfn;
  }
  void free(std::uint64_t pfn, std::uint64_t granules, unsigned cpu) override {
    tree_.free(pfn, granules, cpu);
  }
  void flush_caches() override {}
  void tick(Ticks) override {}
  const IovaStats& stats() const override { return tree_.stats(); }

 private:
  IovaTree tree_;
  std::uint64_t next_ = 0;
};

class IovaIdentity final : public IovaAllocator {
 public:
  explicit IovaIdentity(const IovaConfig& config) : tree_(config) {}

  std::optional<std::uint64_t> allocate(std::uint64_t granules, std::uint64_t limit_pfn,
                                        unsigned cpu, bool flush) override {
    return tree_.allocate(granules, limit_pfn, cpu, flush);
  }
  std::optional<std::uint64_t> allocate_for(std::uint64_t page, std::uint64_t granules,
                                            std::uint64_t limit_pfn, unsigned cpu,
                                            bool flush) override {
    const bool below = page <= limit_pfn && granules - 1 <= limit_pfn - page;
    if (below && tree_.take(page, granules)) return page;
    return tree_.allocate(granules, limit_pfn, cpu, flush);
  }
  bool looks_at_pages() const override { return true; }
  void free(std::uint64_t pfn, std::uint64_t granules, unsigned cpu) override {
    tree_.free(pfn, granules, cpu);
  }
  void flush_caches() override {}
  void tick(Ticks) override {}
  const IovaStats& stats() const override { return tree_.stats(); }

 private:
  IovaTree tree_;
};

}  // namespace violet
