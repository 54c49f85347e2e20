// The state under LifeTracker: which dma_maps are alive or still reachable, page by page, which UNMAPs are
// in flight, what the engine has mapped and which endpoint is in which domain. Can be written down as a
// checkpoint and be read back.
//
// Threading: owner-only.
// Invariants: a page of a domain belongs to one life at a time, the newest; a life is kept until it is
// unmapped and the last of its pages is complete.
// Limits: kMostPages pages and kMostMappings engine mappings at once, kMostDomains domains and
// kMostFlights UNMAPs in flight; what is beyond is not tracked, and counted.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "engine/base/flat_table.hpp"
#include "engine/base/types.hpp"
#include "experiments/trace/pyramid.hpp"

namespace violet {

inline constexpr std::uint64_t kLastGranule = ~std::uint64_t{0} >> kGranuleShift4K;

struct GranuleSpan {
  std::uint32_t domain = 0;  // Index of LifeTable::domain().
  std::uint64_t first = 0, last = 0;
  bool operator==(const GranuleSpan&) const = default;
};

class LifeTable {
 public:
  static constexpr std::size_t kMostPages = std::size_t{1} << 21;
  static constexpr std::uint64_t kMostCallPages = std::uint64_t{1} << 12;
  static constexpr std::size_t kMostMappings = std::size_t{1} << 20;
  static constexpr std::uint32_t kMostDomains = 4094;
  static constexpr std::size_t kMostFlights = 4096;
  static constexpr std::uint32_t kNoLife = ~0u;
  static constexpr std::uint32_t kNoDomain = 0;  // The index of what is attached to nothing.

  struct Life : LifeRecord {
    std::uint32_t not_executed = 0;
    std::uint32_t not_complete = 0;
    std::uint32_t domain_index = 0;
    std::uint32_t below =
        kNoLife;            // Of a persistent one: at the same address and not yet unmapped.
    std::uint32_t tag = 0;  // The user's.
  };
  enum class PageState : std::uint32_t { kReachable, kExecuted, kComplete, kGone };
  struct Page {
    std::uint32_t life : 30;
    std::uint32_t state : 2;
    PageState is() const { return static_cast<PageState>(state); }
  };
  struct Flight {
    GranuleSpan range;
    std::vector<std::pair<std::uint64_t, std::uint32_t>> pages;  // Key, life.
  };
  struct Mapping {
    std::uint64_t first, last;
    Ticks since;
    std::uint32_t permissions;
  };
  struct Attached {
    std::uint32_t endpoint;
    std::uint32_t domain;  // Index; kNoDomain: detached.
  };

  static std::uint64_t key(std::uint32_t domain, std::uint64_t granule) {
    return std::uint64_t{domain} << 52 | (granule & kLastGranule);
  }
  static std::uint64_t persistent_key(std::uint32_t endpoint, std::uint64_t granule) {
    const std::uint64_t mixed = granule * 0x9e3779b97f4a7c15ull + endpoint * 0xc2b2ae3d27d4eb4full;
    return mixed == FlatTable<Page>::kNoKey ? 0 : mixed;
  }
  static std::uint64_t granule_of(std::uint64_t key) { return key & kLastGranule; }
  static std::uint32_t domain_of(std::uint64_t key) {
    return static_cast<std::uint32_t>(key >> 52);
  }

  // Makes the domain known; kNoDomain when there are too many.
  std::uint32_t domain(std::uint32_t id);
  std::uint32_t domain_id(std::uint32_t index) const { return domain_ids_[index]; }
  // kNoDomain when it is attached to nothing.
  std::uint32_t attached_to(std::uint32_t endpoint) const;
  void attach(std::uint32_t endpoint, std::uint32_t domain);
  // Where that was lost: it is in the only domain that has something mapped there.
  void infer_attached(std::uint32_t endpoint, std::uint64_t granule);
  // The domain that it was in, and whether it was the last one there.
  std::pair<std::uint32_t, bool> detach(std::uint32_t endpoint);

  std::uint32_t new_life(const Life& life);
  void free_life(std::uint32_t id);
  Flight new_flight(const GranuleSpan& range);
  void free_flight(Flight flight);

  // Visits the pages (or mappings) of a range; a huge range is walked by what is there.
  template <class Table, class Visit>
  static void for_range(Table& table, const GranuleSpan& range, Visit&& visit) {
    if (range.last - range.first < table.size()) {
      for (std::uint64_t granule = range.first; granule <= range.last; ++granule) {
        auto* value = table.find(key(range.domain, granule));
        if (value != nullptr) visit(key(range.domain, granule), *value);
      }
      return;
    }
    table.for_each([&](std::uint64_t at, auto& value) {
      const std::uint64_t granule = granule_of(at);
      if (domain_of(at) == range.domain && range.first <= granule && granule <= range.last) {
        visit(at, value);
      }
    });
  }

  void push_persistent(const Life& life);
  // The life that was there last, taken out; kNoLife when there is none.
  std::uint32_t pop_persistent(std::uint32_t endpoint, std::uint64_t granule);
  void map_range(std::uint32_t domain, const Mapping& mapping);
  void unmap_range(const GranuleSpan& range, std::uint64_t first, std::uint64_t last);

  // Adds the state to the arrays of `pyramid`, times relative to `start`.
  void save(Ticks start, Ticks at, Pyramid& pyramid) const;
  // Replaces the state by that of a checkpoint whose slices lie inside the arrays (PyramidFile checks); its
  // times become absolute again.
  void load(const PyramidView& pyramid, const Checkpoint& checkpoint);

  FlatTable<Page> pages;
  FlatTable<std::uint32_t> persistent;  // Lives without pages, by persistent_key().
  FlatTable<Mapping> mappings;
  std::vector<Life> lives;
  std::vector<Flight> flights;
  std::uint64_t untracked = 0;
  std::uint64_t unmatched = 0;

 private:
  void load_pages(const PyramidView& pyramid, const Checkpoint& checkpoint);
  void save_pages(Pyramid& pyramid, const std::vector<std::uint32_t>& position) const;

  std::vector<std::uint32_t> free_lives_;
  std::vector<Flight> free_flights_;
  std::vector<std::uint32_t> domain_ids_{~0u};  // By index.
  std::vector<std::uint32_t> endpoints_in_{0};  // Their number, by domain.
  FlatTable<std::uint32_t> domain_index_;       // By id.
  FlatTable<std::uint32_t> attached_;           // Domain by endpoint.
};

}  // namespace violet
