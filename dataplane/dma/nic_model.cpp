#include "dataplane/dma/nic_model.hpp"

#include <algorithm>

#include "dataplane/dma/payload.hpp"

namespace violet {

NicModel::NicModel(DmaPort& port) : port_(port), packets_(std::size_t{kBurst} * kMaxPacket) {}

unsigned NicModel::poll(unsigned budget) { return receive(budget) + transmit(budget); }

std::size_t NicModel::run(unsigned count) {
  const std::size_t good = port_.run(std::span(ops_.data(), count));
  dma_errors_.add(count - good);
  return good;
}

bool NicModel::run_on_ring() {
  const bool good = run(1) == 1;
  if (!good) ring_errors_.add();
  return good;
}

unsigned NicModel::fetch(Channel& channel, unsigned budget) {
  const std::uint32_t posted = channel.tail.read() - channel.head;
  const std::uint32_t slot = channel.head & (channel.ring.size - 1);
  const std::uint32_t count =
      std::min({posted, channel.ring.size - slot, std::uint32_t{budget}, std::uint32_t{kBurst}});
  if (count == 0) return 0;
  ops_[0] = {.iova = {channel.ring.base.value + slot * sizeof(NicDescriptor)},
             .bytes = static_cast<std::uint32_t>(count * sizeof(NicDescriptor)),
             .access = Access::kRead,
             .buffer = reinterpret_cast<std::byte*>(descriptors_.data()),
             .result = DmaResult::kOk};
  // A ring that cannot be read is not retried here: the driver sees no progress.
  return run_on_ring() ? count : 0;
}

void NicModel::write_back(Channel& channel, unsigned count) {
  const std::uint32_t slot = channel.head & (channel.ring.size - 1);
  ops_[0] = {.iova = {channel.ring.base.value + slot * sizeof(NicDescriptor)},
             .bytes = static_cast<std::uint32_t>(count * sizeof(NicDescriptor)),
             .access = Access::kWrite,
             .buffer = reinterpret_cast<std::byte*>(descriptors_.data()),
             .result = DmaResult::kOk};
  run_on_ring();
  channel.head += count;
  channel.completed.write(channel.head);
}

unsigned NicModel::receive(unsigned budget) {
  const unsigned count = fetch(rx_, budget);
  if (count == 0) return 0;
  for (unsigned i = 0; i < count; ++i) {
    const std::uint32_t bytes =
        std::min({std::uint32_t{descriptors_[i].bytes}, packet_bytes_, kMaxPacket});
    std::byte* packet = packets_.data() + std::size_t{i} * kMaxPacket;
    stamp_payload(std::span(packet, bytes), rx_sequence_++);
    ops_[i] = {.iova = {descriptors_[i].address},
               .bytes = bytes,
               .access = Access::kWrite,
               .buffer = packet,
               .result = DmaResult::kOk};
  }
  run(count);
  for (unsigned i = 0; i < count; ++i) {
    const bool good = ops_[i].result == DmaResult::kOk && ops_[i].bytes > 0;
    descriptors_[i].bytes = ops_[i].bytes;
    descriptors_[i].flags = static_cast<std::uint16_t>(good ? kNicDone : kNicDone | kNicError);
  }
  write_back(rx_, count);
  return count;
}

unsigned NicModel::transmit(unsigned budget) {
  const unsigned count = fetch(tx_, budget);
  if (count == 0) return 0;
  for (unsigned i = 0; i < count; ++i) {
    ops_[i] = {.iova = {descriptors_[i].address},
               .bytes = std::min(std::uint32_t{descriptors_[i].bytes}, kMaxPacket),
               .access = Access::kRead,
               .buffer = packets_.data() + std::size_t{i} * kMaxPacket,
               .result = DmaResult::kOk};
  }
  run(count);
  for (unsigned i = 0; i < count; ++i) {
    const bool good = ops_[i].result == DmaResult::kOk && ops_[i].bytes > 0;
    if (good && !payload_matches(std::span(ops_[i].buffer, ops_[i].bytes), tx_sequence_)) {
      tx_data_errors_.add();
    }
    ++tx_sequence_;
    descriptors_[i].flags = static_cast<std::uint16_t>(good ? kNicDone : kNicDone | kNicError);
  }
  write_back(tx_, count);
  return count;
}

}  // namespace violet
