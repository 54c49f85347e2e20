// A split device ring is the device side of a split virtqueue (section 2.7): descriptor table, available ring,
// used ring.
//
// Threading, invariants: device_ring.hpp. The available index is loaded with acquire (partner: the
// driver's release after it wrote ring entries and descriptors); the used index is stored with release
// (partner: the driver's acquire before it reads used entries and buffers).
// Limits: tokens are head indexes, so a head can be in flight once.
#pragma once

#include "dataplane/virtqueue/device_ring.hpp"

namespace violet {

class SplitDeviceRing : public DeviceRing {
 public:
  SplitDeviceRing(const GuestMemory& memory, const QueueLayout& layout, const QueueAreas& areas,
                  RingFeatures features, Notifier notifier)
      : DeviceRing(memory, layout, areas, features, notifier), mask_(layout.size - 1) {}

  static constexpr bool kReadyIsThere = true;  // What is ready is there.
  std::size_t ready(std::size_t wanted) noexcept {
    if (broken()) return 0;
    std::size_t there = static_cast<std::uint16_t>(seen_avail_ - next_avail_);
    if (there < wanted) {
      if (there == 0) prefetch_next();
      there = refresh();
      if (broken()) return 0;
    }
    const std::size_t count = std::min({wanted, there, kBurst});
    for (std::size_t i = 0; i < count; ++i) {
      heads_[i] = load_relaxed<std::uint16_t>(avail_entry(next_avail_ + static_cast<unsigned>(i)));
      __builtin_prefetch(descriptors_ + (heads_[i] & mask_) * kDescriptorBytes);
    }
    next_head_ = 0;
    return count;
  }

  TakeResult take(Request& request, Segment& first) noexcept {
    const std::uint16_t head = heads_[next_head_++];
    ++next_avail_;
    if (head >= size_) return break_ring(RingFault::kHeadOutOfRange);
    if (chains_[head].in_flight) return break_ring(RingFault::kDuplicateToken);
    ChainGather gather(regions_, request);
    const RingFault fault = walk_chain(*this, gather, head, size_, features_);
    if (fault != RingFault::kNone) [[unlikely]] {
      return refuse(head, fault);
    }
    gather.commit(head, 1, chains_, first);
    prefetch_for_write(used_entry(next_used_));
    hint_ = first.host;
    last_head_ = head;
    counters_.taken.add();
    return TakeResult::kTaken;
  }

  void give_back(std::uint32_t token, std::uint32_t used) noexcept {
    chains_[token].in_flight = false;
    std::byte* const at = used_entry(next_used_);
    store_relaxed(at, token);
    store_relaxed(at + 4, used);
    ++next_used_;
  }

  void publish() noexcept {
    store_release(device_ + 2, next_used_);  // partner: the driver's acquire of used.idx
    if (notifier_.fire != nullptr && driver_wants_notice()) notify();
    published_ = next_used_;
  }

  void suppress_kicks() noexcept;
  // True when chains are waiting already: the driver may not have kicked for them.
  bool arm_kicks() noexcept;

 private:
  template <class Source, class Sink>
  friend class ChainWalk;

  const std::byte* avail_entry(unsigned index) const noexcept {
    return driver_ + ring::kRingHead + (index & mask_) * 2;
  }

  std::byte* used_entry(unsigned index) const noexcept {
    return device_ + ring::kRingHead + (index & mask_) * ring::kUsedElement;
  }

  void prefetch_next() const noexcept {
    prefetch_hint();
    __builtin_prefetch(descriptors_ + std::size_t{last_head_} * kDescriptorBytes);
  }

  // Loads the available index; returns how many chains are there.
  std::size_t refresh() noexcept {
    seen_avail_ = load_acquire<std::uint16_t>(driver_ + 2);  // partner: the driver's publish
    const std::size_t there = static_cast<std::uint16_t>(seen_avail_ - next_avail_);
    if (there > size_) [[unlikely]] {
      break_ring(RingFault::kIndexJump);
    }
    if (features_.event_idx && !armed_) keep_event_behind();
    return there;
  }

  bool fetch(std::uint32_t index, Descriptor& out) const noexcept {
    out = read_descriptor(index);
    return true;
  }

  TakeResult refuse(std::uint16_t head, RingFault fault) noexcept;
  bool driver_wants_notice() noexcept;
  void keep_event_behind() noexcept;
  std::byte* avail_event() const noexcept {
    return device_ + ring::kRingHead + std::size_t{size_} * ring::kUsedElement;
  }

  std::uint32_t mask_;
  std::uint16_t next_avail_ = 0;  // Free running, as the ring's indexes are.
  std::uint16_t seen_avail_ = 0;
  std::uint16_t next_used_ = 0;
  std::uint16_t published_ = 0;
  std::uint16_t event_ = 0;  // What avail_event holds.
  bool armed_ = true;        // Kicks wanted: the state of a fresh ring.
  std::uint16_t last_head_ = 0;
  std::size_t next_head_ = 0;
  std::array<std::uint16_t, kBurst> heads_{};
};

}  // namespace violet
