// The IOTLB locked keeps one sorted list behind a reader-writer lock: the baseline, in the manner
// of DPDK 22.11's vhost IOTLB (lib/vhost/iotlb.c), searched from the front, 2048 entries, random
// eviction. Written anew from that description; what it is compared with should be what people run.
//
// Threading: as iotlb.hpp, but lookup() takes a shared lock and fill() an exclusive one, so readers
// may wait for each other (IotlbInfo::wait_free_hits is false). The engine does not (C5): it only tries
// the lock, and what it could not apply waits in a list that completed() applies.
// Invariants: Locked.1 while an invalidation waits, lookups miss and fills refuse without touching the lock, so
// that the engine's next try finds it free once the present holders have left.
//
// Memory order. The list is protected by the lock. invalidate() counts version_ up before it tries
// the lock; fill() compares it under the lock. If fill() read the old count, it held the lock while the engine
// tried, or released it before; in both cases the erase comes after the insert. begin_fill() loads the count
// before the store is read, so a walk that missed the removal has an old ticket.
// Limits: entries and ways of the configuration beyond kMaxEntries are ignored; no large entries are
// needed, because a node holds an extent of any length.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <shared_mutex>

#include "engine/iotlb/invalidation_log.hpp"
#include "engine/iotlb/iotlb.hpp"
#include "engine/iotlb/private_cache.hpp"
#include "engine/iotlb/range_list.hpp"
#include "engine/iotlb/reader_table.hpp"

namespace violet {

class LockedIotlb : public IotlbControl {
 public:
  static constexpr IotlbDesign kDesign = IotlbDesign::kLocked;
  static constexpr std::size_t kMaxEntries = 2048;  // IOTLB_CACHE_SIZE of DPDK.
  static constexpr std::size_t kMaxPending = 256;   // Beyond, everything is forgotten.

  struct alignas(kCacheLine) Reader final : IotlbReader {
    Reader(const IotlbConfig& /*config*/, ReaderId reader) : id(reader), rng(reader.value) {}
    IotlbReaderStats stats() const override { return counters.read(); }
    ReaderId id;
    Rng rng;
    ReaderCounters counters;
    std::atomic<bool> holding{false};
  };
  struct FillTicket {
    std::uint64_t version;
  };

  // The shared lock, held by name so that laggard() can tell who keeps the engine out.
  class Hold {
   public:
    Hold(LockedIotlb& iotlb, Reader& reader) : iotlb_(iotlb), reader_(reader) {
      reader_.holding.store(true, std::memory_order_relaxed);  // A report: ordered by nothing.
      iotlb_.lock_.lock_shared();
    }
    ~Hold() {
      iotlb_.lock_.unlock_shared();
      reader_.holding.store(false, std::memory_order_relaxed);
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    LockedIotlb& iotlb_;
    Reader& reader_;
  };

  LockedIotlb(const IotlbConfig& config, Quiescence& /*quiescence*/)
      : config_(config),
        readers_(config.max_readers),
        list_(std::min(config.entries, kMaxEntries)) {}

  IotlbDesign design() const override { return kDesign; }
  Result<IotlbReader*> add_reader(ReaderId id) override { return readers_.add(config_, id); }

  std::optional<IotlbHit> lookup(Reader& reader, DomainTag tag, Iova iova) noexcept {
    const auto hit = waiting() ? std::nullopt : find(reader, tag, iova);
    (hit ? reader.counters.hits : reader.counters.misses).add();
    return hit;
  }
  class Burst {
   public:
    Burst(LockedIotlb& iotlb, Reader& reader, DomainTag tag)
        : iotlb_(iotlb), reader_(reader), tag_(tag) {}
    // A search of the list is what lookup() does and counts.
    std::optional<IotlbHit> lookup_home(Iova /*iova*/) const noexcept { return std::nullopt; }
    void count_hits(std::uint64_t hits) noexcept { reader_.counters.hits.add(hits); }
    std::optional<IotlbHit> lookup(Iova iova) noexcept {
      return iotlb_.lookup(reader_, tag_, iova);
    }

