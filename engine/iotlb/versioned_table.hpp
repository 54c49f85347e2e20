// A versioned table is set-associative and shared by all readers of an IOTLB: any of them finds and
// stores, the engine removes. 32 bytes an entry: a sequence word and three words that it protects.
//
// Threading: find(), version() and store() from any reader; remove() and scrub() from the engine.
// Invariants:
//   Versioned.1 find() returns the data of one store() untorn, or nothing. It never retries.
//   Versioned.2 after remove() returned true, no find() that begins later returns the region for that tag, and
//      no store() whose version() came before remove() makes it findable.
//   Versioned.3 nobody waits: store() gives up when the entry or the version moved, remove() reports that it met
//      an entry that is being written.
//
// Memory order. Entry sequence: bit 0 = being written, bit 1 = empty, the rest counts. As in
// invalidation_log.hpp a reader loads sequence, words (acquire), sequence: a word of a later write
// synchronises with its release store, so the second load sees the write lock or something later and
// differs. The count is 64 bits and never repeats.
//   Removal against a store that is under way (Dekker): the engine bumps the set's version, then loads the entry's
//   sequence; the filler locks the sequence, then loads the version; all four are seq_cst. In
//   their single order either the filler's load comes after the bump and it gives up, or its lock
//   comes before the engine's load, which then sees the lock (false: the caller falls back to the
//   generation, which the filler's entry carries from its ticket) or the finished entry (emptied by CAS).
//   A CAS that fails means a filler locked the entry meanwhile: false as well.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/base/aligned_array.hpp"
#include "engine/iotlb/geometry.hpp"
#include "engine/iotlb/replacement.hpp"

namespace violet {

class VersionedTable {
  static constexpr std::uint64_t kWriting = 1;
  static constexpr std::uint64_t kEmpty = 2;
  static constexpr std::uint64_t kUnusable = kWriting | kEmpty;
  static constexpr std::uint64_t kStep = 4;

  struct Entry {
    std::atomic<std::uint64_t> sequence{kEmpty};
    std::atomic<std::uint64_t> key{0};
    std::atomic<std::uint64_t> owner{0};
    std::atomic<std::uint64_t> data{0};
  };
  static_assert(sizeof(Entry) == 32);

 public:
  // What an entry answers to: region, domain incarnation and the low 44 bits of its generation.
  struct Name {
    std::uint64_t key;    // Geometry::key() with generation bits 0-11.
    std::uint64_t owner;  // Domain tag << 32 | generation bits 12-43.
    bool operator==(const Name&) const = default;
  };

  VersionedTable(const Geometry& geometry, Replacement::Policy policy)
      : geometry_(geometry),
        plain_(!geometry.mixed() && policy != Replacement::Policy::kLru),
        replacement_(policy, geometry),
        entries_(geometry.entries()),
        versions_(geometry.sets()) {}

  const Geometry& geometry() const { return geometry_; }

  static std::uint64_t owner_word(DomainTag tag, std::uint64_t generation) {
    return (std::uint64_t{tag.value} << 32) | ((generation >> kGranuleShift4K) & 0xffffffff);
  }
  // What `held` would be called now; differs from it when its owner's generation moved on.
  static Name renamed(const Name& held, std::uint64_t generation) {
    return {Geometry::with_id(held.key, generation & kSpareMask),
            owner_word(owner(held), generation)};
  }
  static DomainTag owner(const Name& held) {
    return {static_cast<std::uint32_t>(held.owner >> 32)};
  }
  Name name(DomainTag tag, Iova iova, std::uint64_t generation) const {
    return {geometry_.key(tag, iova, generation & kSpareMask), owner_word(tag, generation)};
  }

  // Looks at home ways, for one domain at one generation; what it needs stays in registers.
  class HomeView {
   public:
    [[gnu::always_inline]] HomeView(const VersionedTable& table, DomainTag tag,
                                    std::uint64_t generation)
        : entries_(table.entries_.data()),
          home_(table.geometry_.home(tag, generation & kSpareMask)),
          owner_(owner_word(tag, generation)),
          plain_(table.plain_) {}

    // False also for shapes that need more work at a hit; find() does it.
    [[gnu::always_inline]] bool find(Iova iova, Found& found) const noexcept {
      const Name wanted{home_.key(iova), owner_};
      found.region_bytes = home_.region_bytes();
      return read(entries_[home_.slot(wanted.key)], wanted, found.data) && plain_;
    }

   private:
    const typename VersionedTable::Entry* entries_;
    Geometry::Home home_;
    std::uint64_t owner_;
    bool plain_;
  };

  // The data word of whichever way has it.
  Found find(DomainTag tag, Iova iova, std::uint64_t generation) noexcept {
    const Name wanted = name(tag, iova, generation);
    const std::size_t home = geometry_.slot(tag, iova);
    for (std::size_t way = 0; way < geometry_.ways(); ++way) {
      std::uint64_t data = 0;
      if (!read(entries_[home ^ way], wanted, data)) continue;
      replacement_.touch(home ^ way);
      return {data, geometry_.region_bytes()};
    }
    return {};
  }

  // Of the set that `iova` belongs to. Load it before the walk whose result store() will be given.
  std::uint64_t version(DomainTag tag, Iova iova) const noexcept {
    // acquire, partner: remove(). Who sees the bump sees the removal from the store before it.
    return version_of(geometry_.slot(tag, iova)).load(std::memory_order_acquire);
  }

