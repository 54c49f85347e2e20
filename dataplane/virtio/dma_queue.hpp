// A DMA queue is the device side of a split virtqueue whose rings and buffers lie behind an IOMMU
// (ACCESS_PLATFORM): every access to them is a DMA of the endpoint's port.
//
// Threading: owner-only: the lcore of the port.
// Invariants: what the driver wrote is read once. Those of device_ring.hpp hold; a ring that the
// IOMMU refuses access to is broken too. The available index is read before the entries it covers and
// the used index written after them (fences; partners: the driver's barriers).
// Limits: kMaxSegments a chain, 2^32 - 1 bytes a direction. No event index: the driver is never asked for
// kicks, and says by a flag whether it wants interrupts.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/dma/dma_port.hpp"
#include "dataplane/virtio/virtio_device.hpp"
#include "dataplane/virtqueue/chain_walk.hpp"
#include "dataplane/virtqueue/device_queue.hpp"
#include "dataplane/virtqueue/queue_layout.hpp"
#include "dataplane/virtqueue/ring_fault.hpp"

namespace violet::virtio {

struct DmaSegment {
  Iova iova;
  std::uint32_t bytes;
};

// A chain as read: first what the device reads, then what it writes.
class DmaChain {
 public:
  static constexpr unsigned kMaxSegments = kMaxChainDescriptors;

  std::uint16_t head() const { return head_; }
  std::uint64_t readable() const { return readable_; }
  std::uint64_t writable() const { return writable_; }

  // Fills in one op for each segment that bytes [from, from + bytes) of the readable or writable part
  // touch, with `buffer` in the device's memory; returns how many. The range lies in the part; `ops` has room for
  // every segment of a chain.
  std::size_t plan(Access access, std::uint64_t from, std::uint32_t bytes, std::byte* buffer,
                   std::span<DmaOp> ops) const;

 private:
  friend class DmaQueue;
  void clear(std::uint16_t head);
  template <class Source, class Sink>
  friend class violet::ChainWalk;
  RingFault add(std::uint64_t address, std::uint32_t bytes, bool writable);

  std::uint16_t head_ = 0;
  unsigned count_ = 0;
  unsigned readable_count_ = 0;
  std::uint64_t readable_ = 0;
  std::uint64_t writable_ = 0;
  std::array<DmaSegment, kMaxSegments> segments_;
};

class DmaQueue {
 public:
  // The port outlives the queue; addresses of the layout are the endpoint's.
  DmaQueue(DmaPort& port, const QueueSetup& setup);

  // Asks the driver for no kicks. False: the ring cannot be reached.
  bool suppress_kicks();
  // The next chain; false when there is none, or none that can be followed.
  bool take(DmaChain& chain);
  void give_back(std::uint16_t head, std::uint32_t used);
  // Shows what was given back since the last publish(), and notifies the driver if it wants that.
  void publish();

  bool broken() const { return fault_ != RingFault::kNone; }
  RingFault fault() const { return fault_; }
  const RingCounters& counters() const { return counters_; }

 private:
  template <class Source, class Sink>
  friend class violet::ChainWalk;

  static constexpr unsigned kHeads = 32;

  std::uint32_t mask() const { return layout_.size - 1; }
  bool dma(Iova iova, Access access, std::span<std::byte> bytes);
  template <class T>
  bool read(std::uint64_t at, T& value) {
    return dma({at}, Access::kRead, std::as_writable_bytes(std::span(&value, 1)));
  }
  template <class T>
  bool write(std::uint64_t at, T value) {
    return dma({at}, Access::kWrite, std::as_writable_bytes(std::span(&value, 1)));
  }
  bool refresh();
  bool read_heads();
  bool fetch(std::uint32_t index, Descriptor& out);
  using Table = const Descriptor*;
  RingFault open_table(std::uint64_t address, std::uint32_t bytes, Table& table);
  bool break_ring(RingFault fault);

  DmaPort& port_;
  QueueLayout layout_;
  RingFeatures features_;
  Notifier notifier_;
  RingFault fault_ = RingFault::kNone;
  RingCounters counters_;
  std::uint16_t seen_ = 0;  // The available index; free running, as all indexes here.
  std::uint16_t next_ = 0;
  std::uint16_t used_ = 0;
  std::uint16_t published_ = 0;
  std::array<std::uint16_t, kHeads> heads_{};
  unsigned heads_left_ = 0;
  unsigned next_head_ = 0;
  std::array<Descriptor, kMaxChainDescriptors> table_{};
};

}  // namespace violet::virtio
