// The IOTLB shared-versioned keeps one table for all readers, with a sequence number in every
// entry; what one endpoint walked, the others hit. Small invalidations name their entries, large
// ones bump the generation of the domain.
//
// Threading: as iotlb.hpp. The table: versioned_table.hpp. Generations: written by the engine, read by all.
//
// Memory order. A small invalidate() removes region by region (Versioned.2). A large one, and a small one that met an
// entry that was being written (Versioned.3), bumps the domain's counter, with the argument of
// generation_iotlb.hpp: an entry carries the generation of its ticket, and a ticket older than the
// bump can match no later lookup. So the engine never waits, and completed() is true at once.
// Wrap-around: sequences and versions are 64 bits. Entries carry 44 bits of the generation: an entry
// would have to outlive 2^44 bumps of its counter. It cannot: every bump also scrubs one set of each
// array, so 2^44 bumps visit every set many times (2^28 times with 65,536 sets), and an entry
// of another generation is emptied at the first visit that does not find it being written, that is, replaced.
// Limits: 32 bytes an entry; fills of one set from several cores may refuse each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/iotlb/domain_generations.hpp"
#include "engine/iotlb/iotlb.hpp"
#include "engine/iotlb/private_cache.hpp"
#include "engine/iotlb/reader_table.hpp"
#include "engine/iotlb/versioned_table.hpp"

namespace violet {

class SharedVersionedIotlb : public IotlbControl {
 public:
  static constexpr IotlbDesign kDesign = IotlbDesign::kSharedVersioned;
  static constexpr std::uint64_t kMaxRemovals = 64;  // Granules; beyond, the generation is bumped.

  struct alignas(kCacheLine) Reader final : IotlbReader {
    Reader(const IotlbConfig& /*config*/, ReaderId id) : rng(id.value) {}
    IotlbReaderStats stats() const override { return counters.read(); }
    ReaderCounters counters;
    Rng rng;
  };
  struct FillTicket {
    std::uint64_t generation;
    std::uint64_t page_version;
    std::uint64_t large_version;
  };

  SharedVersionedIotlb(const IotlbConfig& config, Quiescence& /*quiescence*/)
      : config_(config),
        readers_(config.max_readers),
        pages_(page_geometry(config), config.replacement),
        large_(large_geometry(config), config.replacement),
        has_large_(config.granule_shift < kLargeShift) {}

  IotlbDesign design() const override { return kDesign; }
  Result<IotlbReader*> add_reader(ReaderId id) override { return readers_.add(config_, id); }

  // Lookups of one domain at one generation; hits are counted at the end. No fill() while it lives.
  class Burst {
   public:
    [[gnu::always_inline]] Burst(SharedVersionedIotlb& iotlb, Reader& reader, DomainTag tag,
                                 std::uint64_t now)
        : iotlb_(iotlb), reader_(reader), tag_(tag), now_(now), home_(iotlb.pages_, tag, now) {}
    [[gnu::always_inline]] ~Burst() { reader_.counters.hits.add(hits_); }
    Burst(const Burst&) = delete;
    Burst& operator=(const Burst&) = delete;

    [[gnu::always_inline]] std::optional<IotlbHit> lookup_home(Iova iova) const noexcept {
      Found found;
      if (!home_.find(iova, found)) [[unlikely]]
        return std::nullopt;
      return to_hit(iova, found);
    }
    void count_hits(std::uint64_t hits) noexcept { hits_ += hits; }

    [[gnu::always_inline]] std::optional<IotlbHit> lookup(Iova iova) noexcept {
      Found found;
      if (home_.find(iova, found)) [[likely]] {
        ++hits_;
      } else {
        found = iotlb_.lookup_elsewhere(reader_, tag_, iova, now_);
        if (!found) return std::nullopt;
      }
      return to_hit(iova, found);  // One return of a value: it stays in registers.
    }

   private:
    SharedVersionedIotlb& iotlb_;
    Reader& reader_;
    DomainTag tag_;
    std::uint64_t now_;
    VersionedTable::HomeView home_;
    std::uint64_t hits_ = 0;
  };

