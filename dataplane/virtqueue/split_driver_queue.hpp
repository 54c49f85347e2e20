// A split driver queue is the driver side of a split virtqueue.
//
// Threading, invariants: driver_queue.hpp. The available index is stored with release (partner: the
// device's acquire); the used index is loaded with acquire (partner: the device's release).
// Limits: slot s owns descriptor s, or the pair 2s and 2s+1 (half a cache line) when a buffer takes two.
#pragma once

#include "dataplane/virtqueue/driver_queue.hpp"

namespace violet {

class alignas(kCacheLine) SplitDriverQueue final : public DriverQueue {
 public:
  SplitDriverQueue(const QueueLayout& layout, const QueueAreas& areas, const DriverOptions& options,
                   std::byte* indirect_tables, const GuestMemory& memory);

  std::size_t add(std::span<const DriverBuffer> buffers) override;
  void publish() override;
  bool needs_kick() override;
  std::size_t pop_used(std::span<UsedBuffer> out) override;
  void suppress_interrupts() override;
  bool arm_interrupts() override;
  std::size_t capacity() const override { return slots_.size(); }
  std::size_t in_flight() const override { return slots_.in_flight(); }

 private:
  void write_chain(std::uint32_t slot, const DriverBuffer& buffer) noexcept;
  void write_indirect(std::uint32_t slot, const DriverBuffer& buffer) noexcept;
  std::byte* used_event() const noexcept;
  std::byte* avail_event() const noexcept;
  void write_used_event(std::uint16_t event) noexcept;

  std::byte* descriptors_;
  std::byte* avail_;
  std::byte* used_;
  std::byte* tables_;  // Null without indirect.
  GuestPhys tables_at_;
  std::uint32_t size_;
  std::uint32_t mask_;
  std::uint32_t per_slot_;  // Descriptors of a slot: 1 or 2.
  RingFeatures features_;
  RegionCache regions_;
  SlotTable slots_;
  std::uint16_t next_avail_ = 0;
  std::uint16_t kicked_ = 0;  // The available index when needs_kick() was last asked.
  std::uint16_t next_used_ = 0;
  std::uint16_t seen_used_ = 0;
  std::uint16_t event_ = 0;  // What used_event holds.
  bool armed_ = true;
};

}  // namespace violet
