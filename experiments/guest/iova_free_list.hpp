// The IOVA free list keeps freed addresses by their size, in front of the tree, which still holds them (M. Malka, N. Amit,
// D. Tsafrir, "Efficient Intra-Operating System Protection Against Harmful DMAs", FAST 2015: EiovaR).
//
// Threading: owner-only; one lock.
// Invariants: as iova_allocator.hpp. What fits is taken newest first.
// Limits: the lists are unbounded, and go back to the tree when nothing else is left.
#pragma once

#include <map>
#include <vector>

#include "experiments/guest/iova_allocator.hpp"
#include "experiments/guest/iova_tree.hpp"

namespace violet {

class IovaFreeList final : public IovaAllocator {
 public:
  explicit IovaFreeList(const IovaConfig& config) : tree_(config), small_(kSmall + 1) {}

  std::optional<std::uint64_t> allocate(std::uint64_t granules, std::uint64_t limit_pfn,
                                        unsigned cpu, bool flush) override;
  void free(std::uint64_t pfn, std::uint64_t granules, unsigned cpu) override {
    list(granules).push_back(pfn);
    static_cast<void>(cpu);
  }
  void flush_caches() override;
  void tick(Ticks) override {}
  const IovaStats& stats() const override;

 private:
  static constexpr std::uint64_t kSmall = 64;
  using List = std::vector<std::uint64_t>;

  List& list(std::uint64_t granules) {
    return granules <= kSmall ? small_[granules] : large_[granules];
  }
  void return_to_tree(List& list, std::uint64_t granules);

  IovaTree tree_;
  std::vector<List> small_;              // By granules.
  std::map<std::uint64_t, List> large_;  // More than kSmall.
  mutable IovaStats stats_;
};

}  // namespace violet
