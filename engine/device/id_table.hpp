// An id table maps 32-bit ids to small values: open addressing, linear probing, one flat array that
// is allocated at construction.
//
// Threading: owner-only.
// Invariants: at most `capacity` entries (the caller counts), so that half the slots stay empty and a
// search ends; erase() closes the gap, so there are no tombstones and cost does not rise with age.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "engine/base/check.hpp"

namespace violet {

template <class Value>
class IdTable {
 public:
  explicit IdTable(std::size_t capacity)
      : capacity_(capacity), slots_(std::bit_ceil(2 * capacity + 1)), mask_(slots_.size() - 1) {}

  std::size_t size() const { return size_; }

  Value* find(std::uint32_t id) {
    for (std::size_t i = home(id);; i = (i + 1) & mask_) {
      if (!slots_[i].used) return nullptr;
      if (slots_[i].id == id) return &slots_[i].value;
    }
  }

  // Precondition: the id is absent and size() < capacity.
  Value* insert(std::uint32_t id, Value value) {
    VIOLET_CHECK(size_ < capacity_);
    std::size_t i = home(id);
    while (slots_[i].used) i = (i + 1) & mask_;
    slots_[i] = {value, id, true};
    ++size_;
    return &slots_[i].value;
  }

  // Pointers to other values may move.
  void erase(std::uint32_t id) {
    std::size_t hole = home(id);
    while (slots_[hole].id != id || !slots_[hole].used) {
      VIOLET_CHECK(slots_[hole].used);
      hole = (hole + 1) & mask_;
    }
    for (std::size_t i = (hole + 1) & mask_; slots_[i].used; i = (i + 1) & mask_) {
      // An entry may move back to the hole unless its home lies behind the hole.
      if (((i - home(slots_[i].id)) & mask_) < ((i - hole) & mask_)) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = {};
    --size_;
  }

  template <class Visit>
  void for_each(Visit&& visit) {
    for (auto& slot : slots_) {
      if (slot.used) visit(slot.id, slot.value);
    }
  }

  void clear() {
    for (auto& slot : slots_) slot = {};
    size_ = 0;
  }

 private:
  struct Slot {
    Value value{};
    std::uint32_t id = 0;
    bool used = false;
  };

  std::size_t home(std::uint32_t id) const {
    return static_cast<std::size_t>((id * std::uint64_t{0x9e3779b97f4a7c15}) >> 32) & mask_;
  }

  std::size_t capacity_;
  std::vector<Slot> slots_;
  std::size_t mask_;
  std::size_t size_ = 0;
};

}  // namespace violet
