#include "dataplane/virtqueue/packed_device_ring.hpp"

namespace violet {

// Section 2.8.8: the entries of a table follow one another; of their flags only WRITE has a meaning.
RingFault PackedDeviceRing::walk_table(const Descriptor& descriptor, ChainGather& gather) noexcept {
  const std::uint32_t bytes = ring::word_length(descriptor.word);
  if (const RingFault fault = check_indirect(features_, ring::word_high(descriptor.word), bytes);
      fault != RingFault::kNone) {
    return fault;
  }
  Table table;
  if (const RingFault fault = open_table(descriptor.address, bytes, table);
      fault != RingFault::kNone) {
    return fault;
  }
  const std::uint32_t entries = bytes / static_cast<std::uint32_t>(kDescriptorBytes);
  if (entries > kMaxChainDescriptors) return RingFault::kChainTooLong;
  for (std::uint32_t i = 0; i < entries; ++i) {
    const Descriptor entry = table[i];
    const std::uint16_t flags = ring::word_high(entry.word);
    if ((flags & ring::kIndirect) != 0) return RingFault::kNestedIndirect;
    const RingFault fault =
        gather.add(entry.address, ring::word_length(entry.word), (flags & ring::kWrite) != 0);
    if (fault != RingFault::kNone) return fault;
  }
  return RingFault::kNone;
}

TakeResult PackedDeviceRing::refuse(std::uint16_t id, const Walk& walked) noexcept {
  counters_.count(walked.fault);
  counters_.returned.add();
  chains_[id].slots = walked.slots;
  give_back(id, 0);
  return TakeResult::kReturned;
}

// Partner of the full barrier in the driver's arm_interrupts(). Read as one word, so that position and
// flags belong together.
bool PackedDeviceRing::driver_wants_notice() noexcept {
  full_barrier();
  const auto event = load_relaxed<std::uint32_t>(driver_);
  const auto flags = static_cast<std::uint16_t>(event >> 16);
  if (flags == ring::kEventsOff) return false;
  if (flags != ring::kEventsAtPosition || !features_.event_idx) return true;
  const auto position = static_cast<std::uint16_t>(event);
  // Positions of this lap count from 0 to size - 1, those of the lap before lie `size` below.
  const auto now = static_cast<std::uint16_t>(next_used_);
  const auto before = static_cast<std::uint16_t>(now - unpublished_);
  const bool this_lap = ((position & ring::kPositionWrap) != 0) == used_wrap_;
  const auto at =
      static_cast<std::uint16_t>((position & ~ring::kPositionWrap) - (this_lap ? 0u : size_));
  return ring::passed_event(at, now, before);
}

void PackedDeviceRing::suppress_kicks() noexcept {
  if (broken()) return;
  store_relaxed(device_, std::uint32_t{ring::kEventsOff} << 16);
}

bool PackedDeviceRing::arm_kicks() noexcept {
  if (broken()) return false;
  std::uint32_t event = std::uint32_t{ring::kEventsOn} << 16;
  if (features_.event_idx) {
    event = std::uint32_t{ring::kEventsAtPosition} << 16 |
            (avail_wrap_ ? ring::kPositionWrap : 0u) | next_avail_;
  }
  store_relaxed(device_, event);
  // Partner of the full barrier in the driver's needs_kick(): either it sees that we want a kick or we
  // see its descriptor.
  full_barrier();
  const std::byte* const head = descriptors_ + std::size_t{next_avail_} * kDescriptorBytes;
  const auto word = load_acquire<std::uint64_t>(head + 8);
  return ring::has_bits(ring::word_high(word), ring::available_bits(avail_wrap_));
}

}  // namespace violet
