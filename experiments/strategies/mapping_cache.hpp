// A mapping cache finds a mapping that is there already by what it is of: the pages, in their order, and the rights. Each
// counts its users; those that have none are idle, oldest first.
//
// Threading: owner-only: the guest lcore.
// Invariants: an id names a mapping from insert() to erase(). find() finds the newest of several equals.
// Limits: 2^32 - 2 mappings; memory is reused, and grows with the most that there were at a time. Of a cache made with
// `found` above 0 only so many are found, those inserted last.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "engine/base/check.hpp"
#include "engine/base/flat_table.hpp"
#include "experiments/strategies/basic_strategy.hpp"

namespace violet {

class MappingCache {
 public:
  using Id = std::uint32_t;
  static constexpr Id kNone = ~Id{0};

  struct Entry {
    MappedRange range = {};  // `endpoint` made it.
    std::uint32_t users = 0;
  };

  explicit MappingCache(std::size_t found = 0) : most_found_(found) {}

  // Says what the calls below are about: a list in one domain.
  void describe(const DmaDomain& domain, std::span<const DmaMapping> list, Permissions rights) {
    shape_.domain = domain.id();
    shape_.rights = rights;
    shape_.pieces.clear();
    for (const DmaMapping& mapping : list) {
      shape_.pieces.push_back(
          {mapping.buffer.phys.value / domain.granule(), domain.granules_of(mapping.buffer)});
    }
  }
  Id find() const {
    const Id* newest = by_key_.find(shape_.key());
    Id id = newest == nullptr ? kNone : *newest;
    while (id != kNone && slots_[id].shape != shape_) id = slots_[id].same;
    return id;
  }
  // With one user.
  Id insert(const MappedRange& range) {
    Id id = static_cast<Id>(slots_.size());
    if (unused_.empty()) {
      slots_.emplace_back();
    } else {
      id = unused_.back();
      unused_.pop_back();
    }
    Slot& slot = slots_[id];
    slot.shape = shape_;
    slot.entry = {range, 1};
    slot.hidden = false;
    const auto [head, fresh] = by_key_.insert(shape_.key(), id);
    slot.same = fresh ? kNone : std::exchange(*head, id);
    granules_in_all_ += range.granules;
    if (most_found_ != 0) hide_old(id);
    return id;
  }

  const MappedRange& at(Id id) const { return slots_[id].entry.range; }
  void use(Id id) {
    if (slots_[id].entry.users++ == 0) unlink(id);
  }
  // True: it has no user any more.
  bool release(Id id) {
    Slot& slot = slots_[id];
    VIOLET_DCHECK(slot.entry.users > 0);
    if (--slot.entry.users > 0) return false;
    slot.older = std::exchange(newest_, id);
    slot.newer = kNone;
    (slot.older == kNone ? oldest_ : slots_[slot.older].newer) = id;
    return true;
  }
  // Idle for longest; kNone when all are in use.
  Id oldest() const { return oldest_; }
  // Precondition: it is idle.
  void erase(Id id) {
    unlink(id);
    if (!slots_[id].hidden) hide(id);
    granules_in_all_ -= slots_[id].entry.range.granules;
    unused_.push_back(id);
  }
  std::uint64_t granules_in_all() const { return granules_in_all_; }

 private:
  // A run of pages of memory.
  struct Piece {
    std::uint64_t phys_pfn;
    std::uint64_t granules;
    bool operator==(const Piece&) const = default;
  };
  struct Shape {
    DomainId domain{0};
    Permissions rights = Permissions::kNone;
    std::vector<Piece> pieces;
    bool operator==(const Shape&) const = default;

    std::uint64_t key() const {
      std::uint64_t key = std::uint64_t{domain.value} << 8 | static_cast<std::uint64_t>(rights);
      for (const Piece& piece : pieces) {
        key = (key ^ piece.phys_pfn) * 0x9e3779b97f4a7c15ull;
        key = (key ^ key >> 29 ^ piece.granules) * 0xbf58476d1ce4e5b9ull;
      }
      return key == FlatTable<Id>::kNoKey ? 0 : key;
    }
  };
  struct Slot {
    Shape shape;
    Entry entry;
    Id older = kNone, newer = kNone;  // While it is idle.
    Id same = kNone;                  // The next older one under the same key.
    std::uint64_t number = 0;         // Of its insertion, when not all are found.
    bool hidden = false;              // Not to be found.
  };

  // Takes it off its key.
  void hide(Id id) {
    Slot& slot = slots_[id];
    const std::uint64_t key = slot.shape.key();
    Id* link = by_key_.find(key);
    VIOLET_DCHECK(link != nullptr);
    if (*link == id && slot.same == kNone) {
      by_key_.erase(key);
    } else {
      while (*link != id) link = &slots_[*link].same;
      *link = slot.same;
    }
    slot.hidden = true;
  }
  // The one inserted `most_found_` before.
  void hide_old(Id newest) {
    slots_[newest].number = ++inserted_;
    recent_.resize(most_found_, kNone);
    const Id old = std::exchange(recent_[inserted_ % most_found_], newest);
    if (old == kNone || slots_[old].number + most_found_ != inserted_) return;  // It is gone.
    if (!slots_[old].hidden) hide(old);
  }

  void unlink(Id id) {
    const Slot& slot = slots_[id];
    (slot.older == kNone ? oldest_ : slots_[slot.older].newer) = slot.newer;
    (slot.newer == kNone ? newest_ : slots_[slot.newer].older) = slot.older;
  }

  std::size_t most_found_;
  std::vector<Id> recent_;  // By number of insertion.
  std::uint64_t inserted_ = 0;
  Shape shape_;
  std::vector<Slot> slots_;
  std::vector<Id> unused_;
  Id oldest_ = kNone, newest_ = kNone;
  FlatTable<Id> by_key_;  // The newest one of each key.
  std::uint64_t granules_in_all_ = 0;
};

// Gives the buffers of a list their places in a mapping of all of them.
inline void take_places(const DmaDomain& domain, Iova first, Permissions granted,
                        std::span<DmaMapping> list) {
  std::uint64_t at = first.value;
  for (DmaMapping& mapping : list) {
    mapping.iova = {at + domain.offset_of(mapping.buffer.phys.value)};
    mapping.granted = granted;
    at += domain.granules_of(mapping.buffer) * domain.granule();
  }
}

}  // namespace violet
