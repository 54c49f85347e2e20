// A split driver queue is the driver side of a split virtqueue.
//
// Threading, invariants: driver_queue.hpp. The available index is stored with release (partner: the
// device's acquire); the used index is loaded with acquire (partner: the device's release).
// Limits: slot s owns descriptor s, or the pair 2s and 2s+1 (half a cache line) when a buffer takes two.
#include <algorithm>
#include <cstring>

#include "dataplane/virtqueue/driver_queue.hpp"
#include "dataplane/virtqueue/guest_atomic.hpp"

namespace violet {
namespace {

void write_descriptor(std::byte* at, GuestPhys address, std::uint64_t word) noexcept {
  store_relaxed(at, address.value);
  store_relaxed(at + 8, word);
}

// Two descriptors, or the one that there is; `next` is the index of the second.
void write_pair(std::byte* at, std::uint16_t next, const DriverBuffer& buffer) noexcept {
  const bool both = buffer.readable_bytes != 0 && buffer.writable_bytes != 0;
  if (buffer.readable_bytes != 0) {
    const std::uint16_t flags = both ? ring::kNext : std::uint16_t{0};
    write_descriptor(at, buffer.readable, ring::split_word(buffer.readable_bytes, flags, next));
  }
  if (buffer.writable_bytes != 0) {
    write_descriptor(both ? at + kDescriptorBytes : at, buffer.writable,
                     ring::split_word(buffer.writable_bytes, ring::kWrite, 0));
  }
}

}  // namespace

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

SplitDriverQueue::SplitDriverQueue(const QueueLayout& layout, const QueueAreas& areas,
                                   const DriverOptions& options, std::byte* indirect_tables,
                                   const GuestMemory& memory)
    : descriptors_(areas.descriptors),
      avail_(areas.driver),
      used_(areas.device),
      tables_(indirect_tables),
      tables_at_(layout.indirect_tables),
      size_(layout.size),
      mask_(layout.size - 1),
      per_slot_(options.use_indirect || options.single_segment ? 1 : 2),
      features_(options.features),
      regions_(memory),
      slots_(layout.size / per_slot_) {
  std::memset(descriptors_, 0, layout.descriptor_bytes());
  std::memset(avail_, 0, layout.driver_bytes());
  std::memset(used_, 0, layout.device_bytes());
}

std::byte* SplitDriverQueue::used_event() const noexcept {
  return avail_ + ring::kRingHead + std::size_t{size_} * 2;
}

std::byte* SplitDriverQueue::avail_event() const noexcept {
  return used_ + ring::kRingHead + std::size_t{size_} * ring::kUsedElement;
}

void SplitDriverQueue::write_chain(std::uint32_t slot, const DriverBuffer& buffer) noexcept {
  const std::uint32_t head = slot * per_slot_;
  VIOLET_DCHECK(per_slot_ == 2 || buffer.readable_bytes == 0 || buffer.writable_bytes == 0);
  write_pair(descriptors_ + std::size_t{head} * kDescriptorBytes,
             static_cast<std::uint16_t>(head + 1), buffer);
}

void SplitDriverQueue::write_indirect(std::uint32_t slot, const DriverBuffer& buffer) noexcept {
  const std::size_t offset = std::size_t{slot} * 2 * kDescriptorBytes;
  const bool both = buffer.readable_bytes != 0 && buffer.writable_bytes != 0;
  write_pair(tables_ + offset, 1, buffer);
  const auto bytes = static_cast<std::uint32_t>((both ? 2 : 1) * kDescriptorBytes);
  write_descriptor(descriptors_ + std::size_t{slot} * kDescriptorBytes, {tables_at_.value + offset},
                   ring::split_word(bytes, ring::kIndirect, 0));
}

std::size_t SplitDriverQueue::add(std::span<const DriverBuffer> buffers) {
  std::size_t added = 0;
  // The device has read these descriptors; asked for together they come back together.
  for (std::size_t i = 1; i < std::min(buffers.size(), slots_.free()); ++i) {
    prefetch_for_write(descriptors_ + std::size_t{slots_.peek(i)} * per_slot_ * kDescriptorBytes);
  }
  for (; added < buffers.size() && !slots_.full(); ++added) {
    const DriverBuffer& buffer = buffers[added];
    VIOLET_DCHECK(buffer.readable_bytes != 0 || buffer.writable_bytes != 0);
    const std::uint32_t slot = slots_.take(buffer.cookie, answer_line(regions_, buffer));
    if (tables_ != nullptr) {
      write_indirect(slot, buffer);
    } else {
      write_chain(slot, buffer);
    }
    store_relaxed(avail_ + ring::kRingHead + (next_avail_ & mask_) * 2,
                  static_cast<std::uint16_t>(slot * per_slot_));
    ++next_avail_;
  }
  return added;
}

void SplitDriverQueue::publish() {
  store_release(avail_ + 2, next_avail_);  // partner: the device's acquire of avail.idx
}

// Partner of the full barrier in the device's arm_kicks().
bool SplitDriverQueue::needs_kick() {
  const std::uint16_t before = kicked_;
  kicked_ = next_avail_;
  full_barrier();
  if (!features_.event_idx) {
    return (load_relaxed<std::uint16_t>(used_) & ring::kNoNotification) == 0;
  }
  return ring::passed_event(load_relaxed<std::uint16_t>(avail_event()), next_avail_, before);
}

std::size_t SplitDriverQueue::pop_used(std::span<UsedBuffer> out) {
  std::size_t there = static_cast<std::uint16_t>(seen_used_ - next_used_);
  if (there < out.size()) {
    seen_used_ = load_acquire<std::uint16_t>(used_ + 2);  // partner: the device's publish
    there = static_cast<std::uint16_t>(seen_used_ - next_used_);
  }
  const std::size_t count = std::min(out.size(), there);
  for (std::size_t i = 0; i < count; ++i, ++next_used_) {
    const std::byte* const at = used_ + ring::kRingHead + (next_used_ & mask_) * ring::kUsedElement;
    const auto head = load_relaxed<std::uint32_t>(at);
    out[i] = {slots_.give_back(head / per_slot_), load_relaxed<std::uint32_t>(at + 4)};
  }
  // An event index that is passed asks again only when it is moved; one that must not be passed is
  // moved before the index comes round.
  if (features_.event_idx && count > 0) {
    if (armed_) {
      write_used_event(next_used_);
    } else if (static_cast<std::uint16_t>(next_used_ - event_) >= 0x4000) {
      write_used_event(static_cast<std::uint16_t>(next_used_ - 1));
    }
  }
  return count;
}

void SplitDriverQueue::write_used_event(std::uint16_t event) noexcept {
  event_ = event;
  store_relaxed(used_event(), event);
}

void SplitDriverQueue::suppress_interrupts() {
  armed_ = false;
  if (features_.event_idx) {
    write_used_event(static_cast<std::uint16_t>(next_used_ - 1));
  } else {
    store_relaxed(avail_, ring::kNoNotification);
  }
}

bool SplitDriverQueue::arm_interrupts() {
  armed_ = true;
  if (features_.event_idx) {
    write_used_event(next_used_);
  } else {
    store_relaxed(avail_, std::uint16_t{0});
  }
  // Partner of the full barrier in the device's driver_wants_notice().
  full_barrier();
  return load_acquire<std::uint16_t>(used_ + 2) != next_used_;
}

std::unique_ptr<DriverQueue> make_split_driver_queue(const GuestMemory& memory,
                                                     const QueueLayout& layout,
                                                     const QueueAreas& areas,
                                                     const DriverOptions& options,
                                                     std::byte* indirect_tables) {
  return std::make_unique<SplitDriverQueue>(layout, areas, options, indirect_tables, memory);
}

}  // namespace violet
