// The request heap holds the requests in flight in guest memory: the kernel copies each request to its heap,
// because the device reads it after the call that made it has returned.
//
// Threading: owner-only.
// Invariants: a slot is with the device from take() to give_back(). Slots are reused last in first
// out, so that a driver with few requests in flight stays on few cache lines.
// Limits: as many slots as the ring holds buffers; a slot of 128 bytes, but one buffer as large as the
// device wants for PROBE, which only one request at a time uses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/virtqueue/driver_queue.hpp"
#include "engine/base/result.hpp"
#include "engine/protocol/wire.hpp"
#include "experiments/guest/guest_pages.hpp"

namespace violet {

class RequestHeap {
 public:
  using Slot = std::uint32_t;

  // Allocates its pages for good.
  static Result<RequestHeap> create(GuestPages& pages, std::size_t slots, std::uint32_t probe_size);

  Slot probe_slot() const { return static_cast<Slot>(order_.size() - 1); }
  bool empty() const { return free_.empty(); }
  Slot take() {
    const Slot slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void give_back(Slot slot) {
    leave_order(slot);
    if (slot != probe_slot()) free_.push_back(slot);
  }
  // The request is with the device from now on; `number` is at least 1, and above those given before.
  void set_number(Slot slot, std::uint64_t number) {
    order_[slot] = {number, newest_, kNone};
    (newest_ == kNone ? oldest_ : order_[newest_].newer) = slot;
    newest_ = slot;
  }
  std::uint64_t number(Slot slot) const { return order_[slot].number; }
  // The request that is with the device for longest, however many there are, in one step.
  std::optional<Slot> oldest() const {
    return oldest_ == kNone ? std::nullopt : std::optional(oldest_);
  }

  // Stores the device-readable part and clears the tail; returns the slot's buffer with their lengths.
  template <class Wire>
  const DriverBuffer& write(Slot slot, const Wire& request, std::uint32_t writable);
  const std::byte* readable(Slot slot) const { return host_ + offset(slot); }
  // The device-writable part.
  const std::byte* writable(Slot slot) const { return host_ + offset(slot) + kWritableAt; }

 private:
  static constexpr std::size_t kSlotBytes = 128;
  static constexpr std::size_t kWritableAt = 96;  // Behind the longest readable part (72), aligned.

  static constexpr Slot kNone = ~Slot{0};

  // A slot's place in the order of the requests that are with the device.
  struct Place {
    std::uint64_t number = 0;  // 0: not in flight.
    Slot older = kNone, newer = kNone;
  };

  RequestHeap(GuestPhys phys, std::byte* host, std::size_t slots);
  // The probe slot is the last and may be longer.
  std::size_t offset(Slot slot) const { return std::size_t{slot} * kSlotBytes; }
  // Answers come in any order; one for what is not in flight changes nothing.
  void leave_order(Slot slot) {
    Place& place = order_[slot];
    if (place.number == 0) return;
    (place.older == kNone ? oldest_ : order_[place.older].newer) = place.newer;
    (place.newer == kNone ? newest_ : order_[place.newer].older) = place.older;
    place = {};
  }

  std::byte* host_;
  std::vector<DriverBuffer> buffers_;  // Of the slots, where each lies in guest memory.
  std::vector<Slot> free_;
  std::vector<Place> order_;  // By slot.
  Slot oldest_ = kNone, newest_ = kNone;
};

template <class Wire>
const DriverBuffer& RequestHeap::write(Slot slot, const Wire& request, std::uint32_t writable) {
  static_assert(sizeof(Wire) <= kWritableAt);
  const std::size_t at = offset(slot);
  __builtin_memcpy(host_ + at, &request, sizeof(request));
  // A device that says OK without writing a status must not look as if it had.
  __builtin_memset(host_ + at + kWritableAt + writable - sizeof(protocol::Tail), 0xff,
                   sizeof(protocol::Tail));
  buffers_[slot].readable_bytes = sizeof(Wire);
  buffers_[slot].writable_bytes = writable;
  return buffers_[slot];
}

}  // namespace violet
