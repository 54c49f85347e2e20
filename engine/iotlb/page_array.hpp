// A page array holds one reader's translations of one region size: set-associative, 16 bytes an
// entry.
//
// An entry is two words: key = page | context id (context_table.hpp), data = distance | permissions
// (geometry.hpp). Equality of the one key word decides a hit: it names the region exactly, and the
// context id stands for (domain incarnation, generation), so nothing else needs a compare.
//
// Threading: owner-only.
// Invariants: PageArray.1 a key is in at most one way. PageArray.2 context id 0 is never looked up and marks a free
// entry.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/aligned_array.hpp"
#include "engine/iotlb/geometry.hpp"
#include "engine/iotlb/replacement.hpp"

namespace violet {

class PageArray {
 public:
  struct Entry {
    std::uint64_t key;
    std::uint64_t data;
  };
  static_assert(sizeof(Entry) == 16);

  PageArray(const Geometry& geometry, Replacement::Policy policy)
      : geometry_(geometry),
        plain_(!geometry.mixed() && policy != Replacement::Policy::kLru),
        replacement_(policy, geometry),
        entries_(geometry.entries()) {}

  const Geometry& geometry() const { return geometry_; }

  // Whether a burst may look at the home way by itself. Other shapes need more work at a hit.
  bool plain() const { return plain_; }
  const Entry* entries() const { return entries_.data(); }

  // The data word of whichever way has it.
  Found find(DomainTag tag, Iova iova, std::uint32_t context) noexcept {
    const std::size_t first = geometry_.first_slot(geometry_.slot(tag, iova));
    const std::size_t slot = probe_all(first, geometry_.key(tag, iova, context));
    if (slot == kNotFound) return {};
    replacement_.touch(slot);
    return {entries_[slot].data, geometry_.region_bytes()};
  }

  // Adds or replaces. `live(context)` says whether a context id can still be looked up.
  template <class Live>
  void insert(DomainTag tag, Iova iova, std::uint32_t context, std::uint64_t data, Rng& rng,
              Live&& live) noexcept {
    const std::uint64_t key = geometry_.key(tag, iova, context);
    const std::size_t slot = place(geometry_.slot(tag, iova), key, rng, live);
    entries_[slot] = {key, data};
    replacement_.touch(slot);
  }

  void erase(DomainTag tag, Iova iova, std::uint32_t context) noexcept {
    const std::uint64_t key = geometry_.key(tag, iova, context);
    const std::size_t home = geometry_.slot(tag, iova);
    for (std::size_t way = 0; way < geometry_.ways(); ++way) {
      if (entries_[home ^ way].key == key) entries_[home ^ way] = {};
    }
  }

  // Frees the entries of dead contexts in the next `count` slots, round and round.
  template <class Live>
  void sweep(std::size_t count, Live&& live) noexcept {
    for (; count > 0; --count) {
      Entry& entry = entries_[hand_];
      if (!live(context_of(entry))) entry = {};
      hand_ = hand_ + 1 == entries_.size() ? 0 : hand_ + 1;
    }
  }

  std::size_t bytes() const { return entries_.bytes() + replacement_.bytes(); }

 private:
  static std::uint32_t context_of(const Entry& entry) {
    return static_cast<std::uint32_t>(Geometry::id_part(entry.key));
  }

  // All ways without a branch that depends on which of them holds the key.
  template <unsigned kWays>
  std::size_t probe(std::size_t first, std::uint64_t key) const noexcept {
    std::size_t found = kNotFound;
    for (unsigned way = 0; way < kWays; ++way) {
      found = entries_[first + way].key == key ? first + way : found;
    }
    return found;
  }

  std::size_t probe_all(std::size_t first, std::uint64_t key) const noexcept {
    switch (geometry_.ways()) {
      case 1:
        return probe<1>(first, key);
      case 2:
        return probe<2>(first, key);
      case 4:
        return probe<4>(first, key);
      case 8:
        return probe<8>(first, key);
      default:
        return probe<16>(first, key);
    }
  }

  // The way that has the key (PageArray.1), else the home way if it is free, else any free way, else a victim.
  template <class Live>
  std::size_t place(std::size_t home, std::uint64_t key, Rng& rng, Live&& live) noexcept {
    const std::size_t first = geometry_.first_slot(home);
    const std::size_t same = probe_all(first, key);
    if (same != kNotFound) return same;
    for (std::size_t way = 0; way < geometry_.ways(); ++way) {
      if (!live(context_of(entries_[home ^ way]))) return home ^ way;
    }
    return replacement_.victim(first, rng);
  }

  static constexpr std::size_t kNotFound = ~std::size_t{0};

  Geometry geometry_;
  bool plain_;
  Replacement replacement_;
  AlignedArray<Entry> entries_;
  std::size_t hand_ = 0;
};

}  // namespace violet
