// A page history remembers which pages were ever mapped, and which were unmapped and not mapped again: two bits a page in regions
// of 2 MiB.
//
// Threading: owner-only.
// Limits: kMostRegions regions; what is beyond was never mapped, as far as this knows.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/base/flat_table.hpp"
#include "experiments/trace/pyramid.hpp"

namespace violet {

class PageHistory {
 public:
  static constexpr std::size_t kMostRegions = std::size_t{1} << 18;

  // Keys are those of LifetimeTable::key(). Whether it was mapped before.
  bool map(std::uint64_t key) {
    Region* region = at(key);
    if (region == nullptr) return false;
    const std::uint64_t bit = std::uint64_t{1} << (key & 63);
    const std::size_t word = key >> 6 & 7;
    const bool before = (region->mapped[word] & bit) != 0;
    region->mapped[word] |= bit;
    region->gone[word] &= ~bit;
    return before;
  }
  void unmap(std::uint64_t key) {
    Region* region = at(key);
    if (region != nullptr) region->gone[key >> 6 & 7] |= std::uint64_t{1} << (key & 63);
  }
  // The engine has it again: not gone any more.
  void restore(std::uint64_t key) {
    Region* region = regions_.find(key >> 9);
    if (region != nullptr) region->gone[key >> 6 & 7] &= ~(std::uint64_t{1} << (key & 63));
  }
  bool is_gone(std::uint64_t key) const {
    const Region* region = regions_.find(key >> 9);
    return region != nullptr && (region->gone[key >> 6 & 7] >> (key & 63) & 1) != 0;
  }
  bool was_mapped(std::uint64_t key) const {
    const Region* region = regions_.find(key >> 9);
    return region != nullptr && (region->mapped[key >> 6 & 7] >> (key & 63) & 1) != 0;
  }
  // Pages that were ever mapped in any domain, ascending, merged where less than 2 MiB apart.
  std::vector<UsedRange> used() const;

 private:
  struct Region {
    std::array<std::uint64_t, 8> mapped{};
    std::array<std::uint64_t, 8> gone{};
  };
  Region* at(std::uint64_t key) {
    Region* known = regions_.find(key >> 9);
    if (known != nullptr || regions_.size() >= kMostRegions) return known;
    return regions_.insert(key >> 9, {}).first;
  }
  FlatTable<Region> regions_;
};

}  // namespace violet
