// A virtio-pci function carries the modern transport (VIRTIO 1.2, section 4.1) of any VirtioDevice: capabilities,
// the common configuration, notifications and MSI-X in one 32-bit BAR.
//
// Threading: owner-only, as pci_function.hpp says; kicks() may be read from anywhere.
// Invariants: nothing of the driver's is followed before DRIVER_OK or without bus mastering, but that a device
// which polls says so in a ring when the driver enables it. The device status reads 0 only when a reset has
// ended. A feature that was not offered, or no VERSION_1, leaves FEATURES_OK off. A kick is counted, and handed to the device when the driver is ready.
// Limits: kMaxQueues queues; no legacy interface, no queue reset, no notification data.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/virtio/msix_table.hpp"
#include "dataplane/virtio/pci_function.hpp"
#include "dataplane/virtio/virtio_device.hpp"
#include "engine/telemetry/event.hpp"

namespace violet::virtio {

class VirtioPci final : public PciFunction {
 public:
  // Device and memory, which holds the rings, outlive the transport. With a sink there is MSI-X; without one (null)
  // interrupts go through the line.
  VirtioPci(VirtioDevice& device, MessageSink* messages, const GuestMemory& memory);

  // Runs the device once; returns the amount of work done.
  unsigned poll(unsigned budget);
  bool resetting() const override { return device_.resetting(); }
  bool driver_ready() const;
  std::uint64_t kicks() const { return kicks_.value(); }
  // That were really raised: messages sent, or the line.
  std::uint64_t interrupts() const { return msix_.sent() + raised_.value(); }
  void interrupt_ended() override;
  void memory_changed() override { device_.memory_changed(); }

 private:
  struct Queue {
    std::uint16_t size = 0;
    std::uint16_t vector = 0;
    bool enabled = false;
    std::array<std::uint64_t, 3> areas{};  // Descriptors, driver, device.
  };
  struct QueueInterrupt {
    VirtioPci* transport;
    std::uint16_t queue;
  };

  void before_config_read(std::uint32_t address, unsigned bytes) override;
  void after_config_write(std::uint32_t address, unsigned bytes) override;
  std::uint64_t read_bar(std::uint32_t offset, unsigned bytes) override;
  void write_bar(std::uint32_t offset, unsigned bytes, std::uint64_t value) override;
  void system_reset() override { reset_device(ResetKind::kSystem); }

  void add_capabilities(bool with_msix);
  std::uint64_t offered() const { return device_.features() | feature::kVersion1; }
  std::uint64_t read_common(std::uint32_t offset, unsigned bytes);
  void write_common(std::uint32_t offset, unsigned bytes, std::uint64_t value);
  void write_queue(Queue& queue, std::uint32_t offset, unsigned bytes, std::uint64_t value);
  void write_area(Queue& queue, std::uint32_t offset, unsigned bytes, std::uint64_t value);
  void write_status(std::uint8_t value);
  void choose_features(std::uint32_t half);
  std::uint16_t checked_vector(std::uint64_t value) const;
  bool features_do();
  void enable(Queue& queue);
  void ask_for_reset();
  void reset_device(ResetKind kind);
  std::uint8_t status() const;
  std::uint64_t read_device(std::uint32_t offset, unsigned bytes) const;
  std::uint64_t take_isr();
  void interrupt(std::uint16_t vector, std::uint8_t reason);
  static void notify(void* queue_interrupt);

  VirtioDevice& device_;
  const GuestMemory& memory_;
  MsixTable msix_;
  std::uint8_t msix_capability_ = 0;
  std::uint8_t window_capability_ = 0;
  std::uint32_t offered_half_ = 0;
  std::uint32_t chosen_half_ = 0;
  std::uint64_t chosen_ = 0;
  std::uint16_t config_vector_ = 0;
  std::uint16_t selected_ = 0;
  std::uint8_t status_ = 0;
  std::uint8_t before_reset_ = 0;  // What status read before the reset that is under way.
  std::uint8_t isr_ = 0;
  unsigned queue_count_;
  std::array<Queue, kMaxQueues> queues_{};
  std::array<QueueInterrupt, kMaxQueues> queue_interrupts_{};
  Counter kicks_;
  Counter raised_;
};

}  // namespace violet::virtio
