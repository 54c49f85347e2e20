// An IOMMU device makes the engine the virtio-iommu of a real guest: its two queues lie in the guest's own memory.
//
// Threading: owner-only: the lcore that polls the engine.
// Invariants: the engine sees queues from DRIVER_OK to the reset only. Served by polling it suppresses kicks when
// a queue is opened; served by kicks it looks at the queue within the driver's write and at no other time, as a
// hypervisor does that emulates the device in its exit handler, and finishes by polling what it has begun. A
// system reset lets endpoints that are attached to nothing through again, as firmware needs it.
// Limits: kRequestEntries and kEventEntries descriptors.
#pragma once

#include <array>
#include <memory>

#include "dataplane/virtio/virtio_device.hpp"
#include "dataplane/virtqueue/device_queue.hpp"
#include "engine/device/device.hpp"

namespace violet::virtio {

// Told of what happens to the engine's queue.
class PollWatch {
 public:
  virtual ~PollWatch() = default;
  // The engine is polled now.
  virtual void before_poll() = 0;
  // The driver kicked.
  virtual void kicked() = 0;
};

class IommuDevice final : public VirtioDevice {
 public:
  // Linux takes answers back only when it waits for one, so what it queues in lazy mode fills the ring however fast
  // the device is; and when it is full, virtqueue_add() kicks although no kick is wanted. Of QEMU's 256 entries a
  // driver that unmaps much at once has been seen to need all; this is four times that.
  static constexpr std::uint16_t kRequestEntries = 1024;
  static constexpr std::uint16_t kEventEntries = 256;

  enum class Served { kByPolling, kByKicks };
  // The engine's device outlives this one. `packed`: packed rings are offered beside split ones.
  IommuDevice(Device& engine, bool packed, Served served = Served::kByPolling);
  // Who wants to know of polls; outlives the device. Before the first poll.
  void set_watch(PollWatch* watch) { watch_ = watch; }

  VirtioIdentity identity() const override { return {23, 0x080600}; }
  std::uint64_t features() const override;
  std::span<const std::uint16_t> queue_sizes() const override { return kSizes; }
  bool accept(std::uint64_t features) override {
    return engine_.negotiate(features & feature::kTypeMask);
  }
  void read_config(std::size_t offset, std::span<std::byte> out) const override {
    engine_.read_config(offset, out);
  }
  void write_config(std::size_t offset, std::span<const std::byte> bytes) override {
    engine_.write_config(offset, bytes);
  }
  Status open_queue(unsigned index, const GuestMemory& memory, const QueueSetup& setup) override;
  void start() override { engine_.connect(requests_.get(), events_.get()); }
  void memory_changed() override;
  void reset(ResetKind kind) override;
  bool resetting() const override { return engine_.resetting(); }
  bool broken() const override { return engine_.needs_reset(); }
  void kicked(unsigned queue) override;
  unsigned poll(unsigned budget) override;

 private:
  unsigned poll_engine(unsigned budget);

  static constexpr std::array<std::uint16_t, 2> kSizes = {kRequestEntries, kEventEntries};

  Device& engine_;
  bool packed_;
  Served served_;
  PollWatch* watch_ = nullptr;
  bool unfinished_ = false;  // A kick whose requests were more than it could serve.
  std::unique_ptr<RingRequestQueue> requests_;
  std::unique_ptr<RingEventQueue> events_;
};

}  // namespace violet::virtio
