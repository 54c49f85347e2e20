// A private cache holds one reader's translations: contexts, the array of granules, the array of 2
// MiB regions, and the reader's counters. The designs with private arrays differ only in the
// generation they pass in.
//
// Threading: owner-only; stats() from any thread.
// Invariants: lookup(tag, generation, ...) returns only what was filled under exactly that tag and
// generation since the last drop of it.
// Limits: 16 bytes an entry, kContexts domains at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/iotlb/context_table.hpp"
#include "engine/iotlb/page_array.hpp"
#include "engine/telemetry/counter.hpp"

namespace violet {

// The counters of a reader, one writer.
struct ReaderCounters {
  Counter hits;
  Counter misses;
  Counter fills;
  Counter refused_fills;

  IotlbReaderStats read() const {
    return {hits.value(), misses.value(), fills.value(), refused_fills.value()};
  }
};

class PrivateCache {
 public:
  PrivateCache(const IotlbConfig& config, std::uint64_t seed)
      : pages_(page_geometry(config), config.replacement),
        large_(large_geometry(config), config.replacement),
        has_large_(config.granule_shift < kLargeShift),
        rng_(seed) {}

  // Lookups of one domain at one generation. What they need stays in registers, hits are counted at
  // the end. No fill() or drop() while it lives.
  class Burst {
   public:
    [[gnu::always_inline]] Burst(PrivateCache& cache, DomainTag tag, std::uint64_t generation)
        : cache_(cache),
          entries_(reinterpret_cast<const std::byte*>(cache.pages_.entries())),
          home_(cache.pages_.geometry().home(tag, cache.id_for_home(tag, generation))),
          byte_mask_(home_.slot_mask * sizeof(PageArray::Entry)),
          tag_(tag),
          generation_(generation) {}
    [[gnu::always_inline]] ~Burst() { cache_.counters_.hits.add(hits_); }
    Burst(const Burst&) = delete;
    Burst& operator=(const Burst&) = delete;

    [[gnu::always_inline]] std::optional<IotlbHit> lookup_home(Iova iova) const noexcept {
      const std::uint64_t key = home_.key(iova);
      const auto& entry = *at_home(key);
      if (entry.key != key) [[unlikely]]
        return std::nullopt;
      return to_hit(iova, {entry.data, home_.region_bytes()});
    }
    void count_hits(std::uint64_t hits) noexcept { hits_ += hits; }

    [[gnu::always_inline]] std::optional<IotlbHit> lookup(Iova iova) noexcept {
      const std::uint64_t key = home_.key(iova);
      const auto& entry = *at_home(key);
      Found found{entry.data, home_.region_bytes()};
      if (entry.key == key) [[likely]] {
        ++hits_;
      } else {
        found = cache_.lookup_elsewhere(tag_, generation_, iova);
        if (!found) return std::nullopt;
      }
      return to_hit(iova, found);  // One return of a value: it stays in registers.
    }

   private:
    // entries_[home_.slot(key)] with the mask in bytes: an instruction less.
    [[gnu::always_inline]] const PageArray::Entry* at_home(std::uint64_t key) const {
      return reinterpret_cast<const PageArray::Entry*>(
          entries_ + (key * sizeof(PageArray::Entry) & byte_mask_));
    }

    PrivateCache& cache_;
    const std::byte* entries_;
    Geometry::Home home_;
    std::uint64_t byte_mask_;
    DomainTag tag_;
    std::uint64_t generation_;
    std::uint64_t hits_ = 0;
  };

  // Caches what one entry can hold of the translation, as true at `generation`.
  void fill(DomainTag tag, std::uint64_t generation, Iova iova,
            const Translation& translation) noexcept {
    const auto large = has_large_ ? large_.geometry().pack(iova, translation) : std::nullopt;
    const auto data = large ? large : pages_.geometry().pack(iova, translation);
    if (!data) return refuse();
    const std::uint32_t context = context_for(tag, generation);
    const auto live = [this](std::uint32_t id) { return contexts_.live(id); };
    (large ? large_ : pages_).insert(tag, iova, context, *data, rng_, live);
    counters_.fills.add();
  }
  void refuse() noexcept { counters_.refused_fills.add(); }

  // How many probes drop() would need, minus one.
  std::uint64_t drop_cost(IovaRange range) const {
    return pages_.geometry().regions_minus_one(range);
  }
  // Forgets every entry of `tag` that touches `range`, one probe a region.
  void drop(DomainTag tag, IovaRange range) noexcept {
    const auto& context = contexts_.of(tag);
    if (context.tag != tag || context.id == ContextTable::kFree) return;
    pages_.geometry().for_each_region(range, [&](Iova at) { pages_.erase(tag, at, context.id); });
    if (!has_large_) return;
    large_.geometry().for_each_region(range, [&](Iova at) { large_.erase(tag, at, context.id); });
  }
  void drop_domain(DomainTag tag) noexcept { contexts_.drop(tag); }

  bool current(DomainTag tag, std::uint64_t generation) const noexcept {
    return contexts_.of(tag).is(tag, generation);
  }
  // The generation under which something of `tag` may be cached.
  std::optional<std::uint64_t> generation_of(DomainTag tag) const noexcept {
    const auto& context = contexts_.of(tag);
    if (context.tag != tag || context.id == ContextTable::kFree) return std::nullopt;
    return context.generation;
  }
  // What is cached of `tag` is true at `generation` too: the caller dropped what is not.
  void advance(DomainTag tag, std::uint64_t generation) noexcept {
    contexts_.advance(tag, generation);
  }

  IotlbReaderStats stats() const { return counters_.read(); }
  std::size_t bytes() const { return sizeof(*this) + pages_.bytes() + large_.bytes(); }

 private:
  // The id that the home way must carry, or one that no way carries when the domain has nothing current
  // or the shape of the array needs more than a look at the home way.
  [[gnu::always_inline]] std::uint32_t id_for_home(DomainTag tag,
                                                   std::uint64_t generation) const noexcept {
    const auto& context = contexts_.of(tag);
    return context.is(tag, generation) && pages_.plain() ? context.id : ContextTable::kNever;
  }

  // Returned in registers, so that the caller's fast path keeps its result out of memory.
  [[gnu::noinline]] Found lookup_elsewhere(DomainTag tag, std::uint64_t generation,
                                           Iova iova) noexcept {
    const auto& context = contexts_.of(tag);
    Found found;
    if (context.is(tag, generation)) found = pages_.find(tag, iova, context.id);
    if (!found && has_large_ && context.is(tag, generation)) {
      found = large_.find(tag, iova, context.id);
    }
    (found ? counters_.hits : counters_.misses).add();
    return found;
  }

  std::uint32_t context_for(DomainTag tag, std::uint64_t generation) noexcept {
    const auto& context = contexts_.of(tag);
    if (context.is(tag, generation)) return context.id;
    const std::uint32_t id = contexts_.renew(tag, generation).id;
    const auto live = [this](std::uint32_t other) { return contexts_.live(other); };
    pages_.sweep(share(pages_), live);
    large_.sweep(share(large_), live);
    return id;
  }
  // Context.2: what one renewal must sweep.
  static std::size_t share(const PageArray& array) {
    return (array.geometry().entries() + ContextTable::kMinRetired - 1) / ContextTable::kMinRetired;
  }

  PageArray pages_;
  PageArray large_;
  bool has_large_;
  ReaderCounters counters_;
  Rng rng_;
  ContextTable contexts_;
};

}  // namespace violet
