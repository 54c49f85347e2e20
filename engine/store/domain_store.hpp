// A domain store keeps the mappings of one domain: written by the engine, read by every endpoint that
// misses its IOTLB.
//
// Threading: map(), unmap(), reclaim() and the destructor belong to the engine thread, between
// try_begin_update() and end_update(). translate() may be called by any reader that is online
// (quiescence.hpp), concurrently with an update.
// Invariants:
//   Store.1 translate() never mixes two mappings and never grants more than the mapping's permissions
//      (C3).
//   Store.2 after map() returns, translate() on any thread that synchronised with it finds it (C2).
//   Store.3 after unmap() returns kDone, no translate() that begins later finds the range.
//   Store.4 unmap() that would split a mapping removes nothing (D33); map() that overlaps changes
//      nothing (D25).
//   Store.5 what unmap() unlinks is reused only after a grace period (C6); reclaim() frees what has
//      passed.
//   Store.6 the engine never waits: try_begin_update() returns false when a store with locked readers is
//      being read, and the caller tries again at its next poll. Lock-free stores return true
//      always.
//   Store.7 a call's time is bounded: unmap() does at most `max_mappings` removals and then returns
//      kMore.
//   Store.8 any_mapped() and has_garbage() are the engine's and take no lock: it is the only writer, so it
//      may look while readers are inside. Both are O(log n).
// Limits: memory is charged to a MemoryBudget; what does not fit is kNoMemory and changes nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "engine/base/memory_budget.hpp"
#include "engine/base/quiescence.hpp"
#include "engine/base/types.hpp"

namespace violet {

// The answer of a lookup: every address of `extent` translates to phys + (address - extent.first)
// with the same permissions and belongs to the same mapping. `extent` contains the address asked
// for and may be smaller than the mapping, but is at least one granule.
struct Translation {
  IovaRange extent;
  GuestPhys phys;
  Permissions permissions;

  constexpr GuestPhys at(Iova iova) const {
    return {phys.value + (iova.value - extent.first.value)};
  }
};

enum class MapStatus { kOk, kOverlap, kNoMemory };
enum class UnmapStatus { kDone, kMore, kWouldSplit };

// Where a sliced unmap() continues; value-initialise it for a new request. Between kMore and the
// next call with the same cursor no other update of the store may happen.
struct UnmapCursor {
  bool started = false;
  Iova next{};
  std::uint64_t removed = 0;  // Mappings removed so far.
};

struct StoreConfig {
  unsigned granule_shift = kGranuleShift4K;             // >= 12; map() ranges are aligned to it.
  IovaRange input_range = IovaRange::all();             // map() is called only inside it.
  std::uint64_t max_mappings = std::uint64_t{1} << 20;  // More answers kNoMemory.
};

class DomainStore {
 public:
  virtual ~DomainStore() = default;

  virtual bool try_begin_update() = 0;
  virtual void end_update() = 0;
  // Precondition: range and phys are aligned to the granule and inside input_range.
  virtual MapStatus map(const Mapping& mapping) = 0;
  virtual UnmapStatus unmap(IovaRange range, UnmapCursor& cursor, std::uint32_t max_mappings) = 0;
  // Frees memory whose grace period has passed, at most `max_pieces`; true when none is left.
  virtual bool reclaim(std::uint32_t max_pieces) = 0;

  // Does a mapping meet the range, aligned or not? The engine's, at any time (Store.8).
  virtual bool any_mapped(IovaRange range) const = 0;
  // Is there anything for reclaim() to free, now or later? The engine's, at any time (Store.8).
  virtual bool has_garbage() const = 0;
  virtual std::uint64_t mapping_count() const = 0;
  // Everything the store holds, nodes awaiting reclaim included, as charged to the budget.
  virtual std::size_t resident_bytes() const = 0;

  virtual std::optional<Translation> translate(Iova iova) const = 0;
  // A hint: fetches the cache lines that a map() or unmap() of this granule will miss. An engine that
  // calls it for a burst of requests before it executes them waits for memory once, not once a
  // request. Any thread that is online, or the engine.
  virtual void prefetch(Iova /*iova*/) const {}
};

// The most that the object of a store takes, beside what resident_bytes() says.
inline constexpr std::size_t kStoreObjectBytes = 256;

// Makes the store of one domain: that of a registered kind (stores.hpp), or a test's own.
using StoreFactory = std::function<std::unique_ptr<DomainStore>(
    const StoreConfig& config, Quiescence& quiescence, MemoryBudget& budget)>;

}  // namespace violet
