// The IOTLB targeted-ack keeps private arrays; the engine broadcasts each range in a log, and every
// reader drops exactly the entries that it names and acknowledges. What a queued invalidation with
// a wait costs.
//
// Threading: as iotlb.hpp.
// Invariants: Targeted.1 a lookup() first applies every invalidation that it can see in the log, so it never
// returns what one of them names. Targeted.2 acknowledged_ = n is stored after items 1..n were applied.
//
// An invalidation's token is the token of its grace period.
//
// Memory order, and the race of online() with invalidate() (Iotlb.4). invalidate() posts (Log.3) and then opens
// a grace period. completed(n) is true when every reader has acknowledged n (release, acquired here), or
// when that grace period has passed. A reader that was online during the scan keeps it open until it is
// quiescent; one that was offline, or comes online at that moment, is by quiescence.hpp in a section that
// sees what was written before start(): the log's tail. Either way its next lookup applies item n
// first (Targeted.1). So an offline reader is not waited for and yet returns nothing stale, without a flag
// that both sides would have to agree on. The acknowledgement only makes completion earlier than the grace period.
//   Stale fill: the ticket is the log position that begin_fill() had applied before the store was
//     read. A removal that the walk missed was posted after that position. Either it has not been
//     applied at fill() yet: then the next lookup applies it to the new entry. Or it has (a lookup
//     came between): then the position moved and fill() refuses.
// Bounded work: applying costs a probe a region. Ranges beyond kMaxProbes drop the whole domain, and so does a
// backlog that would exceed kMaxProbes in sum drop everything, as a log overrun does. Both are O(1).
// Wrap-around: 64-bit positions.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/iotlb/invalidation_log.hpp"
#include "engine/iotlb/iotlb.hpp"
#include "engine/iotlb/private_cache.hpp"
#include "engine/iotlb/reader_table.hpp"

namespace violet {

class TargetedIotlb : public IotlbControl {
 public:
  static constexpr IotlbDesign kDesign = IotlbDesign::kTargetedAck;
  static constexpr std::size_t kLogItems = 1024;
  static constexpr std::uint64_t kMaxProbes = 2048;  // About 10 us of one reader's time.

  struct alignas(kCacheLine) Reader final : IotlbReader {
    Reader(const IotlbConfig& config, ReaderId reader) : id(reader), cache(config, reader.value) {}
    IotlbReaderStats stats() const override { return cache.stats(); }
    ReaderId id;
    std::uint64_t applied = 0;  // Position in the log.
    std::uint64_t flushes = 1;  // The generation of everything this reader caches.
    PrivateCache cache;
    alignas(kCacheLine) std::atomic<std::uint64_t> acknowledged{0};
  };
  struct FillTicket {
    std::uint64_t applied;
  };

  TargetedIotlb(const IotlbConfig& config, Quiescence& quiescence)
      : config_(config), quiescence_(quiescence), readers_(config.max_readers), log_(kLogItems) {}

  IotlbDesign design() const override { return kDesign; }
  Result<IotlbReader*> add_reader(ReaderId id) override { return readers_.add(config_, id); }

  using Burst = PrivateCache::Burst;
  [[gnu::always_inline]] Burst burst(Reader& reader, DomainTag tag) noexcept {
    apply_posted(reader);
    return Burst(reader.cache, tag, reader.flushes);
  }
  [[gnu::always_inline]] std::optional<IotlbHit> lookup(Reader& reader, DomainTag tag,
                                                        Iova iova) noexcept {
    return burst(reader, tag).lookup(iova);
  }

  FillTicket begin_fill(Reader& reader, DomainTag /*tag*/, Iova /*iova*/) noexcept {
    apply_posted(reader);
    return {reader.applied};
  }
  void fill(Reader& reader, const FillTicket& ticket, DomainTag tag, Iova iova,
            const Translation& translation) noexcept {
    if (reader.applied != ticket.applied) return reader.cache.refuse();
    reader.cache.fill(tag, reader.flushes, iova, translation);
  }
  void quiescent(Reader& reader) noexcept { apply_posted(reader); }

  InvalidationToken invalidate(DomainTag tag, IovaRange range) override {
    const std::uint64_t number = log_.post({tag, range});
    const Quiescence::Token token = quiescence_.start();
    numbers_[token % numbers_.size()] = number;
    return token;
  }
  InvalidationToken invalidate_domain(DomainTag tag) override {
    return invalidate(tag, IovaRange::all());
  }

  bool completed(InvalidationToken token) override {
    if (token <= completed_) return true;
    if (!quiescence_.passed(token) && !all_acknowledged(number(token))) return false;
    completed_ = token;  // Numbers and grace periods both grow: all before are complete too.
    return true;
  }
  // Readers that are offline are not waited for, so this is the one that keeps the grace period open.
  std::optional<ReaderId> laggard(InvalidationToken token) override {
    if (completed(token)) return std::nullopt;
    return quiescence_.laggard(token);
  }

  std::size_t resident_bytes() const override {
    std::size_t bytes = sizeof(*this) + log_.bytes();
    for (const auto& reader : readers_) bytes += reader->cache.bytes();
    return bytes;
  }

 private:
  [[gnu::always_inline]] void apply_posted(Reader& reader) noexcept {
    const std::uint64_t tail = log_.tail();
    if (tail != reader.applied) [[unlikely]] {
      apply_until(reader, tail);
    }
  }

  [[gnu::noinline]] void apply_until(Reader& reader, std::uint64_t tail) noexcept {
    if (!apply_each(reader, tail)) ++reader.flushes;
    reader.applied = tail;
    // release, partner: all_acknowledged(). Everything up to `tail` is gone (Targeted.2).
    reader.acknowledged.store(tail, std::memory_order_release);
  }

  // False when too much is posted, or some of it was overwritten.
  bool apply_each(Reader& reader, std::uint64_t tail) noexcept {
    if (tail - reader.applied > log_.capacity()) return false;
    std::uint64_t probes = 0;
    for (std::uint64_t number = reader.applied + 1; number <= tail; ++number) {
      const auto item = log_.read(number);
      if (!item) return false;
      const std::uint64_t cost = reader.cache.drop_cost(item->range);
      if (cost >= kMaxProbes) {
        reader.cache.drop_domain(item->tag);
        continue;
      }
      probes += cost + 1;
      if (probes > kMaxProbes) return false;
      reader.cache.drop(item->tag, item->range);
    }
    return true;
  }

  bool all_acknowledged(std::uint64_t number) const {
    for (const auto& reader : readers_) {
      // acquire, partner: apply_until().
      if (reader->acknowledged.load(std::memory_order_acquire) < number) return false;
    }
    return true;
  }
  // The log number that `token` was opened for or, once its place was reused, a later one, which is
  // acknowledged no earlier.
  std::uint64_t number(InvalidationToken token) const { return numbers_[token % numbers_.size()]; }

  IotlbConfig config_;
  Quiescence& quiescence_;
  ReaderTable<Reader> readers_;
  InvalidationLog log_;
  std::array<std::uint64_t, kLogItems> numbers_{};
  InvalidationToken completed_ = 0;
};

}  // namespace violet
