// The parked ring keeps requests that are executed but not yet complete: UNMAP, DETACH and ATTACH wait until every
// reader has let go of what they removed (C1), while later requests go on (C5).
//
// Threading: the engine thread only.
// Invariants: first in, first out. Grace periods and invalidations are opened in that order, so a
// request that may not complete yet proves that none behind it may. An entry is sealed when a grace period
// has been opened for it; one period serves a whole batch.
// Limits: capacity is fixed at construction; the caller takes no more from the queue than fits.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "engine/base/check.hpp"
#include "engine/base/clock.hpp"
#include "engine/base/quiescence.hpp"
#include "engine/base/types.hpp"
#include "engine/device/domain.hpp"
#include "engine/device/queues.hpp"
#include "engine/iotlb/iotlb.hpp"

namespace violet {

// A number no IOTLB is asked about: there was nothing to invalidate.
inline constexpr InvalidationToken kNoInvalidation = ~InvalidationToken{0};

struct Parked {
  Completion completion{};
  InvalidationToken invalidation = kNoInvalidation;
  Quiescence::Token grace = 0;
  Ticks since = 0;
  Domain* unmapping = nullptr;  // An UNMAP of this domain...
  IovaRange range{};            // ...of this range.
  Domain* retired = nullptr;    // A domain that this request left without endpoints.
};

class ParkedRing {
 public:
  using Entry = Parked;

  explicit ParkedRing(std::size_t capacity)
      : entries_(std::bit_ceil(capacity)), mask_(entries_.size() - 1) {}

  bool empty() const { return head_ == tail_; }
  std::size_t size() const { return tail_ - head_; }
  bool has_unsealed() const { return sealed_ != tail_; }
  bool has_sealed() const { return head_ != sealed_; }

  void push(const Entry& entry) {
    VIOLET_DCHECK(size() < entries_.size());
    entries_[tail_++ & mask_] = entry;
  }
  // An entry that waits for those before it and for nothing of its own.
  void push_follower(const Entry& entry) {
    push(entry);
    if (sealed_ + 1 != tail_) return;  // Sealed with the batch that it follows.
    entries_[sealed_ & mask_].grace = last_grace_;
    entries_[sealed_ & mask_].since = last_since_;
    ++sealed_;
  }
  // Everything pushed since the last call waits for `grace`.
  void seal(Quiescence::Token grace, Ticks now) {
    last_grace_ = grace;
    last_since_ = now;
    for (; sealed_ != tail_; ++sealed_) {
      entries_[sealed_ & mask_].grace = grace;
      entries_[sealed_ & mask_].since = now;
    }
  }
  const Entry& front() const { return entries_[head_ & mask_]; }
  // Which entry is in front, counted from the start of the device.
  std::uint64_t front_number() const { return head_; }
  void pop() { ++head_; }

  template <class Visit>
  void drain(Visit&& visit) {
    for (; head_ != tail_; ++head_) visit(entries_[head_ & mask_]);
    sealed_ = tail_;
  }

 private:
  std::vector<Entry> entries_;
  std::size_t mask_;
  std::uint64_t head_ = 0;
  std::uint64_t sealed_ = 0;
  std::uint64_t tail_ = 0;
  Quiescence::Token last_grace_ = 0;
  Ticks last_since_ = 0;
};

}  // namespace violet
