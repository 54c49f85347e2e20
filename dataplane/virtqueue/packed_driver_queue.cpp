// A packed driver queue is the driver side of a packed virtqueue.
//
// Threading, invariants: driver_queue.hpp. The second half of the first descriptor of a burst is stored
// with release after all others (partner: the device's acquire); the second half of a used descriptor is
// loaded with acquire (partner: the device's release).
// Limits: buffer ids are slots; a buffer takes one or two descriptors of the ring.
#include <cstring>

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

PackedDriverQueue::PackedDriverQueue(const QueueLayout& layout, const QueueAreas& areas,
                                     const DriverOptions& options, std::byte* indirect_tables,
                                     const GuestMemory& memory)
    : descriptors_(areas.descriptors),
      driver_event_(areas.driver),
      device_event_(areas.device),
      tables_(indirect_tables),
      tables_at_(layout.indirect_tables),
      size_(layout.size),
      features_(options.features),
      regions_(memory),
      slots_(options.use_indirect || options.single_segment ? layout.size : layout.size / 2),
      descriptors_of_(slots_.size()) {
  std::memset(descriptors_, 0, layout.descriptor_bytes());
  std::memset(driver_event_, 0, layout.driver_bytes());
  std::memset(device_event_, 0, layout.device_bytes());
}

PackedDriverQueue::Place PackedDriverQueue::next_place() noexcept {
  const Place place{descriptors_ + std::size_t{next_avail_} * kDescriptorBytes, avail_wrap_};
  ++added_;
  if (++next_avail_ == size_) {
    next_avail_ = 0;
    avail_wrap_ = !avail_wrap_;
  }
  return place;
}

// The device looks at heads in order, so holding the first one back hides all behind it.
void PackedDriverQueue::write_head(const Place& place, GuestPhys address,
                                   std::uint64_t word) noexcept {
  store_relaxed(place.at, address.value);
  if (withheld_at_ == nullptr) {
    withheld_at_ = place.at + 8;
    withheld_ = word;
  } else {
    store_relaxed(place.at + 8, word);
  }
}

void PackedDriverQueue::write_chain(std::uint16_t slot, const DriverBuffer& buffer) noexcept {
  const bool readable = buffer.readable_bytes != 0;
  const bool both = readable && buffer.writable_bytes != 0;
  const Place head = next_place();
  if (both) {
    const Place tail = next_place();
    const auto flags = static_cast<std::uint16_t>(ring::available_bits(tail.wrap) | ring::kWrite);
    store_relaxed(tail.at, buffer.writable.value);
    store_relaxed(tail.at + 8, ring::packed_word(buffer.writable_bytes, slot, flags));
  }
  const auto flags = static_cast<std::uint16_t>(
      ring::available_bits(head.wrap) | (both ? ring::kNext : 0) | (readable ? 0 : ring::kWrite));
  write_head(
      head, readable ? buffer.readable : buffer.writable,
      ring::packed_word(readable ? buffer.readable_bytes : buffer.writable_bytes, slot, flags));
  descriptors_of_[slot] = both ? 2 : 1;
}

void PackedDriverQueue::write_indirect(std::uint16_t slot, const DriverBuffer& buffer) noexcept {
  const std::size_t offset = std::size_t{slot} * 2 * kDescriptorBytes;
  std::byte* at = tables_ + offset;
  std::uint32_t bytes = 0;
  const auto entry = [&](GuestPhys address, std::uint32_t length, std::uint16_t flags) {
    if (length == 0) return;
    store_relaxed(at + bytes, address.value);
    store_relaxed(at + bytes + 8, ring::packed_word(length, 0, flags));
    bytes += static_cast<std::uint32_t>(kDescriptorBytes);
  };
  entry(buffer.readable, buffer.readable_bytes, 0);
  entry(buffer.writable, buffer.writable_bytes, ring::kWrite);
  const Place head = next_place();
  const auto flags = static_cast<std::uint16_t>(ring::available_bits(head.wrap) | ring::kIndirect);
  write_head(head, {tables_at_.value + offset}, ring::packed_word(bytes, slot, flags));
  descriptors_of_[slot] = 1;
}