  [[gnu::always_inline]] Burst burst(Reader& reader, DomainTag tag) noexcept {
    return Burst(*this, reader, tag, generation(tag));
  }
  [[gnu::always_inline]] std::optional<IotlbHit> lookup(Reader& reader, DomainTag tag,
                                                        Iova iova) noexcept {
    return burst(reader, tag).lookup(iova);
  }

  FillTicket begin_fill(Reader& /*reader*/, DomainTag tag, Iova iova) noexcept {
    return {generation(tag), pages_.version(tag, iova), large_.version(tag, iova)};
  }
  void fill(Reader& reader, const FillTicket& ticket, DomainTag tag, Iova iova,
            const Translation& translation) noexcept {
    if (store(reader, ticket, tag, iova, translation)) {
      reader.counters.fills.add();
    } else {
      reader.counters.refused_fills.add();
    }
  }
  void quiescent(Reader& /*reader*/) noexcept {}

  InvalidationToken invalidate(DomainTag tag, IovaRange range) override {
    if (!remove(tag, range)) bump(tag);
    return ++tokens_;
  }
  InvalidationToken invalidate_domain(DomainTag tag) override {
    bump(tag);
    return ++tokens_;
  }
  // What invalidate() did was all there is to do.
  bool completed(InvalidationToken /*token*/) override { return true; }
  std::optional<ReaderId> laggard(InvalidationToken /*token*/) override { return std::nullopt; }

  std::size_t resident_bytes() const override {
    return sizeof(*this) + pages_.bytes() + large_.bytes() + readers_.size() * sizeof(Reader);
  }

 private:
  [[gnu::always_inline]] std::uint64_t generation(DomainTag tag) const noexcept {
    return generations_.of(tag).value.load(std::memory_order_acquire);  // partner: bump()
  }

  // Returned in registers, so that the caller's fast path keeps its result out of memory.
  [[gnu::noinline]] Found lookup_elsewhere(Reader& reader, DomainTag tag, Iova iova,
                                           std::uint64_t now) noexcept {
    Found found = pages_.find(tag, iova, now);
    if (!found && has_large_) found = large_.find(tag, iova, now);
    (found ? reader.counters.hits : reader.counters.misses).add();
    return found;
  }

  bool store(Reader& reader, const FillTicket& ticket, DomainTag tag, Iova iova,
             const Translation& translation) noexcept {
    // Only spares dead entries, as in generation_iotlb.hpp.
    if (generation(tag) != ticket.generation) return false;
    if (has_large_) {
      if (const auto data = large_.geometry().pack(iova, translation)) {
        return large_.store(large_.name(tag, iova, ticket.generation), tag, iova, *data,
                            ticket.large_version, reader.rng);
      }
    }
    const auto data = pages_.geometry().pack(iova, translation);
    return data && pages_.store(pages_.name(tag, iova, ticket.generation), tag, iova, *data,
                                ticket.page_version, reader.rng);
  }

  // False when the range is large or an entry was being written.
  bool remove(DomainTag tag, IovaRange range) {
    if (pages_.geometry().regions_minus_one(range) >= kMaxRemovals) return false;
    bool done = true;
    pages_.geometry().for_each_region(range, [&](Iova at) { done &= pages_.remove(tag, at); });
    if (has_large_) {
      large_.geometry().for_each_region(range, [&](Iova at) { done &= large_.remove(tag, at); });
    }
    return done;
  }

  void bump(DomainTag tag) {
    // seq_cst, partner: generation()'s acquire.
    generations_.of(tag).value.fetch_add(1, std::memory_order_seq_cst);
    scrub(pages_);
    scrub(large_);
  }
  void scrub(VersionedTable& table) {
    table.scrub([&](const VersionedTable::Name& held) {
      return held != VersionedTable::renamed(held, generation(VersionedTable::owner(held)));
    });
  }

  IotlbConfig config_;
  ReaderTable<Reader> readers_;
  VersionedTable pages_;
  VersionedTable large_;
  bool has_large_;
  DomainGenerations generations_;
  InvalidationToken tokens_ = 0;
};

}  // namespace violet
