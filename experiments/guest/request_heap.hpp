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

  Slot probe_slot() const { return static_cast<Slot>(sequence_.size() - 1); }
  bool empty() const { return free_.empty(); }
  Slot take() {
    const Slot slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void give_back(Slot slot) {
    sequence_[slot] = 0;
    if (slot != probe_slot()) free_.push_back(slot);
  }
  // Remembers the order of requests for diagnostics; `number` is at least 1.
  void set_number(Slot slot, std::uint64_t number) { sequence_[slot] = number; }
  std::uint64_t number(Slot slot) const { return sequence_[slot]; }
  // The request that is with the device for longest.
  std::optional<Slot> oldest() const;

  // Stores the device-readable part and clears the tail; returns the slot's buffer with their lengths.
  template <class Wire>
  const DriverBuffer& write(Slot slot, const Wire& request, std::uint32_t writable);
  const std::byte* readable(Slot slot) const { return host_ + offset(slot); }
  // The device-writable part.
  const std::byte* writable(Slot slot) const { return host_ + offset(slot) + kWritableAt; }

 private:
  static constexpr std::size_t kSlotBytes = 128;
  static constexpr std::size_t kWritableAt = 96;  // Behind the longest readable part (72), aligned.

  RequestHeap(GuestPhys phys, std::byte* host, std::size_t slots);
  // The probe slot is the last and may be longer.
  std::size_t offset(Slot slot) const { return std::size_t{slot} * kSlotBytes; }

  std::byte* host_;
  std::vector<DriverBuffer> buffers_;  // Of the slots, where each lies in guest memory.
  std::vector<Slot> free_;
  std::vector<std::uint64_t> sequence_;  // 0: not in flight.
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
