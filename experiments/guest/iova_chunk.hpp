// The IOVA chunk allocator cuts addresses from chunks of 64 granules, one chunk a CPU at a time (B. Rubin et al., "Fast & Safe
// IO Memory Protection", SOSP 2024), so that what is mapped together lies together.
//
// Threading: owner-only; `cpu` says which modelled CPU acts.
// Invariants: as iova_allocator.hpp. No address of a chunk is handed out twice before all of the chunk was; a chunk goes back to
// the tree when it is used up and all of it is free.
// Limits: more than 64 granules come from the tree, and where it has no whole chunk left, fewer do, too.
#pragma once

#include <vector>

#include "engine/base/flat_table.hpp"
#include "experiments/guest/iova_allocator.hpp"
#include "experiments/guest/iova_tree.hpp"

namespace violet {

class IovaChunk final : public IovaAllocator {
 public:
  static constexpr std::uint64_t kGranules = 64;

  explicit IovaChunk(const IovaConfig& config)
      : tree_(config), current_(std::max(1u, config.cpus), kNone) {}

  std::optional<std::uint64_t> allocate(std::uint64_t granules, std::uint64_t limit_pfn,
                                        unsigned cpu, bool flush) override;
  void free(std::uint64_t pfn, std::uint64_t granules, unsigned cpu) override;
  // Gives up every CPU's chunk: what is not taken of it comes back with the rest of it.
  void flush_caches() override;
  void tick(Ticks) override {}
  const IovaStats& stats() const override;

 private:
  static constexpr std::uint64_t kNone = FlatTable<int>::kNoKey;

  struct Chunk {
    std::uint64_t left = kGranules;  // Taken from its end downwards.
    std::uint64_t used = 0;          // Handed out and not freed.
    bool is_current = true;
  };

  std::optional<std::uint64_t> cut(std::uint64_t granules, std::uint64_t limit_pfn, unsigned cpu);
  void give_up(std::uint64_t& current);
  void free_if_done(std::uint64_t key);

  IovaTree tree_;
  FlatTable<Chunk> chunks_;             // By pfn / kGranules.
  std::vector<std::uint64_t> current_;  // By CPU: a key of chunks_.
  mutable IovaStats stats_;
};

}  // namespace violet
