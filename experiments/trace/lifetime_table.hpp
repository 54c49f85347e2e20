// A lifetime table holds the state of a LifetimeTracker: which dma_maps are live or still
// reachable, page by page, which UNMAPs are in flight, what the engine has mapped and which
// endpoint is in which domain. It is saved as a checkpoint and loaded from one.
//
// Threading: owner-only.
// Invariants: a page of a domain belongs to one lifetime at a time, the newest; a lifetime is kept until it is
// unmapped and the last of its pages is complete.
// Limits: LifetimeLimits, and kMostDomains domains.
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
  std::uint32_t domain = 0;  // Index of LifetimeTable::domain().
  std::uint64_t first = 0, last = 0;
  bool operator==(const GranuleSpan&) const = default;
};

// How much is followed: what is beyond is not tracked, and counted.
struct LifetimeLimits {
  std::size_t pages = std::size_t{1} << 21;           // Live or stale at once; below 2^30.
  std::uint64_t call_pages = std::uint64_t{1} << 12;  // Of one call.
  std::size_t mappings = std::size_t{1} << 20;        // That the engine has.
  std::size_t flights = 4096;                         // UNMAPs.
};

// A call's buffer in granules.
struct GranuleExtent {
  explicit GranuleExtent(const DmaEvent& call)
      : first(call.iova.value >> kGranuleShift4K),
        pages((last_byte(call) >> kGranuleShift4K) + 1) {}
  std::uint64_t first;
  std::uint64_t pages;
  // Counted from the first byte of the first granule.
  static std::uint64_t last_byte(const DmaEvent& call) {
    return call.iova.value % (1u << kGranuleShift4K) + std::max(1u, call.bytes) - 1;
  }
  // Whether it lies in the address space and is small enough to be followed.
  bool tracked(std::uint64_t most = LifetimeLimits().call_pages) const {
    return pages <= most && first <= kLastGranule - (pages - 1);
  }
};

class LifetimeTable {
 public:
  static constexpr std::uint32_t kMostDomains = 4094;
  static constexpr std::uint32_t kNoLifetime = ~0u;
  static constexpr std::uint32_t kNoDomain = 0;  // The index of what is attached to nothing.

  struct Lifetime : LifetimeRecord {
    std::uint32_t not_executed = 0;
    std::uint32_t not_complete = 0;
    std::uint32_t domain_index = 0;
    std::uint32_t below =
        kNoLifetime;        // Of a persistent one: at the same address and not yet unmapped.
    std::uint32_t tag = 0;  // The user's.
  };
  enum class PageState : std::uint32_t { kReachable, kExecuted, kComplete, kGone };
  struct Page {
    std::uint32_t lifetime : 30;
    std::uint32_t state : 2;
    PageState is() const { return static_cast<PageState>(state); }
  };
  struct Flight {
    GranuleSpan range;
    std::vector<std::pair<std::uint64_t, std::uint32_t>> pages;  // Key, lifetime.
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

  explicit LifetimeTable(const LifetimeLimits& limits = {}) : limits_(limits) {}
  const LifetimeLimits& limits() const { return limits_; }

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

  std::uint32_t new_lifetime(const Lifetime& lifetime);
  void free_lifetime(std::uint32_t id);
  // `by` took over the mapping that the last unmap of the page left in place: the same page with the same rights, and
  // nothing is handed out too early.
  bool continues(Page last, std::uint64_t granule, const Lifetime& by) const;
  // A lifetime's complete pages, which are kept for an unmap that is not to come.
  void forget_complete(std::uint32_t id);
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

  void push_persistent(const Lifetime& lifetime);
  // The lifetime that was there last, taken out; kNoLifetime when there is none.
  std::uint32_t pop_persistent(std::uint32_t endpoint, std::uint64_t granule);
  void map_range(std::uint32_t domain, const Mapping& mapping);
  void unmap_range(const GranuleSpan& range, std::uint64_t first, std::uint64_t last);

  // Adds the state to the arrays of `pyramid`, times relative to `start`.
  void save(Ticks start, Ticks at, Pyramid& pyramid) const;
  // Replaces the state by that of a checkpoint whose slices lie inside the arrays (PyramidFile checks); its
  // times become absolute again.
  void load(const PyramidView& pyramid, const Checkpoint& checkpoint);

  FlatTable<Page> pages;
  FlatTable<std::uint32_t> persistent;  // Lifetimes without pages, by persistent_key().
  FlatTable<Mapping> mappings;
  std::vector<Lifetime> lifetimes;
  std::vector<Flight> flights;
  std::uint64_t untracked = 0;
  std::uint64_t unmatched = 0;

 private:
  void load_pages(const PyramidView& pyramid, const Checkpoint& checkpoint);
  void save_pages(Pyramid& pyramid, const std::vector<std::uint32_t>& position) const;

  LifetimeLimits limits_;
  std::vector<std::uint32_t> free_lifetimes_;
  std::vector<Flight> free_flights_;
  std::vector<std::uint32_t> domain_ids_{~0u};  // By index.
  std::vector<std::uint32_t> endpoints_in_{0};  // Their number, by domain.
  FlatTable<std::uint32_t> domain_index_;       // By id.
  FlatTable<std::uint32_t> attached_;           // Domain by endpoint.
};

// What a tracker gives to a sink. A sink derives from this one and hides what it wants to know.
struct LifetimeSink {
  using Lifetime = LifetimeTable::Lifetime;
  // Before a lifetime begins; may set its tag.
  void tag(Lifetime&) {}
  // A page became (+1) or ceased to be (-1) live or stale, with the end of reachability at its latest.
  void page(const Lifetime&, std::uint64_t /*granule*/, int /*live*/, int /*stale*/, Ticks) {}
  // The same for stale, with the end of reachability at its earliest: when the UNMAP was executed.
  void surely_stale(const Lifetime&, std::uint64_t /*granule*/, int /*by*/, Ticks) {}
  // The guest's unmap of a lifetime that is not persistent returned.
  void unmapped(const Lifetime&, Ticks) {}
  // A lifetime ended: from its unmap to its unreachable (at the latest) or its executed (at the earliest), if that is
  // later.
  void window(const Lifetime&) {}
  // It was unmapped and will never have one.
  void no_window(const Lifetime&) {}
  // The address was handed out again before the UNMAP of its last lifetime was executed, though no event was lost.
  void reused(const Lifetime&) {}

  // What the engine has mapped, and has no more.
  void engine_mapped(const GranuleSpan&) {}
  void engine_unmapped(const GranuleSpan&) {}
  // Whether the engine can have mapped a page that a dma_map returned; what it refused is never stale.
  bool engine_has(const GranuleSpan&) const { return true; }
  // It has none of a lifetime's pages.
  void refused(const Lifetime&) {}
};

// --- Checkpoints in a pyramid: bounded in number and size ---

inline constexpr std::size_t kMostCheckpoints = 1024;
inline constexpr std::size_t kMostCheckpointBytes = std::size_t{96} << 20;

// Drops every other one when there are too many, or they are too big: true when it did.
bool thin_checkpoints(Pyramid& pyramid);
// Drops every other one; false when there is one at most.
bool halve_checkpoints(Pyramid& pyramid);
// Drops those from `at` on, but for the first of all.
void drop_checkpoints_from(Pyramid& pyramid, Ticks at);
// What they and their state take, in memory and in a file.
std::size_t bytes_of_checkpoints(const Pyramid& pyramid);

}  // namespace violet
