// A packed driver queue is the driver side of a packed virtqueue.
//
// Threading, invariants: driver_queue.hpp. The second half of the first descriptor of a burst is stored
// with release after all others (partner: the device's acquire); the second half of a used descriptor is
// loaded with acquire (partner: the device's release).
// Limits: buffer ids are slots; a buffer takes one or two descriptors of the ring.
#pragma once

#include "dataplane/virtqueue/driver_queue.hpp"
#include "dataplane/virtqueue/guest_atomic.hpp"

namespace violet {

class alignas(kCacheLine) PackedDriverQueue final : public DriverQueue {
 public:
  PackedDriverQueue(const QueueLayout& layout, const QueueAreas& areas,
                    const DriverOptions& options, std::byte* indirect_tables,
                    const GuestMemory& memory);

  std::size_t add(std::span<const DriverBuffer> buffers) override;
  void publish() override;
  bool needs_kick() override;
  std::size_t pop_used(std::span<UsedBuffer> out) override;
  void suppress_interrupts() override;
  bool arm_interrupts() override;
  std::size_t capacity() const override { return slots_.size(); }
  std::size_t in_flight() const override { return slots_.in_flight(); }

 private:
  struct Place {
    std::byte* at;
    bool wrap;
  };

  void write_wish() noexcept;
  Place next_place() noexcept;
  void write_head(const Place& place, GuestPhys address, std::uint64_t word) noexcept;
  void write_chain(std::uint16_t slot, const DriverBuffer& buffer) noexcept;
  void write_indirect(std::uint16_t slot, const DriverBuffer& buffer) noexcept;

  std::byte* descriptors_;
  std::byte* driver_event_;
  std::byte* device_event_;
  std::byte* tables_;  // Null without indirect.
  GuestPhys tables_at_;
  std::uint32_t size_;
  RingFeatures features_;
  RegionCache regions_;
  SlotTable slots_;
  AlignedArray<std::uint8_t> descriptors_of_;  // By slot, while in flight.
  std::uint32_t next_avail_ = 0;
  std::uint32_t next_used_ = 0;
  bool avail_wrap_ = true;
  bool used_wrap_ = true;
  std::uint32_t added_ = 0;  // Descriptors since needs_kick() was last asked.
  StridePrefetch ahead_;
  std::byte* withheld_at_ = nullptr;
  std::uint64_t withheld_ = 0;
  bool armed_ = true;
};

}  // namespace violet
