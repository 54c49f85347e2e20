// An IOTLB caches translations for endpoint lcores and forgets them by a protocol. One object serves a
// device: the engine invalidates through IotlbControl, every endpoint lcore reads through a Reader of its
// own, by calls that the compiler sees (IotlbCache).
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
//   Iotlb.1 once an invalidation is completed(), no lookup() that begins later returns anything of its range,
//      and no fill() whose begin_fill() came before the invalidation makes it findable again.
//      The engine removes the range from the store first, then invalidates, then opens the grace
//      period, and completes the request when both the grace period has passed and completed() is true.
//   Iotlb.2 lookup() is wait-free and never returns a mix of two fills (C3).
//      IotlbInfo::wait_free_hits is false for the locked baseline alone, which is there to be compared with.
//   Iotlb.3 invalidate*() is bounded and never waits for a reader (C5).
//   Iotlb.4 an offline reader acknowledges nothing, and is not waited for: completed() may be true while
//      its private entries are still in memory, but its next lookup() must not return them.
//   Iotlb.5 a ticket is used in the online section that took it.
// Limits: fixed size, allocated at construction; a fill may be refused and is then only slower.
//   An entry covers one granule, or an aligned 2 MiB where the translation's extent covers that much.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/base/check.hpp"
#include "engine/base/quiescence.hpp"
#include "engine/base/result.hpp"
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

// What a design keeps of one reader.
class IotlbReader {
 public:
  virtual ~IotlbReader() = default;
  virtual IotlbReaderStats stats() const = 0;  // From any thread.
};

// One for each design: what its type is, where the type matters (designs.hpp).
enum class IotlbDesign : std::uint8_t {
  kLocked,
  kGenerationDevice,
  kGenerationDomain,
  kGenerationRanges,
  kTargetedAck,
  kSharedVersioned,
};

// The engine's half: the same calls for every design.
class IotlbControl {
 public:
  virtual ~IotlbControl() = default;
  virtual IotlbDesign design() const = 0;
  // The reader's private part, stable in memory. Error when max_readers is reached.
  virtual Result<IotlbReader*> add_reader(ReaderId id) = 0;
  // Invalidates [range] of the domain; invalidate_domain() all of it (DETACH of the last endpoint).
  virtual InvalidationToken invalidate(DomainTag tag, IovaRange range) = 0;
  virtual InvalidationToken invalidate_domain(DomainTag tag) = 0;
  virtual bool completed(InvalidationToken token) = 0;
  // The reader that `completed` still waits for, if it is one.
  virtual std::optional<ReaderId> laggard(InvalidationToken token) = 0;
  virtual std::size_t resident_bytes() const = 0;
};

// clang-format off: version 14 breaks the line before noexcept in a requirement.

// Several lookups of one domain: what is common to them is checked and loaded once. As if all of
// them began at burst(); it lives within one online section, and no fill() happens while it lives.
template <class B>
concept IotlbBurst = requires(B& burst, Iova iova, std::uint64_t hits) {
  { burst.lookup(iova) }
  noexcept->std::same_as<std::optional<IotlbHit>>;
  // lookup() at the place tried first, without a call and uncounted: the caller tells count_hits() later.
  // Nothing means "ask lookup()".
  { burst.lookup_home(iova) }
  noexcept->std::same_as<std::optional<IotlbHit>>;
  { burst.count_hits(hits) }
  noexcept;
};

// The reader's half, inlined into its caller: a template's parameter, never a virtual call.
template <class I>
concept IotlbCache = std::derived_from<I, IotlbControl> &&
    std::derived_from<typename I::Reader, IotlbReader> && IotlbBurst<typename I::Burst> &&
    requires(I& iotlb, typename I::Reader& reader, const typename I::FillTicket& ticket,
             DomainTag tag, Iova iova, const Translation& translation) {
  { iotlb.burst(reader, tag) }
  noexcept->std::same_as<typename I::Burst>;
  { iotlb.lookup(reader, tag, iova) }
  noexcept->std::same_as<std::optional<IotlbHit>>;
  { iotlb.begin_fill(reader, tag, iova) }
  noexcept->std::same_as<typename I::FillTicket>;
  { iotlb.fill(reader, ticket, tag, iova, translation) }
  noexcept;
  { iotlb.quiescent(reader) }
  noexcept;
};
// clang-format on

// The IOTLB as the type that the caller knows it to have.
template <IotlbCache I>
I& design_cast(IotlbControl& iotlb) {
  VIOLET_CHECK(iotlb.design() == I::kDesign);
  return static_cast<I&>(iotlb);
}

}  // namespace violet
