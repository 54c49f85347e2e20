#include "experiments/guest/iova_free_list.hpp"

namespace violet {

std::optional<std::uint64_t> IovaFreeList::allocate(std::uint64_t granules, std::uint64_t limit_pfn,
                                                    unsigned cpu, bool flush) {
  List& free = list(granules);
  for (std::size_t i = free.size(); i-- > 0;) {
    const std::uint64_t pfn = free[i];
    if (pfn > limit_pfn || granules - 1 > limit_pfn - pfn) continue;
    free[i] = free.back();
    free.pop_back();
    return pfn;
  }
  auto pfn = tree_.allocate(granules, limit_pfn, cpu, false);
  if (!pfn && flush) {
    flush_caches();
    pfn = tree_.allocate(granules, limit_pfn, cpu, false);
  }
  return pfn;
}

void IovaFreeList::return_to_tree(List& list, std::uint64_t granules) {
  for (const std::uint64_t pfn : list) tree_.free(pfn, granules, 0);
  list.clear();
}

void IovaFreeList::flush_caches() {
  ++stats_.cache_flushes;
  for (std::uint64_t granules = 1; granules <= kSmall; ++granules) {
    return_to_tree(small_[granules], granules);
  }
  for (auto& [granules, list] : large_) return_to_tree(list, granules);
}

const IovaStats& IovaFreeList::stats() const {
  stats_.tree_allocations = tree_.stats().tree_allocations;
  stats_.tree_steps = tree_.stats().tree_steps;
  return stats_;
}

}  // namespace violet
