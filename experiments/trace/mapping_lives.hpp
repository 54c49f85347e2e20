// The life of every dma_map, page by page: mapped, unmapped by the guest (u), its UNMAP executed, its
// UNMAP complete. The bookkeeping under the exposure ledger; it knows nothing of events.
//
// Threading: owner-only. Precondition: calls come in time order.
// Invariants: a page of a domain belongs to one life at a time, the newest. A life is over when its
// unmap returned and the last of its pages is complete; only then it has a window (L1).
// Limits: with lost events a life may never end; what replaces it ends it without a window.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "experiments/trace/stale_memory.hpp"

namespace violet {

// Granules of one domain, last included.
struct GranuleRange {
  std::uint32_t domain;
  std::uint64_t first;
  std::uint64_t last;
  bool operator==(const GranuleRange&) const = default;
};

struct Censored {
  std::uint64_t unmaps = 0;
  std::uint64_t pages = 0;
  Ticks oldest = 0;  // Age at the end.
};

class MappingLives {
 public:
  // What is judged, and whether events are missing.
  MappingLives(Ticks begin, Ticks end, bool lost);

  void map(const GranuleRange& range, std::uint64_t phys_page, Ticks at);
  // False when no life begins there.
  bool unmap(std::uint32_t domain, std::uint64_t first, Ticks u);
  void execute(const GranuleRange& range, Ticks at);
  void complete(const GranuleRange& range, Ticks at);
  // The engine mapped a range: T1 wants no invalidation of it in flight, and L5 needs to know it.
  void engine_mapped(const GranuleRange& range, Ticks at);
  // A dma_map got pages of memory, whatever address it mapped them to.
  void hand_out(std::uint64_t phys_page, std::uint64_t pages, Ticks at);

  void settle(Ticks at);
  Censored censored() const;
  Bounds<std::vector<Ticks>>& windows() { return windows_; }
  const Bounds<TimeLevel>& stale_pages() const { return stale_; }
  const StaleMemory& memory() const { return memory_; }
  std::uint64_t reuse_violations() const { return reuse_violations_; }
  std::uint64_t unmatched() const { return unmatched_; }
  std::uint64_t refused() const { return refused_; }

 private:
  struct Life {
    Life(std::uint64_t first_granule, std::uint32_t count)
        : first(first_granule), pages(count), not_executed(count), not_complete(count) {}
    std::uint64_t first;
    std::uint32_t pages;
    std::uint32_t not_executed;
    std::uint32_t not_complete;
    bool unmapped = false;
    bool stale = false;      // Counted as such since its unmap.
    bool no_window = false;  // Something about it was lost.
    Ticks u = 0;
    Bounds<Ticks> e;
  };
  using LifeId = std::uint32_t;
  // kComplete: gone before its unmap returned, and kept until then.
  enum class PageState : std::uint8_t { kReachable, kExecuted, kComplete };
  struct Page {
    LifeId life;
    std::uint64_t phys;
    PageState state;
  };
  using Pages = std::unordered_map<std::uint64_t, Page>;  // By granule of the IOVA.
  // An UNMAP that was executed and is not complete.
  struct InFlight {
    GranuleRange range;
    std::vector<std::pair<std::uint64_t, Page>> pages;
  };

  using Ranges = std::map<std::uint64_t, std::uint64_t>;  // First granule to last.

  bool in_store(std::uint32_t domain, std::uint64_t granule) const;
  bool judged(Ticks at) const { return at >= begin_ && at <= end_; }
  LifeId new_life(const Life& life);
  void execute(Page& page, Ticks at);
  void complete(const Page& page, Ticks at);
  void complete(Pages& pages, const InFlight& unmap, Ticks at);
  void replace(Page old, Ticks at);
  void finish(LifeId id);

  Ticks begin_;
  Ticks end_;
  bool lost_;
  std::unordered_map<std::uint32_t, Pages> domains_;
  std::vector<Life> lives_;
  std::vector<LifeId> free_lives_;
  std::vector<InFlight> in_flight_;
  std::unordered_map<std::uint32_t, Ranges> stored_;  // What the engine has mapped, by domain.
  StaleMemory memory_;
  Bounds<std::vector<Ticks>> windows_;
  Bounds<TimeLevel> stale_;
  std::uint64_t reuse_violations_ = 0;
  std::uint64_t unmatched_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace violet
