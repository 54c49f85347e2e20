// The contract of a domain store: the mappings of one domain, written by the engine and read by
// every endpoint that misses its IOTLB.
//
// Threading: map(), unmap(), reclaim() and the destructor belong to the engine thread, between
// try_begin_update() and end_update(). translate() may be called by any reader that is online
// (quiescence.hpp), concurrently with an update.
// Invariants:
//   S1 translate() never mixes two mappings and never grants more than the mapping's permissions
//      (C3).
//   S2 after map() returns, translate() on any thread that synchronised with it finds it (C2).
//   S3 after unmap() returns kDone, no translate() that begins later finds the range.
//   S4 unmap() that would split a mapping removes nothing (D33); map() that overlaps changes
//      nothing (D25).
//   S5 what unmap() unlinks is reused only after a grace period (C6); reclaim() frees what has
//      passed.
//   S6 the engine never waits: try_begin_update() returns false when a store with locked readers is
//      being read, and the caller tries again at its next poll. Lock-free stores return true
//      always.
//   S7 a call's time is bounded: unmap() does at most `max_mappings` removals and then returns
//      kMore.
//   S8 any_mapped() and has_garbage() are the engine's and take no lock: it is the only writer, so it
//      may look while readers are inside. Both are O(log n).
// Limits: memory is charged to a MemoryBudget; what does not fit is kNoMemory and changes nothing.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/base/memory_budget.hpp"
#include "engine/base/quiescence.hpp"
#include "engine/base/types.hpp"

namespace violet {

// What one MAP request created.
struct Mapping {
  IovaRange range;
  GuestPhys phys;
  Permissions permissions;
  bool operator==(const Mapping&) const = default;
};

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

template <class S>
concept DomainStore = requires(S store, const S const_store, const Mapping& mapping,
                               IovaRange range, UnmapCursor& cursor, Iova iova,
                               std::uint32_t max_mappings, const StoreConfig& config,
                               Quiescence& quiescence, MemoryBudget& budget) {
  requires std::constructible_from<S, const StoreConfig&, Quiescence&, MemoryBudget&>;
  { S::kName } -> std::convertible_to<const char*>;
  { S::kLockFreeReaders } -> std::convertible_to<bool>;
  { store.try_begin_update() } -> std::same_as<bool>;
  {store.end_update()};
  // Precondition: range and phys are aligned to the granule and inside input_range.
  { store.map(mapping) } -> std::same_as<MapStatus>;
  { store.unmap(range, cursor, max_mappings) } -> std::same_as<UnmapStatus>;
  // Frees memory whose grace period has passed, at most `max_mappings` pieces; true when none is
  // left.
  { store.reclaim(max_mappings) } -> std::same_as<bool>;
  // Does a mapping meet the range, aligned or not? The engine's, at any time (S8).
  { const_store.any_mapped(range) } -> std::same_as<bool>;
  // Is there anything for reclaim() to free, now or later? The engine's, at any time (S8).
  { const_store.has_garbage() } -> std::same_as<bool>;
  { const_store.translate(iova) } -> std::same_as<std::optional<Translation>>;
  { const_store.mapping_count() } -> std::same_as<std::uint64_t>;
  // Everything the store holds, nodes awaiting reclaim included, as charged to the budget.
  { const_store.resident_bytes() } -> std::same_as<std::size_t>;
};

}  // namespace violet
