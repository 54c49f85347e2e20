// A strong type keeps each kind of address, identifier and range from being taken for another.
//
// Threading: plain values.
// Limits: IovaRange is inclusive at both ends, unlike every other range of the project, because the
// whole 64-bit space is a legal range in virtio-iommu and its half-open end does not fit in 64 bits.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace violet {

template <class Tag, class Rep>
struct StrongValue {
  using rep = Rep;
  Rep value{};
  constexpr auto operator<=>(const StrongValue&) const = default;
};

// I/O virtual address: what an endpoint puts on the bus.
using Iova = StrongValue<struct IovaTag, std::uint64_t>;
// Guest-physical address: what a translation yields.
using GuestPhys = StrongValue<struct GuestPhysTag, std::uint64_t>;
using DomainId = StrongValue<struct DomainIdTag, std::uint32_t>;
using EndpointId = StrongValue<struct EndpointIdTag, std::uint32_t>;
// One incarnation of a domain. Ids come back when a guest re-creates a domain; tags never do while a
// device lives, so a cache entry of a destroyed domain can match nothing.
using DomainTag = StrongValue<struct DomainTagTag, std::uint32_t>;

// [first, last], both inclusive; first <= last for every range that exists.
struct IovaRange {
  Iova first;
  Iova last;

  constexpr bool operator==(const IovaRange&) const = default;
  constexpr bool contains(Iova at) const { return first <= at && at <= last; }
  constexpr bool contains(const IovaRange& r) const { return first <= r.first && r.last <= last; }
  constexpr bool overlaps(const IovaRange& r) const { return first <= r.last && r.first <= last; }
  // Number of bytes minus one, which always fits.
  constexpr std::uint64_t size_minus_one() const { return last.value - first.value; }

  static constexpr IovaRange all() { return {{0}, {~std::uint64_t{0}}}; }
  // Precondition: bytes >= 1 and the range does not wrap.
  static constexpr IovaRange of(std::uint64_t start, std::uint64_t bytes) {
    return {{start}, {start + (bytes - 1)}};
  }
};

// Wire values of VIRTIO_IOMMU_MAP_F_*. kMmio is a memory type and grants nothing.
enum class Permissions : std::uint8_t {
  kNone = 0,
  kRead = 1,
  kWrite = 2,
  kReadWrite = 3,
  kMmio = 4
};

constexpr Permissions operator|(Permissions a, Permissions b) {
  return static_cast<Permissions>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
constexpr Permissions operator&(Permissions a, Permissions b) {
  return static_cast<Permissions>(static_cast<std::uint8_t>(a) & static_cast<std::uint8_t>(b));
}

// "R/W", "R", "W" or "-", with " MMIO" behind it.
constexpr const char* to_text(Permissions permissions) {
  constexpr const char* kTexts[] = {"-", "R", "W", "R/W", "- MMIO", "R MMIO", "W MMIO", "R/W MMIO"};
  return kTexts[static_cast<std::uint8_t>(permissions) & 7];
}

// What one MAP request makes: every address of `range` translates to phys + (address - range.first).
struct Mapping {
  IovaRange range;
  GuestPhys phys;
  Permissions permissions;
  bool operator==(const Mapping&) const = default;
};

// What an endpoint wants to do; the values are those of Permissions so that one mask decides.
enum class Access : std::uint8_t { kRead = 1, kWrite = 2 };

constexpr bool allows(Permissions have, Access want) {
  return (static_cast<std::uint8_t>(have) & static_cast<std::uint8_t>(want)) != 0;
}

inline constexpr std::size_t kCacheLine = 64;
inline constexpr unsigned kGranuleShift4K = 12;

}  // namespace violet

template <class Tag, class Rep>
struct std::hash<violet::StrongValue<Tag, Rep>> {
  std::size_t operator()(const violet::StrongValue<Tag, Rep>& v) const noexcept {
    return std::hash<Rep>{}(v.value);
  }
};
