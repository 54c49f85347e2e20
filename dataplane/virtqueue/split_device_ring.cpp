#include "dataplane/virtqueue/split_device_ring.hpp"

namespace violet {

TakeResult SplitDeviceRing::refuse(std::uint16_t head, RingFault fault) noexcept {
  if (breaks_ring(fault)) return break_ring(fault);
  counters_.count(fault);
  counters_.returned.add();
  give_back(head, 0);
  return TakeResult::kReturned;
}

// Partner of the full barrier in the driver's arm_interrupts(): either it sees our used index or we see
// its wish.
bool SplitDeviceRing::driver_wants_notice() noexcept {
  full_barrier();
  if (!features_.event_idx) {
    return (load_relaxed<std::uint16_t>(driver_) & ring::kNoNotification) == 0;
  }
  const auto used_event =
      load_relaxed<std::uint16_t>(driver_ + ring::kRingHead + std::size_t{size_} * 2);
  return ring::passed_event(used_event, next_used_, published_);
}

void SplitDeviceRing::suppress_kicks() noexcept {
  armed_ = false;
  if (broken()) return;
  if (features_.event_idx) {
    // Section 2.7.10: flags stay 0, and the driver kicks once for every 65,536 chains at most; refresh()
    // keeps even that event out of reach.
    event_ = static_cast<std::uint16_t>(next_avail_ - 1);
    store_relaxed(avail_event(), event_);
  } else {
    store_relaxed(device_, ring::kNoNotification);
  }
}

void SplitDeviceRing::keep_event_behind() noexcept {
  if (static_cast<std::uint16_t>(next_avail_ - event_) < 0x4000) return;
  event_ = static_cast<std::uint16_t>(next_avail_ - 1);
  store_relaxed(avail_event(), event_);
}

bool SplitDeviceRing::arm_kicks() noexcept {
  armed_ = true;
  if (broken()) return false;
  if (features_.event_idx) {
    event_ = next_avail_;
    store_relaxed(avail_event(), event_);
  } else {
    store_relaxed(device_, std::uint16_t{0});
  }
  // Partner of the full barrier in the driver's needs_kick(): either it sees that we want a kick or we
  // see its index.
  full_barrier();
  return load_acquire<std::uint16_t>(driver_ + 2) != next_avail_;
}

}  // namespace violet
