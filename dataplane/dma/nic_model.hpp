// A NIC model has one receive and one transmit ring in guest memory, reached by DMA alone: it reads its
// descriptors, writes or reads the packets, and writes the descriptors back, all through the IOTLB.
//
//   driver: fill descriptor i, post_rx(tail)      NIC: read descriptors, write packet, write back,
//           ... rx_completed() moved              then rx_completed = i + 1
//
// Threading: as endpoint_model.hpp says. Registers are free-running counters, not ring indexes.
// Invariants: the NIC never runs ahead of what was posted; a descriptor whose DMA faults is written
// back with kNicError (or skipped, if even that faults) and counted, and the ring goes on.
// Limits: packets up to kMaxPacket bytes; ring sizes are powers of two up to 4,096.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/dma/dma_port.hpp"
#include "dataplane/dma/endpoint_model.hpp"
#include "engine/protocol/wire.hpp"

namespace violet {

struct NicDescriptor {
  protocol::le64 address;
  protocol::le32 bytes;  // Posted: buffer size. Written back: packet size.
  protocol::le16 flags;
  protocol::le16 reserved;
};
static_assert(sizeof(NicDescriptor) == 16);
inline constexpr std::uint16_t kNicDone = 1;
inline constexpr std::uint16_t kNicError = 2;

struct NicRing {
  Iova base;                 // IOVA of the descriptors.
  std::uint32_t size = 256;  // Descriptors; power of two.
};

class NicModel final : public EndpointModel {
 public:
  static constexpr std::uint32_t kMaxPacket = 9216;

  // `port` outlives the model.
  explicit NicModel(DmaPort& port);

  // Driver side, before traffic.
  void set_rx_ring(const NicRing& ring) { rx_.ring = ring; }
  void set_tx_ring(const NicRing& ring) { tx_.ring = ring; }
  // The link always has another packet of this size to deliver (closed loop).
  void set_packet_bytes(std::uint32_t bytes) { packet_bytes_ = bytes; }

  // Driver side, while running: descriptors posted in all, and completed in all.
  void post_rx(std::uint32_t tail) { rx_.tail.write(tail); }
  void post_tx(std::uint32_t tail) { tx_.tail.write(tail); }
  std::uint32_t rx_completed() const { return rx_.completed.read(); }
  std::uint32_t tx_completed() const { return tx_.completed.read(); }

  unsigned poll(unsigned budget) override;
  std::uint64_t dma_errors() const override { return dma_errors_.value(); }
  std::uint64_t ring_errors() const override { return ring_errors_.value(); }
  // Packets sent whose stamp was not the next in sequence: transmit data was wrong.
  std::uint64_t tx_data_errors() const { return tx_data_errors_.value(); }

 private:
  static constexpr unsigned kBurst = 32;

  struct Channel {
    NicRing ring;
    Register tail;
    Register completed;
    std::uint32_t head = 0;  // Owner: the NIC.
  };

  // Reads up to `budget` posted descriptors (to the end of the ring at most); returns how many.
  unsigned fetch(Channel& channel, unsigned budget);
  void write_back(Channel& channel, unsigned count);
  unsigned receive(unsigned budget);
  unsigned transmit(unsigned budget);
  std::size_t run(unsigned count);
  bool run_on_ring();  // The first of ops_.

  DmaPort& port_;
  Channel rx_;
  Channel tx_;
  std::uint32_t packet_bytes_ = 1500;
  std::uint64_t rx_sequence_ = 0;
  std::uint64_t tx_sequence_ = 0;
  std::array<NicDescriptor, kBurst> descriptors_{};
  std::array<DmaOp, kBurst> ops_{};
  std::vector<std::byte> packets_;  // kBurst buffers of kMaxPacket bytes.
  Counter dma_errors_;
  Counter ring_errors_;
  Counter tx_data_errors_;
};

}  // namespace violet
