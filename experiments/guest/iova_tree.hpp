// The IOVA tree allocates addresses as drivers/iommu/iova.c: top-down, size-aligned first fit that starts at
// the node cached by the last operation. Behind `rcache`, and alone as `rbtree`.
//
// Threading: owner-only; one lock in the kernel.
// Invariants: as iova_allocator.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "experiments/guest/iova_allocator.hpp"
#include "experiments/guest/range_tree.hpp"

namespace violet {

class IovaTree final : public IovaAllocator {
 public:
  explicit IovaTree(const IovaConfig& config);

  std::optional<std::uint64_t> allocate(std::uint64_t granules, std::uint64_t limit_pfn,
                                        unsigned cpu, bool flush) override;
  void free(std::uint64_t pfn, std::uint64_t granules, unsigned cpu) override;
  // Exactly [pfn, pfn + granules), at any alignment; false when a part of it is taken or lies outside the aperture.
  bool take(std::uint64_t pfn, std::uint64_t granules);
  // The lowest fit from `from` on, once around.
  std::optional<std::uint64_t> allocate_upwards(std::uint64_t from, std::uint64_t granules,
                                                std::uint64_t limit_pfn);
  void flush_caches() override {}
  void tick(Ticks) override {}
  const IovaStats& stats() const override { return stats_; }
  std::size_t live() const { return tree_.size() - reserved_; }

 private:
  struct Fit {
    std::uint64_t pfn;
    RangeTree::Index above;
  };
  std::optional<Fit> search_down(RangeTree::Index from, std::uint64_t end, std::uint64_t floor,
                                 std::uint64_t granules);
  std::optional<Fit> search_up(std::uint64_t from, std::uint64_t end, std::uint64_t granules);
  std::optional<Fit> find_fit(std::uint64_t granules, std::uint64_t end);
  void remember_freed(RangeTree::Index node);
  void reserve(std::uint64_t low, std::uint64_t high);

  RangeTree tree_;
  std::uint64_t start_pfn_;
  std::uint64_t last_pfn_;
  std::uint64_t dma_32bit_pfn_;  // First pfn above 4 GiB.
  // Where the next search begins, for limits above and below 4 GiB.
  RangeTree::Index cached_ = RangeTree::kAnchor;
  RangeTree::Index cached32_ = RangeTree::kAnchor;
  std::uint64_t
      max32_size_;  // An allocation of this size failed below 4 GiB since the last free there.
  std::size_t reserved_ = 0;
  IovaStats stats_;
};

}  // namespace violet
