#include "experiments/guest/iova_chunk.hpp"

#include <algorithm>
#include <bit>

#include "engine/base/check.hpp"

namespace violet {

std::optional<std::uint64_t> IovaChunk::allocate(std::uint64_t granules, std::uint64_t limit_pfn,
                                                 unsigned cpu, bool flush) {
  const auto once = [&]() -> std::optional<std::uint64_t> {
    if (granules <= kGranules) {
      if (const auto pfn = cut(granules, limit_pfn, cpu)) return pfn;
    }
    return tree_.allocate(granules, limit_pfn, cpu, false);
  };
  auto pfn = once();
  if (!pfn && flush) {
    flush_caches();
    pfn = once();
  }
  return pfn;
}

// Of the CPU's chunk, or of a new one.
std::optional<std::uint64_t> IovaChunk::cut(std::uint64_t granules, std::uint64_t limit_pfn,
                                            unsigned cpu) {
  const std::uint64_t mask = ~(std::bit_ceil(granules) - 1);
  std::uint64_t& current = current_[cpu];
  Chunk* chunk = current == kNone ? nullptr : chunks_.find(current);
  const bool fits =
      chunk != nullptr && granules <= chunk->left &&
      current * kGranules + ((chunk->left - granules) & mask) + granules - 1 <= limit_pfn;
  if (!fits) {
    const auto first = tree_.allocate(kGranules, limit_pfn, cpu, false);
    if (!first) return std::nullopt;
    give_up(current);
    current = *first / kGranules;
    chunk = chunks_.insert(current, {}).first;
  }
  chunk->left = (chunk->left - granules) & mask;
  chunk->used += granules;
  return current * kGranules + chunk->left;
}

void IovaChunk::give_up(std::uint64_t& current) {
  if (current == kNone) return;
  const std::uint64_t key = std::exchange(current, kNone);
  chunks_.find(key)->is_current = false;
  free_if_done(key);
}

void IovaChunk::free_if_done(std::uint64_t key) {
  const Chunk chunk = *chunks_.find(key);
  if (chunk.is_current || chunk.used > 0) return;
  chunks_.erase(key);
  tree_.free(key * kGranules, kGranules, 0);
}

void IovaChunk::free(std::uint64_t pfn, std::uint64_t granules, unsigned cpu) {
  Chunk* chunk = granules <= kGranules ? chunks_.find(pfn / kGranules) : nullptr;
  if (chunk == nullptr) return tree_.free(pfn, granules, cpu);
  VIOLET_CHECK(chunk->used >= granules);  // free() gets what allocate() gave.
  chunk->used -= granules;
  free_if_done(pfn / kGranules);
}

void IovaChunk::flush_caches() {
  ++stats_.cache_flushes;
  for (std::uint64_t& current : current_) give_up(current);
}

const IovaStats& IovaChunk::stats() const {
  stats_.tree_allocations = tree_.stats().tree_allocations;
  stats_.tree_steps = tree_.stats().tree_steps;
  return stats_;
}

}  // namespace violet
