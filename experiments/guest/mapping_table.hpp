// What the driver believes that a domain has mapped: one entry for each MAP request, found by its
// first granule. The kernel keeps an interval tree; an exact match is all that the DMA API needs.
//
// Threading: owner-only.
// Invariants: entries do not overlap (the IOVA allocator's A1). At most half of the slots are used.
// Limits: memory doubles when the table fills; nothing is allocated otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/base/check.hpp"

namespace violet {

class MappingTable {
 public:
  struct Entry {
    std::uint64_t pfn = 0;       // First granule.
    std::uint64_t granules = 0;  // 0: the slot is empty.
    std::uint64_t phys_pfn = 0;
    std::uint64_t permissions = 0;
  };

  MappingTable() : slots_(kFirstSize), mask_(kFirstSize - 1) {}

  std::size_t size() const { return size_; }

  void insert(const Entry& entry) {
    VIOLET_DCHECK(entry.granules > 0);
    if (2 * (size_ + 1) > slots_.size()) grow();
    place(entry);
    ++size_;
  }

  // Removes the entry that begins at `pfn`; one with granules == 0 when there is none.
  Entry take(std::uint64_t pfn) {
    std::size_t at = home(pfn);
    while (slots_[at].granules != 0 && slots_[at].pfn != pfn) at = (at + 1) & mask_;
    const Entry found = slots_[at];
    if (found.granules != 0) {
      close_gap(at);
      --size_;
    }
    return found;
  }

  template <class Function>
  void for_each(Function&& function) const {
    for (const Entry& entry : slots_) {
      if (entry.granules != 0) function(entry);
    }
  }

 private:
  static constexpr std::size_t kFirstSize = 4096;

  std::size_t home(std::uint64_t pfn) const {
    return static_cast<std::size_t>((pfn * 0x9e3779b97f4a7c15) >> 20) & mask_;
  }

  void place(const Entry& entry) {
    std::size_t at = home(entry.pfn);
    while (slots_[at].granules != 0) {
      VIOLET_DCHECK(slots_[at].pfn != entry.pfn);
      at = (at + 1) & mask_;
    }
    slots_[at] = entry;
  }

  // Moves up what a probe would no longer find behind the hole.
  void close_gap(std::size_t hole) {
    for (std::size_t at = (hole + 1) & mask_; slots_[at].granules != 0; at = (at + 1) & mask_) {
      const std::size_t distance_home = (at - home(slots_[at].pfn)) & mask_;
      if (distance_home < ((at - hole) & mask_)) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole].granules = 0;
  }

  void grow() {
    std::vector<Entry> old(slots_.size() * 2);
    old.swap(slots_);
    mask_ = slots_.size() - 1;
    for (const Entry& entry : old) {
      if (entry.granules != 0) place(entry);
    }
  }

  std::vector<Entry> slots_;
  std::size_t mask_;
  std::size_t size_ = 0;
};

}  // namespace violet