std::size_t PackedDriverQueue::add(std::span<const DriverBuffer> buffers) {
  std::size_t added = 0;
  for (; added < buffers.size() && !slots_.full(); ++added) {
    const DriverBuffer& buffer = buffers[added];
    VIOLET_DCHECK(buffer.readable_bytes != 0 || buffer.writable_bytes != 0);
    const std::uint16_t slot = slots_.take(buffer.cookie, answer_line(regions_, buffer));
    if (tables_ != nullptr) {
      write_indirect(slot, buffer);
    } else {
      write_chain(slot, buffer);
    }
  }
  return added;
}

void PackedDriverQueue::publish() {
  if (withheld_at_ == nullptr) return;
  store_release(withheld_at_, withheld_);  // partner: the device's acquire of the word
  withheld_at_ = nullptr;
}

// Partner of the full barrier in the device's arm_kicks(). Positions as in the device's
// driver_wants_notice().
bool PackedDriverQueue::needs_kick() {
  const auto now = static_cast<std::uint16_t>(next_avail_);
  const auto before = static_cast<std::uint16_t>(now - added_);
  added_ = 0;
  full_barrier();
  const auto event = load_relaxed<std::uint32_t>(device_event_);
  const auto flags = static_cast<std::uint16_t>(event >> 16);
  if (flags == ring::kEventsOff) return false;
  if (flags != ring::kEventsAtPosition || !features_.event_idx) return true;
  const auto position = static_cast<std::uint16_t>(event);
  const bool this_lap = ((position & ring::kPositionWrap) != 0) == avail_wrap_;
  const auto at =
      static_cast<std::uint16_t>((position & ~ring::kPositionWrap) - (this_lap ? 0u : size_));
  return ring::passed_event(at, now, before);
}

std::size_t PackedDriverQueue::pop_used(std::span<UsedBuffer> out) {
  std::size_t count = 0;
  ahead_.restart();
  for (; count < out.size(); ++count) {
    const std::byte* const at = descriptors_ + std::size_t{next_used_} * kDescriptorBytes + 8;
    const auto word = load_acquire<std::uint64_t>(at);  // partner: the device's publish
    const std::uint16_t flags = ring::word_high(word);
    if (!ring::has_bits(flags, ring::used_bits(used_wrap_))) break;
    ahead_.step(descriptors_, next_used_, size_);
    const std::uint16_t slot = ring::word_low(word);
    // Section 2.8.4: without WRITE the length means nothing.
    const std::uint32_t bytes = (flags & ring::kWrite) != 0 ? ring::word_length(word) : 0;
    out[count] = {slots_.give_back(slot), bytes};
    next_used_ += descriptors_of_[slot];
    if (next_used_ >= size_) {
      next_used_ -= size_;
      used_wrap_ = !used_wrap_;
    }
  }
  if (count > 0 && armed_ && features_.event_idx) write_wish();
  return count;
}

void PackedDriverQueue::suppress_interrupts() {
  armed_ = false;
  store_relaxed(driver_event_, std::uint32_t{ring::kEventsOff} << 16);
}

void PackedDriverQueue::write_wish() noexcept {
  std::uint32_t event = std::uint32_t{ring::kEventsOn} << 16;
  if (features_.event_idx) {
    event = std::uint32_t{ring::kEventsAtPosition} << 16 | (used_wrap_ ? ring::kPositionWrap : 0u) |
            next_used_;
  }
  store_relaxed(driver_event_, event);
}

bool PackedDriverQueue::arm_interrupts() {
  armed_ = true;
  write_wish();
  // Partner of the full barrier in the device's driver_wants_notice().
  full_barrier();
  const std::byte* const at = descriptors_ + std::size_t{next_used_} * kDescriptorBytes + 8;
  const auto word = load_acquire<std::uint64_t>(at);
  return ring::has_bits(ring::word_high(word), ring::used_bits(used_wrap_));
}

std::unique_ptr<DriverQueue> make_packed_driver_queue(const GuestMemory& memory,
                                                      const QueueLayout& layout,
                                                      const QueueAreas& areas,
                                                      const DriverOptions& options,
                                                      std::byte* indirect_tables) {
  return std::make_unique<PackedDriverQueue>(layout, areas, options, indirect_tables, memory);
}

}  // namespace violet
