// The contract of an IOTLB with its invalidation protocol. One object serves a device: the engine
// invalidates, every endpoint lcore reads through a Reader of its own.
//
// The use, by the reader, inside one online section (quiescence.hpp):
//     if (auto hit = iotlb.lookup(reader, tag, iova)) use it;          // wait-free (C4)
//     auto ticket = iotlb.begin_fill(reader, tag, iova);               // before reading the store
//     auto translation = store.translate(iova);
//     if (translation) iotlb.fill(reader, ticket, tag, iova, *translation);
//     ... between bursts: iotlb.quiescent(reader)                      // acknowledges invalidations
//
// Threading: invalidate*(), completed() belong to the engine thread; everything that takes a Reader
// to the thread that owns that reader. add_reader() happens before either runs.
// Invariants:
//   I1 once an invalidation is completed(), no lookup() that begins later returns anything of its range,
//      and no fill() whose begin_fill() came before the invalidation makes it findable again.
//      The engine removes the range from the store first, then invalidates, then opens the grace
//      period, and completes the request when both the grace period has passed and completed() is true.
//   I2 lookup() is wait-free and never returns a mix of two fills (C3).
//      kWaitFreeHits is false for the locked baseline alone, which is there to be compared with.
//   I3 invalidate*() is bounded and never waits for a reader (C5).
//   I4 an offline reader acknowledges nothing, and is not waited for: completed() may be true while
//      its private entries are still in memory, but its next lookup() must not return them.
//   I5 a ticket is used in the online section that took it.
// Limits: fixed size, allocated at construction; a fill may be refused and is then only slower.
//   An entry covers one granule, or an aligned 2 MiB where the translation's extent covers that much.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/base/quiescence.hpp"
#include "engine/base/types.hpp"
#include "engine/store/domain_store.hpp"

namespace violet {

struct IotlbConfig {
  std::size_t entries =
      65536;          // Per reader for private caches, in all for shared ones; power of two.
  unsigned ways = 4;  // Associativity; power of two, at most 16.
  enum class Replacement : std::uint8_t { kRoundRobin, kRandom, kLru };
  Replacement replacement = Replacement::kRoundRobin;
  // kDense: the low page bits choose the set; fits IOVAs that Linux hands out densely.
  // kMixed: a multiplicative hash; for IOVAs at power-of-two strides.
  enum class Indexing : std::uint8_t { kDense, kMixed };
  Indexing indexing = Indexing::kDense;
  unsigned granule_shift = kGranuleShift4K;
  std::size_t max_readers = 64;
};

// A hit: where the address lies and what is allowed, from one fill. `bytes_left` is how many bytes
// from the address on are covered by the entry (at least 1).
struct IotlbHit {
  GuestPhys phys;
  Permissions permissions;
  std::uint64_t bytes_left;
};

// Owner-written by the reader's thread; read by the recorder with relaxed loads.
struct IotlbReaderStats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t fills = 0;
  std::uint64_t refused_fills = 0;
};

using InvalidationToken = std::uint64_t;

// clang-format off: version 14 breaks the line before noexcept in a requirement.
template <class I>
concept Iotlb = requires(I iotlb, typename I::Reader& reader, typename I::Burst& burst,
                         const typename I::FillTicket& ticket, DomainTag tag, Iova iova,
                         IovaRange range, const Translation& translation, InvalidationToken token,
                         const IotlbConfig& config, ReaderId id, Quiescence& quiescence) {
  requires std::constructible_from<I, const IotlbConfig&, Quiescence&>;
  { I::kName } -> std::convertible_to<const char*>;
  { I::kWaitFreeHits } -> std::convertible_to<bool>;
  // The reader's private part, stable in memory. Error when max_readers is reached.
  { iotlb.add_reader(id) } -> std::same_as<Result<typename I::Reader*>>;
  // A hint for bursts: brings the entry that lookup() will probe first towards the core.
  { iotlb.prefetch(reader, tag, iova) }
  noexcept;
  // Several lookups of one domain: what is common to them is checked and loaded once. As if all of
  // them began at burst(); it lives within one online section, and no fill() happens while it lives.
  { iotlb.burst(reader, tag) }
  noexcept->std::same_as<typename I::Burst>;
  { burst.lookup(iova) }
  noexcept->std::same_as<std::optional<IotlbHit>>;
  // lookup() at the place tried first, without a call and uncounted: the caller tells count_hits() later.
  // Nothing means "ask lookup()".
  { burst.lookup_home(iova) }
  noexcept->std::same_as<std::optional<IotlbHit>>;
  { burst.count_hits(std::uint64_t{}) }
  noexcept;
  { iotlb.lookup(reader, tag, iova) }
  noexcept->std::same_as<std::optional<IotlbHit>>;
  { iotlb.begin_fill(reader, tag, iova) }
  noexcept->std::same_as<typename I::FillTicket>;
  { iotlb.fill(reader, ticket, tag, iova, translation) }
  noexcept;
  { iotlb.quiescent(reader) }
  noexcept;
  { iotlb.stats(reader) } -> std::same_as<IotlbReaderStats>;
  // Invalidates [range] of the domain; invalidate_domain() all of it (DETACH of the last endpoint).
  { iotlb.invalidate(tag, range) } -> std::same_as<InvalidationToken>;
  { iotlb.invalidate_domain(tag) } -> std::same_as<InvalidationToken>;
  { iotlb.completed(token) } -> std::same_as<bool>;
  // The reader that `completed` still waits for, if it is one.
  { iotlb.laggard(token) } -> std::same_as<std::optional<ReaderId>>;
  { iotlb.resident_bytes() } -> std::same_as<std::size_t>;
};
// clang-format on

}  // namespace violet
