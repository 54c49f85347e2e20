// A generation IOTLB invalidates the entries of private arrays by counting up a generation: the
// base of generation_device.hpp and generation_domain.hpp. The policy says which counter a domain
// has.
//
// Threading: as iotlb.hpp. The counters are written by the engine and read by all.
//
// Memory order. The engine removes a range from the store and then bumps the counter with seq_cst (one
// locked add, so the bump is visible when invalidate() returns). A reader loads the counter with acquire
// at every lookup and in begin_fill().
//   Hit: an entry is found only under the counter's value at this lookup, and was filled under that
//     value. A lookup that reads the old value began before the bump reached it; the grace period that the engine
//     opens after the bump waits for that reader, and any section that begins later reads the
//     new value (quiescence.hpp).
//   Stale fill: the ticket carries the value that begin_fill() loaded before the store was read. If
//     the walk missed the removal, that load did not see the bump (seeing the bump means seeing the removal,
//     which came before it), so the ticket is older than the bump and its entry can never match.
// Wrap-around: 64-bit counters; at one bump a nanosecond they last 584 years. Context ids: Context.2.
// Limits: everything under the counter is lost with every invalidation.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/iotlb/iotlb.hpp"
#include "engine/iotlb/private_cache.hpp"
#include "engine/iotlb/reader_table.hpp"

namespace violet {

// Padded, so that a bump disturbs the readers of no other counter. Starts at 1.
struct alignas(kCacheLine) GenerationCounter {
  std::atomic<std::uint64_t> value{1};
};

template <class Generations>
class GenerationIotlb : public IotlbControl {
 public:
  static constexpr IotlbDesign kDesign = Generations::kDesign;

  struct alignas(kCacheLine) Reader final : IotlbReader {
    Reader(const IotlbConfig& config, ReaderId id) : cache(config, id.value) {}
    IotlbReaderStats stats() const override { return cache.stats(); }
    alignas(kCacheLine) PrivateCache cache;
  };
  struct FillTicket {
    std::uint64_t generation;
  };

  GenerationIotlb(const IotlbConfig& config, Quiescence& /*quiescence*/)
      : config_(config), readers_(config.max_readers) {}

  IotlbDesign design() const override { return kDesign; }
  Result<IotlbReader*> add_reader(ReaderId id) override { return readers_.add(config_, id); }

  using Burst = PrivateCache::Burst;
  [[gnu::always_inline]] Burst burst(Reader& reader, DomainTag tag) noexcept {
    return Burst(reader.cache, tag, generation(tag));
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
    // Only spares dead entries: a bump after this check kills the entry just the same.
    if (generation(tag) != ticket.generation) return reader.cache.refuse();
    reader.cache.fill(tag, ticket.generation, iova, translation);
  }
  void quiescent(Reader& /*reader*/) noexcept {}

  InvalidationToken invalidate(DomainTag tag, IovaRange /*range*/) override { return bump(tag); }
  InvalidationToken invalidate_domain(DomainTag tag) override { return bump(tag); }
  // The bump was the whole invalidation: nobody is waited for.
  bool completed(InvalidationToken /*token*/) override { return true; }
  std::optional<ReaderId> laggard(InvalidationToken /*token*/) override { return std::nullopt; }

  std::size_t resident_bytes() const override {
    std::size_t bytes = sizeof(*this);
    for (const auto& reader : readers_) bytes += reader->cache.bytes();
    return bytes;
  }

 private:
  [[gnu::always_inline]] std::uint64_t generation(DomainTag tag) const noexcept {
    return generations_.of(tag).value.load(std::memory_order_acquire);  // partner: bump()
  }
  InvalidationToken bump(DomainTag tag) {
    // seq_cst, partner: generation()'s acquire.
    return generations_.of(tag).value.fetch_add(1, std::memory_order_seq_cst) + 1;
  }

  IotlbConfig config_;
  ReaderTable<Reader> readers_;
  Generations generations_;
};

}  // namespace violet
