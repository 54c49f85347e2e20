// A virtio device of any type answers its transport: features, configuration, queues, and a reset at any time.
//
// Threading: owner-only: the thread that polls the transport.
// Invariants: between reset() and the end of resetting() the device touches no queue, and afterwards
// none that was opened before. poll() is bounded by its budget and never waits.
// Limits: kMaxQueues queues.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/virtqueue/device_queue.hpp"
#include "dataplane/virtqueue/guest_memory.hpp"
#include "dataplane/virtqueue/queue_layout.hpp"
#include "engine/base/result.hpp"

namespace violet::virtio {

inline constexpr unsigned kMaxQueues = 8;

// VIRTIO 1.2, section 6: features that belong to rings and transport.
namespace feature {
inline constexpr std::uint64_t kIndirectDesc = std::uint64_t{1} << 28;
inline constexpr std::uint64_t kEventIdx = std::uint64_t{1} << 29;
inline constexpr std::uint64_t kVersion1 = std::uint64_t{1} << 32;
inline constexpr std::uint64_t kAccessPlatform = std::uint64_t{1} << 33;
inline constexpr std::uint64_t kRingPacked = std::uint64_t{1} << 34;
// Of the device's type.
inline constexpr std::uint64_t kTypeMask = (std::uint64_t{1} << 24) - 1;
}  // namespace feature

struct VirtioIdentity {
  std::uint16_t type;        // Section 5: 1 network, 2 block, 23 IOMMU.
  std::uint32_t class_code;  // PCI's, 24 bits.
};

struct QueueSetup {
  QueueLayout layout;  // Addresses are guest-physical, or the endpoint's with ACCESS_PLATFORM.
  RingFeatures features;
  Notifier notifier;
};

enum class ResetKind : std::uint8_t { kDevice, kSystem };

class VirtioDevice {
 public:
  virtual ~VirtioDevice() = default;

  virtual VirtioIdentity identity() const = 0;
  // Offered; the transport adds VERSION_1.
  virtual std::uint64_t features() const = 0;
  // The largest size of each queue.
  virtual std::span<const std::uint16_t> queue_sizes() const = 0;
  // The driver's choice, a subset of what is offered. False: it does not do (FEATURES_OK stays off).
  virtual bool accept(std::uint64_t features) = 0;
  virtual void read_config(std::size_t offset, std::span<std::byte> out) const = 0;
  virtual void write_config(std::size_t /*offset*/, std::span<const std::byte> /*bytes*/) {}

  // The queue is enabled. Error: it cannot be followed, and the driver is asked for a reset. Kicks are
  // suppressed before this returns when the device polls.
  virtual Status open_queue(unsigned index, const GuestMemory& memory, const QueueSetup& setup) = 0;
  // DRIVER_OK: every queue that will be is open.
  virtual void start() = 0;
  // The regions of the memory given to open_queue() were replaced.
  virtual void memory_changed() = 0;
  virtual void reset(ResetKind kind) = 0;
  virtual bool resetting() const = 0;
  // The driver broke something that only a reset mends: DEVICE_NEEDS_RESET.
  virtual bool broken() const = 0;

  // The driver says that it has made buffers available, from within its write to a register, which waits for
  // what is done here. For a device that does not poll by itself.
  virtual void kicked(unsigned /*queue*/) {}
  // Called while the driver is ready and until a reset has ended. Returns the amount of work done.
  virtual unsigned poll(unsigned budget) = 0;
};

}  // namespace violet::virtio
