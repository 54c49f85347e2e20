// The engine as a virtio-iommu of a QEMU guest: its two queues lie in the guest's own memory.
//
// Threading: owner-only: the lcore that polls the engine.
// Invariants: the engine sees queues from DRIVER_OK to the reset only. Kicks are suppressed when a queue is
// opened. A system reset lets endpoints that are attached to nothing through again, as firmware needs it.
// Limits: kQueueEntries descriptors a queue.
#pragma once

#include <array>
#include <memory>

#include "dataplane/remote/virtio_device.hpp"
#include "dataplane/runtime/engine.hpp"

namespace violet::remote {

class IommuDevice final : public VirtioDevice {
 public:
  static constexpr std::uint16_t kQueueEntries = 256;

  // The engine outlives the device. `packed`: packed rings are offered beside split ones.
  IommuDevice(Engine& engine, bool packed) : engine_(engine), packed_(packed) {}

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
  void start() override { engine_.attach_queues(requests_.get(), events_.get()); }
  void memory_changed() override;
  void reset(ResetKind kind) override;
  bool resetting() const override { return engine_.resetting(); }
  bool broken() const override { return engine_.needs_reset(); }
  unsigned poll(unsigned budget) override { return engine_.poll(budget); }

 private:
  static constexpr std::array<std::uint16_t, 2> kSizes = {kQueueEntries, kQueueEntries};

  Engine& engine_;
  bool packed_;
  std::unique_ptr<RingRequestQueue> requests_;
  std::unique_ptr<RingEventQueue> events_;
};

}  // namespace violet::remote
