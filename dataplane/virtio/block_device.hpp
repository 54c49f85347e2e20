// A block device serves virtio-blk (VIRTIO 1.2, section 5.2) behind an IOMMU: requests, data and status all go
// through its DmaPort.
//
// Threading: owner-only: the lcore of the port.
// Invariants: a request that the disk cannot satisfy, or whose data faults, ends with a status other than
// OK and the queue goes on. Nothing outside the disk is read or written.
// A poll ends after kPollBytes or a flush, so that a full queue does not hold up the functions beside it.
// Limits: one queue; kMaxTransfer bytes a request; a flush of a disk with a file blocks the lcore.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "dataplane/virtio/disk.hpp"
#include "dataplane/virtio/dma_queue.hpp"
#include "dataplane/virtio/virtio_device.hpp"
#include "engine/telemetry/event.hpp"

namespace violet::virtio {

struct BlockCounters {
  Counter reads;
  Counter writes;
  Counter flushes;
  Counter bytes;   // Read and written.
  Counter errors;  // Requests that did not end with OK.
};

class BlockDevice final : public VirtioDevice {
 public:
  static constexpr std::uint32_t kMaxTransfer = 16u << 20;
  static constexpr std::uint64_t kPollBytes = 1u << 20;

  // Port and disk outlive the device. The serial number is cut to 20 bytes.
  BlockDevice(DmaPort& port, Disk& disk, std::string serial);

  VirtioIdentity identity() const override { return {2, 0x010000}; }
  std::uint64_t features() const override;
  std::span<const std::uint16_t> queue_sizes() const override { return kQueueSizes; }
  bool accept(std::uint64_t features) override;
  void read_config(std::size_t offset, std::span<std::byte> out) const override;
  Status open_queue(unsigned index, const GuestMemory& memory, const QueueSetup& setup) override;
  void start() override { running_ = true; }
  void memory_changed() override { port_.refresh_regions(); }
  void reset(ResetKind kind) override;
  bool resetting() const override { return false; }
  bool broken() const override { return queue_ && queue_->broken(); }
  unsigned poll(unsigned budget) override;

  const BlockCounters& counters() const { return counters_; }

 private:
  static constexpr std::array<std::uint16_t, 1> kQueueSizes = {256};
  enum class BlockResult : std::uint8_t { kOk = 0, kIoError = 1, kUnsupported = 2 };
  struct Outcome {
    BlockResult result;
    std::uint32_t written;  // Bytes of data.
  };

  std::uint32_t serve(const DmaChain& chain);
  Outcome execute(const DmaChain& chain);
  Outcome move(const DmaChain& chain, Access access, std::uint64_t sector, std::uint64_t from,
               std::uint64_t bytes);
  Outcome tell_serial(const DmaChain& chain);
  bool dma(const DmaChain& chain, Access access, std::uint64_t from, std::uint32_t bytes,
           std::byte* buffer);

  DmaPort& port_;
  Disk& disk_;
  std::array<char, 20> serial_{};
  std::optional<DmaQueue> queue_;
  bool running_ = false;
  DmaChain chain_;
  std::array<DmaOp, DmaChain::kMaxSegments> ops_{};
  BlockCounters counters_;
};

}  // namespace violet::virtio
