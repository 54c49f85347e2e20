// The IOTLB generation-ranges keeps a counter for each domain, as generation-domain does, whose
// cache line also names the ranges of the last few invalidations. A reader that is a few behind
// drops just those pages and goes on with the rest; one that is further behind, or meets a large
// range, loses the domain.
//
// The engine's cost is that of generation-domain, one line written, and nothing waits for a reader to
// acknowledge; the reader's is the line that it reads anyway, and a probe a page.
//
// Threading: as iotlb.hpp. The lines are written by the engine and read by all.
// Invariants: Ranges.1 under a context of generation g there is no entry that an invalidation up to g names: each
// was dropped when the context went past it. Ranges.2 a context goes forward only.
//
// Memory order. invalidate() stores the range of generation n into slot n % kSlots with release and then bumps
// the counter to n with seq_cst. The hit and the grace period: as in generation_iotlb.hpp, a lookup works
// under the value of the counter that it loaded.
//   Untorn ranges: a reader that loaded `now` (acquire) sees the slots up to `now`, unless the engine
//     has used one again: slot n is written anew for n + kSlots, after the counter was n + kSlots - 1. Had a
//     load with acquire returned that, the second load of the counter would see at least n + kSlots - 1, and the
//     reader gives up.
//   Stale fill: the ticket carries the value loaded before the store was read. fill() refuses when the
//     counter has moved since; if it moves later, that invalidation is in the line, and the next lookup drops
//     the entry (Ranges.1) or loses the domain.
//   Two tags that share a counter drop each other's ranges too: more is lost than must be, never less.
// Wrap-around: 64-bit counters. Context ids: Context.2.
// Limits: kSlots - 1 invalidations between two looks of a reader, kMaxPages granules each.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/iotlb/iotlb.hpp"
#include "engine/iotlb/private_cache.hpp"
#include "engine/iotlb/reader_table.hpp"

namespace violet {

class GenerationRangesIotlb : public IotlbControl {
 public:
  static constexpr IotlbDesign kDesign = IotlbDesign::kGenerationRanges;
  static constexpr std::size_t kSlots = 7;
  static constexpr std::uint64_t kMaxPages = 64;

  struct alignas(kCacheLine) Reader final : IotlbReader {
    Reader(const IotlbConfig& config, ReaderId id) : cache(config, id.value) {}
    IotlbReaderStats stats() const override { return cache.stats(); }
    alignas(kCacheLine) PrivateCache cache;
  };
  struct FillTicket {
    std::uint64_t generation;
  };

  GenerationRangesIotlb(const IotlbConfig& config, Quiescence& /*quiescence*/)
      : config_(config), geometry_(page_geometry(config)), readers_(config.max_readers) {}

  IotlbDesign design() const override { return kDesign; }
  Result<IotlbReader*> add_reader(ReaderId id) override { return readers_.add(config_, id); }

  using Burst = PrivateCache::Burst;
  [[gnu::always_inline]] Burst burst(Reader& reader, DomainTag tag) noexcept {
    const std::uint64_t now = generation(tag);
    if (!reader.cache.current(tag, now)) [[unlikely]]
      catch_up(reader, tag, now);
    return Burst(reader.cache, tag, now);
  }
  [[gnu::always_inline]] std::optional<IotlbHit> lookup(Reader& reader, DomainTag tag,
                                                        Iova iova) noexcept {
    return burst(reader, tag).lookup(iova);
  }

  FillTicket begin_fill(Reader& /*reader*/, DomainTag tag, Iova /*iova*/) noexcept {
    return {generation(tag)};
  }
  void fill(Reader& reader, const FillTicket& ticket, DomainTag tag, Iova iova,
            const Translation& translation) noexcept {
    if (generation(tag) != ticket.generation) return reader.cache.refuse();
    if (!reader.cache.current(tag, ticket.generation)) catch_up(reader, tag, ticket.generation);
    reader.cache.fill(tag, ticket.generation, iova, translation);
  }
  void quiescent(Reader& /*reader*/) noexcept {}

  InvalidationToken invalidate(DomainTag tag, IovaRange range) override {
    const std::uint64_t more = geometry_.regions_minus_one(range);
    return post(tag, more < kMaxPages ? geometry_.page(range.first) << kCountBits | (more + 1)
                                      : kEverything);
  }
  InvalidationToken invalidate_domain(DomainTag tag) override { return post(tag, kEverything); }
  // What invalidate() did was all there is to do: nobody is waited for.
  bool completed(InvalidationToken /*token*/) override { return true; }
  std::optional<ReaderId> laggard(InvalidationToken /*token*/) override { return std::nullopt; }

  std::size_t resident_bytes() const override {
    std::size_t bytes = sizeof(*this);
    for (const auto& reader : readers_) bytes += reader->cache.bytes();
    return bytes;
  }

 private:
  // A slot: the first page and how many there are, which 12 bits hold.
  static constexpr unsigned kCountBits = kGranuleShift4K;
  static constexpr std::uint64_t kEverything = 0;
  static constexpr std::size_t kLines = 1024;

  struct alignas(kCacheLine) Line {
    std::atomic<std::uint64_t> generation{1};
    std::array<std::atomic<std::uint64_t>, kSlots> slots{};
  };
  static_assert(sizeof(Line) == kCacheLine);

  // Tags are handed out in sequence: the low bits spread the youngest kLines perfectly.
  Line& line(DomainTag tag) { return lines_[tag.value % kLines]; }
  const Line& line(DomainTag tag) const { return lines_[tag.value % kLines]; }

  [[gnu::always_inline]] std::uint64_t generation(DomainTag tag) const noexcept {
    return line(tag).generation.load(std::memory_order_acquire);  // partner: post()
  }

  InvalidationToken post(DomainTag tag, std::uint64_t slot) {
    Line& at = line(tag);
    const std::uint64_t next = at.generation.load(std::memory_order_relaxed) + 1;
    at.slots[next % kSlots].store(slot, std::memory_order_release);  // partner: catch_up()
    at.generation.fetch_add(1, std::memory_order_seq_cst);           // partner: generation()
    return next;
  }

  // Brings what the reader has of the domain forward to generation `now`, or leaves it behind, dead.
  [[gnu::noinline]] void catch_up(Reader& reader, DomainTag tag, std::uint64_t now) noexcept {
    const auto known = reader.cache.generation_of(tag);
    if (!known || now - *known >= kSlots) return;
    const Line& at = line(tag);
    std::array<std::uint64_t, kSlots> missed;
    const std::size_t count = now - *known;
    for (std::size_t i = 0; i < count; ++i) {
      // acquire, partner: post() of this slot and of whatever overwrites it.
      missed[i] = at.slots[(*known + 1 + i) % kSlots].load(std::memory_order_acquire);
      if (missed[i] == kEverything) return;
    }
    if (at.generation.load(std::memory_order_acquire) - *known >= kSlots) return;
    for (std::size_t i = 0; i < count; ++i) reader.cache.drop(tag, range_of(missed[i]));
    reader.cache.advance(tag, now);
  }

  IovaRange range_of(std::uint64_t slot) const {
    const std::uint64_t bytes = geometry_.region_bytes();
    const std::uint64_t first = (slot >> kCountBits) * bytes;
    const std::uint64_t count = slot & ((std::uint64_t{1} << kCountBits) - 1);
    return {{first}, {first + (count * bytes - 1)}};
  }

  IotlbConfig config_;
  Geometry geometry_;
  ReaderTable<Reader> readers_;
  std::array<Line, kLines> lines_;
};

}  // namespace violet
