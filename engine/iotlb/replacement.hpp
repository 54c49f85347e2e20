// Replacement chooses the way of a full set that gives place: round robin, random, or least recently used.
//
// Threading: one owner for a private array, any number of threads for a shared one. State is relaxed
// atomics (plain moves): a lost update makes a worse choice, never a wrong one, so no order is
// needed and no partner exists. The generator belongs to the calling reader.
// Limits: LRU stamps are 32 bits; after 2^32 hits a set may once choose badly.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "engine/base/aligned_array.hpp"
#include "engine/base/rng.hpp"
#include "engine/iotlb/geometry.hpp"

namespace violet {

class Replacement {
 public:
  using Policy = IotlbConfig::Replacement;

  Replacement(Policy policy, const Geometry& geometry)
      : policy_(policy), ways_(geometry.ways()), state_(cells(policy, geometry)) {}

  // A hit or a fill of `slot`.
  void touch(std::size_t slot) noexcept {
    if (policy_ != Policy::kLru) [[likely]] {
      return;
    }
    const std::uint32_t now = clock_.load(std::memory_order_relaxed) + 1;
    clock_.store(now, std::memory_order_relaxed);
    state_[slot].store(now, std::memory_order_relaxed);
  }

  // The slot to give up among the ways of the block that begins at `first`.
  std::size_t victim(std::size_t first, Rng& rng) noexcept {
    switch (policy_) {
      case Policy::kRandom:
        return first + (rng() & (ways_ - 1));
      case Policy::kLru:
        return oldest(first);
      case Policy::kRoundRobin:
        break;
    }
    auto& next = state_[first / ways_];
    const std::uint32_t turn = next.load(std::memory_order_relaxed);
    next.store(turn + 1, std::memory_order_relaxed);
    return first + (turn & (ways_ - 1));
  }

  std::size_t bytes() const { return state_.bytes(); }

 private:
  static std::size_t cells(Policy policy, const Geometry& geometry) {
    if (policy == Policy::kLru) return geometry.entries();
    return policy == Policy::kRoundRobin ? geometry.sets() : 1;
  }

  std::size_t oldest(std::size_t first) const noexcept {
    const std::uint32_t now = clock_.load(std::memory_order_relaxed);
    std::size_t best = first;
    std::uint32_t best_age = 0;
    for (std::size_t slot = first; slot < first + ways_; ++slot) {
      const std::uint32_t age = now - state_[slot].load(std::memory_order_relaxed);
      if (age >= best_age) {
        best = slot;
        best_age = age;
      }
    }
    return best;
  }

  Policy policy_;
  unsigned ways_;
  std::atomic<std::uint32_t> clock_{0};
  AlignedArray<std::atomic<std::uint32_t>> state_;
};

}  // namespace violet
