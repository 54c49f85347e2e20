// A flat table maps 64-bit keys to small values: open addressing, linear probing, no tombstones.
//
// Threading: owner-only.
// Invariants: a pointer to a value is good until the next insert or erase. The load stays below 3/4.
// Limits: the key kNoKey is not for use; values are trivially copyable.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace violet {

template <class Value>
class FlatTable {
 public:
  static constexpr std::uint64_t kNoKey = ~std::uint64_t{0};

  // Allocates room for `capacity` entries: up to that many, no call allocates.
  explicit FlatTable(std::size_t capacity = 47)
      : slots_(std::bit_ceil(std::max<std::size_t>(capacity * 4 / 3 + 1, 2))),
        mask_(slots_.size() - 1),
        shift_(static_cast<unsigned>(64 - std::countr_zero(slots_.size()))) {}

  std::size_t size() const { return size_; }
  Value* find(std::uint64_t key) {
    for (std::size_t i = home(key);; i = (i + 1) & mask_) {
      if (slots_[i].key == key) return &slots_[i].value;
      if (slots_[i].key == kNoKey) return nullptr;
    }
  }
  const Value* find(std::uint64_t key) const { return const_cast<FlatTable*>(this)->find(key); }
  // The value under `key` and whether it was put there now.
  std::pair<Value*, bool> insert(std::uint64_t key, const Value& value) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    for (std::size_t i = home(key);; i = (i + 1) & mask_) {
      if (slots_[i].key == key) return {&slots_[i].value, false};
      if (slots_[i].key != kNoKey) continue;
      slots_[i] = {key, value};
      ++size_;
      return {&slots_[i].value, true};
    }
  }
  void erase(std::uint64_t key) {
    std::size_t hole = home(key);
    for (; slots_[hole].key != key; hole = (hole + 1) & mask_) {
      if (slots_[hole].key == kNoKey) return;
    }
    --size_;
    // What follows moves up, unless that would put it before its home.
    for (std::size_t i = hole;;) {
      i = (i + 1) & mask_;
      if (slots_[i].key == kNoKey) break;
      if (((i - home(slots_[i].key)) & mask_) < ((i - hole) & mask_)) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole].key = kNoKey;
  }
  void clear() {
    for (Slot& slot : slots_) slot = {};
    size_ = 0;
  }
  template <class Visit>
  void for_each(Visit&& visit) {
    for (Slot& slot : slots_) {
      if (slot.key != kNoKey) visit(slot.key, slot.value);
    }
  }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const Slot& slot : slots_) {
      if (slot.key != kNoKey) visit(slot.key, slot.value);
    }
  }

 private:
  struct Slot {
    std::uint64_t key = kNoKey;
    Value value{};
  };

  std::size_t home(std::uint64_t key) const {
    return static_cast<std::size_t>((key ^ key >> 32) * 0x9e3779b97f4a7c15ull >> shift_);
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    mask_ = slots_.size() - 1;
    --shift_;
    size_ = 0;
    for (const Slot& slot : old) {
      if (slot.key != kNoKey) insert(slot.key, slot.value);
    }
  }

  std::vector<Slot> slots_;
  std::size_t mask_;
  unsigned shift_;
  std::size_t size_ = 0;
};

}  // namespace violet
