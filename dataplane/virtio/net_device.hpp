// A network device serves virtio-net (VIRTIO 1.2, section 5.1) behind an IOMMU: headers and frames all go through
// its DmaPort.
//
// Threading: owner-only: the lcore of the port.
// Invariants: a frame that is too long, too short or faults is dropped and counted; its buffer goes back and
// the queues go on. A frame from the peer waits until the guest has a buffer for it.
// Limits: one queue pair; no offloads, no merged buffers, no control queue; kMaxFrame bytes a frame.
#pragma once

#include <array>
#include <optional>

#include "dataplane/virtio/dma_queue.hpp"
#include "dataplane/virtio/net_peer.hpp"
#include "dataplane/virtio/virtio_device.hpp"

namespace violet::virtio {

struct NetCounters {
  Counter sent;      // Frames from the guest to the peer.
  Counter received;  // Frames from the peer to the guest.
  Counter bytes;     // Of both, without headers.
  Counter errors;    // Frames that were dropped for what the guest's buffers are, or a fault.
};

class NetDevice final : public VirtioDevice {
 public:
  // Port and peer outlive the device.
  NetDevice(DmaPort& port, NetPeer& peer, MacAddress mac);

  VirtioIdentity identity() const override { return {1, 0x020000}; }
  std::uint64_t features() const override;
  std::span<const std::uint16_t> queue_sizes() const override { return kQueueSizes; }
  bool accept(std::uint64_t features) override;
  void read_config(std::size_t offset, std::span<std::byte> out) const override;
  Status open_queue(unsigned index, const GuestMemory& memory, const QueueSetup& setup) override;
  void start() override { running_ = true; }
  void memory_changed() override { port_.refresh_regions(); }
  void reset(ResetKind kind) override;
  bool resetting() const override { return false; }
  bool broken() const override;
  unsigned poll(unsigned budget) override;

  const NetCounters& counters() const { return counters_; }

 private:
  enum Queue : unsigned { kReceive, kTransmit, kQueues };
  static constexpr std::array<std::uint16_t, kQueues> kQueueSizes = {256, 256};
  static constexpr std::size_t kHeader = 12;  // virtio_net_hdr with num_buffers (VERSION_1).

  unsigned transmit(unsigned budget);
  unsigned receive(unsigned budget);
  bool send(const DmaChain& chain);
  std::uint32_t deliver(const DmaChain& chain, std::span<const std::byte> frame);
  bool dma(const DmaChain& chain, Access access, std::uint32_t bytes);

  DmaPort& port_;
  NetPeer& peer_;
  MacAddress mac_;
  std::array<std::optional<DmaQueue>, kQueues> queues_;
  bool running_ = false;
  DmaChain chain_;
  std::array<DmaOp, DmaChain::kMaxSegments> ops_{};
  std::array<std::byte, kHeader + kMaxFrame> packet_{};
  NetCounters counters_;
};

}  // namespace violet::virtio
