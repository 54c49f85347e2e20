// A packed device ring is the device side of a packed virtqueue (section 2.8): one ring of descriptors that the
// driver makes available and the device marks used, told apart by wrap counters.
//
// Threading, invariants: device_ring.hpp. The second half of a chain's first descriptor is loaded with
// acquire (partner: the driver's release of it, after everything else of the chain); the second half of
// the first used descriptor of a burst is stored with release, after all others (partner: the driver's
// acquire).
// Descriptors in flight never exceed the queue size, so a used descriptor is only ever written over
// one that was read.
// Limits: tokens are buffer ids, which must be below the queue size and in flight once.
#pragma once

#include "dataplane/virtqueue/device_ring.hpp"

namespace violet {

class PackedDeviceRing : public DeviceRing {
 public:
  PackedDeviceRing(const GuestMemory& memory, const QueueLayout& layout, const QueueAreas& areas,
                   RingFeatures features, Notifier notifier)
      : DeviceRing(memory, layout, areas, features, notifier) {}

  // A packed ring has no index: each chain says itself whether it is there.
  static constexpr bool kReadyIsThere = false;
  std::size_t ready(std::size_t wanted) noexcept {
    if (broken()) return 0;
    prefetch_hint();
    ahead_.restart();
    return std::min(wanted, kBurst);
  }

  // A look that takes nothing and orders nothing.
  bool next_is_there() const noexcept {
    const std::byte* const head = descriptors_ + std::size_t{next_avail_} * kDescriptorBytes;
    const auto word = load_relaxed<std::uint64_t>(head + 8);
    return ring::has_bits(ring::word_high(word), ring::available_bits(avail_wrap_));
  }

  TakeResult take(Request& request, Segment& first) noexcept {
    const std::byte* const head = descriptors_ + std::size_t{next_avail_} * kDescriptorBytes;
    const auto word = load_acquire<std::uint64_t>(head + 8);  // partner: the driver's publish
    if (!ring::has_bits(ring::word_high(word), ring::available_bits(avail_wrap_))) {
      return TakeResult::kEmpty;
    }
    ahead_.step(descriptors_, next_avail_, size_);
    ChainGather gather(regions_, request);
    Walk walked{{load_relaxed<std::uint64_t>(head), word}, 0, RingFault::kNone};
    if (const RingFault fault = walk(walked, gather); fault != RingFault::kNone) [[unlikely]] {
      return break_ring(fault);
    }
    // Section 2.8.6: the id is that of the chain's last descriptor.
    const std::uint16_t id = ring::word_low(walked.descriptor.word);
    if (id >= size_) return break_ring(RingFault::kBufferIdOutOfRange);
    if (chains_[id].in_flight) return break_ring(RingFault::kDuplicateToken);
    in_use_ += walked.slots;
    if (walked.fault != RingFault::kNone) [[unlikely]] {
      return refuse(id, walked);
    }
    gather.commit(id, walked.slots, chains_, first);
    hint_ = first.host;
    counters_.taken.add();
    return TakeResult::kTaken;
  }

  void give_back(std::uint32_t token, std::uint32_t used) noexcept {
    Chain& chain = chains_[token];
    chain.in_flight = false;
    // Section 2.8.4: WRITE says that the length is meant.
    const auto flags =
        static_cast<std::uint16_t>(ring::used_bits(used_wrap_) | (used != 0 ? ring::kWrite : 0));
    const std::uint64_t word = ring::packed_word(used, static_cast<std::uint16_t>(token), flags);
    std::byte* const at = descriptors_ + std::size_t{next_used_} * kDescriptorBytes + 8;
    if (withheld_at_ == nullptr) {
      withheld_at_ = at;
      withheld_ = word;
    } else {
      store_relaxed(at, word);
    }
    in_use_ -= chain.slots;
    unpublished_ += chain.slots;
    next_used_ += chain.slots;
    if (next_used_ >= size_) {
      next_used_ -= size_;
      used_wrap_ = !used_wrap_;
    }
  }

  void publish() noexcept {
    if (withheld_at_ == nullptr) return;
    store_release(withheld_at_, withheld_);  // partner: the driver's acquire of the word
    withheld_at_ = nullptr;
    if (notifier_.fire != nullptr && driver_wants_notice()) notify();
    unpublished_ = 0;
  }

  void suppress_kicks() noexcept;
  // True when a chain is waiting already: the driver may not have kicked for it.
  bool arm_kicks() noexcept;

 private:
  // A chain being read: its latest descriptor, the ring slots so far, the first fault that concerns
  // only this chain. Such a fault does not end the walk, because the id is at the end.
  struct Walk {
    Descriptor descriptor;
    std::uint16_t slots;
    RingFault fault;
  };

  RingFault walk(Walk& walked, ChainGather& gather) noexcept {
    for (;;) {
      if (const RingFault fault = step(walked, gather); breaks_ring(fault)) return fault;
      const bool more = (ring::word_high(walked.descriptor.word) & ring::kNext) != 0;
      if (++next_avail_ == size_) {
        next_avail_ = 0;
        avail_wrap_ = !avail_wrap_;
      }
      if (!more) return RingFault::kNone;
      if (walked.slots >= size_) return RingFault::kLoop;
      walked.descriptor = read_descriptor(next_avail_);
      const std::uint16_t flags = ring::word_high(walked.descriptor.word);
      if (!ring::has_bits(flags, ring::available_bits(avail_wrap_))) {
        return RingFault::kWrapMismatch;
      }
    }
  }

  RingFault step(Walk& walked, ChainGather& gather) noexcept {
    const Descriptor& descriptor = walked.descriptor;
    const std::uint16_t flags = ring::word_high(descriptor.word);
    if (++walked.slots + in_use_ > size_) return RingFault::kRingOverrun;
    if (walked.fault != RingFault::kNone) return RingFault::kNone;
    if (walked.slots > kMaxChainDescriptors) {
      walked.fault = RingFault::kChainTooLong;
    } else if ((flags & ring::kIndirect) != 0) {
      walked.fault = walk_table(descriptor, gather);
    } else {
      walked.fault = gather.add(descriptor.address, ring::word_length(descriptor.word),
                                (flags & ring::kWrite) != 0);
    }
    return walked.fault;
  }

  RingFault walk_table(const Descriptor& descriptor, ChainGather& gather) noexcept;
  TakeResult refuse(std::uint16_t id, const Walk& walked) noexcept;
  bool driver_wants_notice() noexcept;

  std::uint32_t next_avail_ = 0;
  std::uint32_t next_used_ = 0;
  bool avail_wrap_ = true;
  bool used_wrap_ = true;
  std::uint32_t in_use_ = 0;       // Slots taken and not given back.
  std::uint32_t unpublished_ = 0;  // Slots given back since the last publish().
  StridePrefetch ahead_;
  std::byte* withheld_at_ = nullptr;
  std::uint64_t withheld_ = 0;
};

}  // namespace violet
