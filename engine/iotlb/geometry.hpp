// A geometry says which slots of a set-associative array an address may use, and what of a
// translation one entry can hold: the arithmetic that all designs share.
//
// Every page has a home slot: `slot = (page ^ salt(domain)) & (entries - 1)`. The high bits of the slot
// name the set, the low bits the way that is tried first. Linux hands IOVAs out densely, so a densely
// mapped region of up to `entries` pages finds every page in its home way: one compare, no branch
// that depends on the way, and neighbouring pages in one cache line. Pages that compete for a set
// still have all its ways (the Alpha 21264 and AMD's cores predict ways in the same spirit). The salt keeps
// domains, which all allocate downwards from the same address, apart. kMixed replaces the page number by a
// multiplicative hash (Knuth, TAOCP 6.4) for strided IOVAs, at the price of the locality.
//
// Threading: immutable.
// Invariants: slot() < entries; the ways of slot s are s ^ 0 .. s ^ (ways - 1), which is one aligned block.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/base/check.hpp"
#include "engine/iotlb/iotlb.hpp"

namespace violet {

inline constexpr unsigned kLargeShift =
    21;  // 2 MiB, the large page of x86-64 and of arm64 with 4K.
inline constexpr unsigned kMaxWays = 16;

// The low 12 bits of a distance and the high 12 of a page number are free, because no granule is smaller than 4 KiB.
inline constexpr std::uint64_t kSpareMask = (std::uint64_t{1} << kGranuleShift4K) - 1;
inline constexpr std::uint64_t kPermissionMask = 7;

// What an entry says, for the code that turns it into a hit: the data word, and the size of the region.
struct Found {
  static constexpr std::uint64_t kNothing =
      ~std::uint64_t{0};  // No data word has the spare bits set.
  std::uint64_t data = kNothing;
  std::uint64_t region_bytes = 0;

  explicit operator bool() const { return data != kNothing; }
};

// The data word is the distance from the I/O address to the physical one, which needs no mask on the way
// to a hit, and the permissions in its low bits.
[[gnu::always_inline]] inline IotlbHit to_hit(Iova iova, Found found) {
  return {{iova.value + (found.data & ~kSpareMask)},
          static_cast<Permissions>(found.data & kPermissionMask),
          found.region_bytes - (iova.value & (found.region_bytes - 1))};
}

class Geometry {
 public:
  Geometry(std::size_t entries, unsigned ways, unsigned shift, IotlbConfig::Indexing indexing)
      : slot_mask_(entries - 1),
        shift_(shift),
        ways_(ways),
        mixed_(indexing == IotlbConfig::Indexing::kMixed) {
    VIOLET_CHECK(std::has_single_bit(entries) && std::has_single_bit(ways));
    VIOLET_CHECK(ways <= kMaxWays && ways <= entries);
    VIOLET_CHECK(entries <= kPageMask);
    VIOLET_CHECK(shift >= kGranuleShift4K && shift < 64);
  }

  std::size_t entries() const { return slot_mask_ + 1; }
  unsigned ways() const { return ways_; }
  std::size_t sets() const { return entries() / ways_; }
  bool mixed() const { return mixed_; }
  std::uint64_t region_bytes() const { return std::uint64_t{1} << shift_; }

  std::uint64_t page(Iova iova) const { return iova.value >> shift_; }

  // The key of an entry: the page, salted by its domain, and 12 bits of the caller's above it.
  std::uint64_t key(DomainTag tag, Iova iova, std::uint64_t id) const {
    return (page(iova) ^ salt(tag)) | id << kPageBits;
  }
  static std::uint64_t page_part(std::uint64_t key) { return key & kPageMask; }
  static std::uint64_t with_id(std::uint64_t key, std::uint64_t id) {
    return page_part(key) | id << kPageBits;
  }
  static std::uint64_t id_part(std::uint64_t key) { return key >> kPageBits; }

  std::size_t slot(DomainTag tag, Iova iova) const {
    const std::uint64_t salted = page(iova) ^ salt(tag);
    return (mixed_ ? (salted * kGolden) >> 32 : salted) & slot_mask_;
  }

  // key() and slot() of one domain and id, for a burst that keeps them in registers; kDense only.
  struct Home {
    std::uint64_t slot_mask;
    std::uint64_t salt_and_id;
    unsigned shift;

    std::uint64_t key(Iova iova) const { return (iova.value >> shift) ^ salt_and_id; }
    std::size_t slot(std::uint64_t key) const { return key & slot_mask; }
    std::uint64_t region_bytes() const { return std::uint64_t{1} << shift; }
  };
  Home home(DomainTag tag, std::uint64_t id) const {
    return {slot_mask_, salt(tag) | id << kPageBits, shift_};
  }

  std::size_t set_of(std::size_t slot) const { return slot / ways_; }
  std::size_t first_slot(std::size_t slot) const { return slot & ~std::size_t{ways_ - 1}; }

  // Calls f(iova) for an address of every region that `range` touches.
  template <class F>
  void for_each_region(IovaRange range, F&& f) const {
    const std::uint64_t last = page(range.last);
    for (std::uint64_t at = page(range.first); at <= last; ++at) f(Iova{at << shift_});
  }
  // How many regions `range` touches, minus one.
  std::uint64_t regions_minus_one(IovaRange range) const {
    return page(range.last) - page(range.first);
  }

  // The data word for the region of `iova`. Nothing when the translation does not cover the whole region or
  // its distance is not a multiple of 4 KiB.
  std::optional<std::uint64_t> pack(Iova iova, const Translation& translation) const {
    const std::uint64_t in_region = region_bytes() - 1;
    const Iova first{iova.value & ~in_region};
    if (!translation.extent.contains(IovaRange{first, {first.value | in_region}})) return {};
    const std::uint64_t distance = translation.phys.value - translation.extent.first.value;
    if ((distance & kSpareMask) != 0) return {};
    return distance | (static_cast<std::uint64_t>(translation.permissions) & kPermissionMask);
  }

 private:
  static constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;

  static constexpr unsigned kPageBits = 64 - kGranuleShift4K;
  static constexpr std::uint64_t kPageMask = (std::uint64_t{1} << kPageBits) - 1;

  // 24 bits: inside the page part, and enough to spread over the sets.
  static constexpr std::uint64_t salt(DomainTag tag) { return (tag.value * kGolden) >> 40; }

  std::uint64_t slot_mask_;
  unsigned shift_;
  unsigned ways_;
  bool mixed_;
};

// The second, smaller array: 2 MiB regions, a 64th of the entries. Absent when the granule is as large.
inline std::size_t large_entries(const IotlbConfig& config) {
  return config.entries / 64 > config.ways ? config.entries / 64 : config.ways;
}
inline Geometry page_geometry(const IotlbConfig& config) {
  return {config.entries, config.ways, config.granule_shift, config.indexing};
}
inline Geometry large_geometry(const IotlbConfig& config) {
  const unsigned shift = config.granule_shift < kLargeShift ? kLargeShift : config.granule_shift;
  return {large_entries(config), config.ways, shift, config.indexing};
}

}  // namespace violet