   private:
    LockedIotlb& iotlb_;
    Reader& reader_;
    DomainTag tag_;
  };
  Burst burst(Reader& reader, DomainTag tag) noexcept { return {*this, reader, tag}; }

  FillTicket begin_fill(Reader& /*reader*/, DomainTag /*tag*/, Iova /*iova*/) noexcept {
    return {version_.load(std::memory_order_acquire)};  // partner: invalidate()
  }
  void fill(Reader& reader, const FillTicket& ticket, DomainTag tag, Iova iova,
            const Translation& translation) noexcept {
    if (!translation.extent.contains(iova) || waiting() ||
        !insert(reader, ticket, tag, translation)) {
      reader.counters.refused_fills.add();
    } else {
      reader.counters.fills.add();
    }
  }
  void quiescent(Reader& /*reader*/) noexcept {}

  InvalidationToken invalidate(DomainTag tag, IovaRange range) override {
    if (pending_count_ < kMaxPending) pending_[pending_count_] = {tag, range};
    ++pending_count_;
    waiting_.store(true, std::memory_order_release);  // partner: waiting()
    // release, partner: begin_fill() and insert().
    const auto token = version_.fetch_add(1, std::memory_order_acq_rel) + 1;
    try_apply();
    return token;
  }
  InvalidationToken invalidate_domain(DomainTag tag) override {
    return invalidate(tag, IovaRange::all());
  }

  bool completed(InvalidationToken token) override {
    if (token > applied_) try_apply();
    return token <= applied_;
  }
  // A reader that was inside the lock when asked. One that is just between lookups is not named.
  std::optional<ReaderId> laggard(InvalidationToken token) override {
    if (completed(token)) return std::nullopt;
    for (const auto& reader : readers_) {
      if (reader->holding.load(std::memory_order_relaxed)) return reader->id;
    }
    return std::nullopt;
  }

  std::size_t resident_bytes() const override {
    return sizeof(*this) + list_.bytes() + readers_.size() * sizeof(Reader);
  }

 private:
  bool waiting() const noexcept {
    return waiting_.load(std::memory_order_acquire);  // partner: invalidate(), try_apply()
  }

  std::optional<IotlbHit> find(Reader& reader, DomainTag tag, Iova iova) noexcept {
    const Hold hold(*this, reader);
    return list_.find(tag, iova);
  }

  bool insert(Reader& reader, const FillTicket& ticket, DomainTag tag,
              const Translation& translation) noexcept {
    const std::unique_lock hold(lock_);
    // acquire, partner: invalidate().
    if (version_.load(std::memory_order_acquire) != ticket.version) return false;
    list_.insert(tag, translation, reader.rng);
    return true;
  }

  void try_apply() {
    const std::unique_lock hold(lock_, std::try_to_lock);
    if (!hold) return;
    if (pending_count_ > kMaxPending) list_.clear();
    for (std::size_t i = 0; i < std::min(pending_count_, kMaxPending); ++i) {
      list_.erase(pending_[i].tag, pending_[i].range);
    }
    pending_count_ = 0;
    applied_ = version_.load(std::memory_order_relaxed);  // Its only writer is this thread.
    waiting_.store(false, std::memory_order_release);     // partner: waiting()
  }

  IotlbConfig config_;
  ReaderTable<Reader> readers_;
  std::shared_mutex lock_;
  RangeList list_;
  alignas(kCacheLine) std::atomic<std::uint64_t> version_{0};
  std::atomic<bool> waiting_{false};
  // The engine's own.
  std::array<Invalidation, kMaxPending> pending_{};
  std::size_t pending_count_ = 0;
  InvalidationToken applied_ = 0;
};

}  // namespace violet