  // False when something came between.
  bool store(const Name& entry_name, DomainTag tag, Iova iova, std::uint64_t data,
             std::uint64_t version, Rng& rng) noexcept {
    const std::size_t home = geometry_.slot(tag, iova);
    Entry& entry = entries_[place(home, entry_name, rng)];
    std::uint64_t sequence = entry.sequence.load(std::memory_order_relaxed);
    // seq_cst, partner: remove()'s load and CAS (Dekker). acquire part: the words of the last writer.
    if ((sequence & kWriting) != 0 ||
        !entry.sequence.compare_exchange_strong(
            sequence, sequence | kWriting, std::memory_order_seq_cst, std::memory_order_relaxed)) {
      return false;
    }
    // seq_cst, partner: remove()'s bump (Dekker).
    if (version_of(home).load(std::memory_order_seq_cst) != version) {
      // Nothing was written, so the old sequence is true again. release: keeps the lock's order.
      entry.sequence.store(sequence, std::memory_order_release);
      return false;
    }
    write(entry, entry_name, data, sequence);
    replacement_.touch(static_cast<std::size_t>(&entry - entries_.begin()));
    return true;
  }

  // Empties the entries of the region in every generation. False when one was being written.
  bool remove(DomainTag tag, Iova iova) noexcept {
    const std::size_t home = geometry_.slot(tag, iova);
    version_of(home).fetch_add(1, std::memory_order_seq_cst);  // partner: version(), store()
    const std::uint64_t page = Geometry::page_part(geometry_.key(tag, iova, 0));
    const std::size_t first = geometry_.first_slot(home);
    bool done = true;
    for (std::size_t slot = first; slot < first + geometry_.ways(); ++slot) {
      done &= empty_if(entries_[slot], [&](const Name& held) {
        return Geometry::page_part(held.key) == page && owner(held) == tag;
      });
    }
    return done;
  }

  // Empties the dead entries of the next set, round and round. `dead` takes a Name.
  template <class Dead>
  void scrub(Dead&& dead) noexcept {
    for (unsigned way = 0; way < geometry_.ways(); ++way) {
      empty_if(entries_[hand_ + way], dead);
    }
    hand_ = (hand_ + geometry_.ways()) & (geometry_.entries() - 1);
  }

  std::size_t bytes() const { return entries_.bytes() + versions_.bytes() + replacement_.bytes(); }

 private:
  // The next sequence after `now`, with the given low bits.
  static std::uint64_t after(std::uint64_t now, std::uint64_t bits) {
    return ((now & ~kUnusable) + kStep) | bits;
  }

  std::atomic<std::uint64_t>& version_of(std::size_t slot) {
    return versions_[geometry_.set_of(slot)];
  }
  const std::atomic<std::uint64_t>& version_of(std::size_t slot) const {
    return versions_[geometry_.set_of(slot)];
  }

  [[gnu::always_inline]] static bool read(const Entry& entry, const Name& wanted,
                                          std::uint64_t& data) noexcept {
    // Partners: write() and empty_if().
    const std::uint64_t sequence = entry.sequence.load(std::memory_order_acquire);
    if ((sequence & kUnusable) != 0) return false;
    if (entry.key.load(std::memory_order_acquire) != wanted.key) return false;
    if (entry.owner.load(std::memory_order_acquire) != wanted.owner) return false;
    data = entry.data.load(std::memory_order_acquire);
    return entry.sequence.load(std::memory_order_relaxed) == sequence;
  }

  static void write(Entry& entry, const Name& name, std::uint64_t data,
                    std::uint64_t sequence) noexcept {
    // The partner of each is the load of the same word in read() and empty_if().
    entry.key.store(name.key, std::memory_order_release);
    entry.owner.store(name.owner, std::memory_order_release);
    entry.data.store(data, std::memory_order_release);
    entry.sequence.store(after(sequence, 0), std::memory_order_release);
  }

  // The engine's: true unless the entry was being written.
  template <class Matches>
  static bool empty_if(Entry& entry, Matches&& matches) noexcept {
    // seq_cst, partner: store()'s lock (Dekker).
    std::uint64_t sequence = entry.sequence.load(std::memory_order_seq_cst);
    if ((sequence & kWriting) != 0) return false;
    if ((sequence & kEmpty) != 0) return true;
    const Name held{entry.key.load(std::memory_order_acquire),
                    entry.owner.load(std::memory_order_acquire)};
    if (!matches(held)) return true;
    return entry.sequence.compare_exchange_strong(
        sequence, after(sequence, kEmpty), std::memory_order_seq_cst, std::memory_order_relaxed);
  }

  // Only a guess, made without the lock: what it says may have changed when the lock is taken, and
  // any way is correct.
  std::size_t place(std::size_t home, const Name& name, Rng& rng) noexcept {
    std::size_t best = geometry_.entries();
    for (std::size_t way = 0; way < geometry_.ways(); ++way) {
      const Entry& entry = entries_[home ^ way];
      const std::uint64_t key = entry.key.load(std::memory_order_relaxed);
      const std::uint64_t owner = entry.owner.load(std::memory_order_relaxed);
      if (Geometry::page_part(key ^ name.key) == 0 && (owner ^ name.owner) >> 32 == 0) {
        return home ^ way;
      }
      const bool empty = (entry.sequence.load(std::memory_order_relaxed) & kEmpty) != 0;
      if (empty && best == geometry_.entries()) best = home ^ way;
    }
    return best != geometry_.entries() ? best
                                       : replacement_.victim(geometry_.first_slot(home), rng);
  }

  Geometry geometry_;
  bool plain_;
  Replacement replacement_;
  AlignedArray<Entry> entries_;
  AlignedArray<std::atomic<std::uint64_t>> versions_;
  std::size_t hand_ = 0;
};

}  // namespace violet
