// Domain and Endpoint record what is attached where; endpoint lcores read the published part without locks.
//
// Threading: the engine thread, except for the parts marked "readers".
// Invariants: a reader reaches a Domain only through Endpoint::attachment, inside an online section; the
// engine frees a Domain only after a grace period that began after the last such pointer was replaced.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/quiescence.hpp"
#include "engine/base/types.hpp"
#include "engine/protocol/properties.hpp"
#include "engine/store/domain_store.hpp"
#include "engine/store/radix_store.hpp"

namespace violet {

// The union of some ranges' extents; empty until something is added.
struct Hull {
  IovaRange range{{~std::uint64_t{0}}, {0}};

  void add(const IovaRange& more) {
    range.first = std::min(range.first, more.first);
    range.last = std::max(range.last, more.last);
  }
  bool overlaps(const IovaRange& other) const { return range.overlaps(other); }
  // One compare. Never false for an address inside; an empty hull answers true for two addresses.
  bool may_contain(Iova at) const {
    return at.value - range.first.value <= range.last.value - range.first.value;
  }
  void clear() { *this = Hull{}; }
};

// The reserved regions of every endpoint of a domain, equal ones once.
class RegionSet {
 public:
  using Region = protocol::ReservedRegion;

  bool contains(const Region& region) const {
    return std::any_of(counted_.begin(), counted_.end(),
                       [&](const Counted& c) { return c.region == region; });
  }
  bool overlaps(const IovaRange& range) const {
    return std::any_of(counted_.begin(), counted_.end(),
                       [&](const Counted& c) { return c.region.range.overlaps(range); });
  }
  // Would an address mean MSI to one endpoint and RESERVED to another?
  bool contradicts(const Region& region) const {
    return std::any_of(counted_.begin(), counted_.end(), [&](const Counted& c) {
      return c.region.kind != region.kind && c.region.range.overlaps(region.range);
    });
  }
  void add(const std::vector<Region>& regions) {
    for (const auto& region : regions) {
      const auto at = find(region);
      if (at == counted_.end()) {
        counted_.push_back({region, 1});
      } else {
        ++at->count;
      }
    }
  }
  void remove(const std::vector<Region>& regions) {
    for (const auto& region : regions) {
      const auto at = find(region);
      if (--at->count == 0) counted_.erase(at);
    }
  }

 private:
  struct Counted {
    Region region;
    std::uint32_t count;
  };
  std::vector<Counted>::iterator find(const Region& region) {
    return std::find_if(counted_.begin(), counted_.end(),
                        [&](const Counted& c) { return c.region == region; });
  }
  std::vector<Counted> counted_;
};

struct Domain {
  // Without a store it is a bypass domain.
  Domain(DomainId domain, DomainTag incarnation, std::unique_ptr<DomainStore> mappings)
      : tag(incarnation),
        bypass(mappings == nullptr),
        store(std::move(mappings)),
        radix(dynamic_cast<RadixStore*>(store.get())),
        id(domain) {}

  // What call(store) returns, with the default store under its own type. It is final, so a walk, a MAP and
  // an UNMAP call no function through a table: that was measured as 1.5 of a miss's 19 ns and 3 of a
  // request's 70 ns.
  template <class Call>
  [[gnu::always_inline]] auto with_store(Call&& call) const {
    return radix != nullptr ? call(*radix) : call(*store);
  }

  // Readers: constant while anyone can see it.
  const DomainTag tag;
  const bool bypass;
  const std::unique_ptr<DomainStore> store;  // None in a bypass domain.
  RadixStore* const radix;                   // The same, if it is one.

  // The engine's.
  alignas(kCacheLine) const DomainId id;
  std::size_t index = 0;  // In the device's list of all domains.
  std::uint32_t endpoints = 0;
  std::uint32_t invalidations_in_flight = 0;  // Parked UNMAPs.
  Hull invalidating;                          // What those cover.
  RegionSet reserved;
  bool slicing = false;      // An UNMAP is half done: nothing else may update the store.
  bool has_garbage = false;  // In the list of stores to reclaim.
  bool emptied = false;      // Dead, and nothing is mapped: goes with its last garbage.
  UnmapCursor teardown;      // How far the dismantling of a dead domain got.
  Domain* next_garbage = nullptr;
  Domain* next_retired = nullptr;
};

struct Endpoint {
  explicit Endpoint(EndpointId endpoint) : id(endpoint) {}

  // Readers.
  std::atomic<const Domain*> attachment{nullptr};
  Hull reserved;                                  // Of `regions`; immutable, like them.
  std::vector<protocol::ReservedRegion> regions;  // Sorted.
  const EndpointId id;

  // The engine's.
  std::string name;
  Domain* domain = nullptr;           // What `attachment` says.
  std::vector<std::byte> properties;  // The answer to PROBE, without the zeros that follow.
  std::uint32_t waiting = 0;          // Deferred requests that name it.
  std::uint64_t blocked_in = 0;       // The last retry scan that met one it could not run.
};

// A list through one of Domain's links, first in first out.
template <Domain* Domain::*Next>
class DomainFifo {
 public:
  bool empty() const { return head_ == nullptr; }
  Domain* front() const { return head_; }
  void push(Domain* domain) {
    domain->*Next = nullptr;
    (tail_ != nullptr ? tail_->*Next : head_) = domain;
    tail_ = domain;
  }
  Domain* pop() {
    Domain* domain = head_;
    head_ = domain->*Next;
    if (head_ == nullptr) tail_ = nullptr;
    return domain;
  }

 private:
  Domain* head_ = nullptr;
  Domain* tail_ = nullptr;
};

}  // namespace violet
