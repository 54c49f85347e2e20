// A test driver is the guest's side of a virtio-pci function: its memory, and the steps by which a driver brings a
// device up.
//
// Threading: owner-only.
#pragma once

#include <gtest/gtest.h>

#include <span>
#include <vector>

#include "dataplane/virtio/virtio_pci.hpp"
#include "dataplane/virtio/virtio_pci_layout.hpp"

namespace violet::virtio {

// The messages that a function sent.
struct SentMessages final : MessageSink {
  struct Sent {
    std::uint64_t address;
    std::uint32_t data;
  };
  bool send(std::uint64_t address, std::uint32_t data) override {
    if (full) return false;
    sent.push_back({address, data});
    return true;
  }
  std::vector<Sent> sent;
  bool full = false;
};

class TestDriver {
 public:
  static constexpr std::uint32_t kBar = 0xfebf0000;

  // `memory` is the one that the function was made with, and empty.
  TestDriver(VirtioPci& function, GuestMemory& memory, std::uint64_t ram_bytes = 16u << 20)
      : function_(function), memory_(memory), ram_(ram_bytes) {
    place_ram({0});
    switch_on();
  }

  // All of the guest's RAM lies there from now on.
  void place_ram(GuestPhys start) {
    const GuestMemory::Region region{start, ram_.size(), ram_.data()};
    EXPECT_TRUE(memory_.replace_regions(std::span(&region, 1)));
    function_.memory_changed();
  }
  const GuestMemory& memory() const { return memory_; }

  std::uint32_t config(std::uint32_t at, unsigned bytes) {
    return function_.read_config(at, bytes);
  }
  void set_config(std::uint32_t at, unsigned bytes, std::uint32_t value) {
    function_.write_config(at, bytes, value);
  }
  std::uint64_t bar(std::uint32_t at, unsigned bytes) {
    return function_.read_bus(kBar + at, bytes);
  }
  void set_bar(std::uint32_t at, unsigned bytes, std::uint64_t value) {
    function_.write_bus(kBar + at, bytes, value);
  }
  void switch_on() {
    set_config(0x10, 4, kBar);
    set_config(0x04, 2, 6);
  }

  // Capability with this id and, for vendor capabilities, cfg_type; 0 when there is none.
  std::uint32_t capability(std::uint8_t id, std::uint8_t type = 0) {
    for (std::uint32_t at = config(0x34, 1); at != 0; at = config(at + 1, 1)) {
      if (config(at, 1) == id && (type == 0 || config(at + 3, 1) == type)) return at;
    }
    return 0;
  }

  std::uint8_t status() { return static_cast<std::uint8_t>(bar(layout::kStatus, 1)); }
  void set_status(std::uint8_t value) { set_bar(layout::kStatus, 1, value); }
  std::uint64_t offered() {
    std::uint64_t bits = 0;
    for (unsigned half = 0; half < 2; ++half) {
      set_bar(layout::kOfferedSelect, 4, half);
      bits |= bar(layout::kOffered, 4) << 32 * half;
    }
    return bits;
  }
  // Up to FEATURES_OK; whether it stayed on.
  bool negotiate(std::uint64_t features) {
    set_status(layout::kAcknowledge);
    set_status(layout::kAcknowledge | layout::kDriver);
    for (unsigned half = 0; half < 2; ++half) {
      set_bar(layout::kChosenSelect, 4, half);
      set_bar(layout::kChosen, 4, features >> 32 * half & 0xffffffff);
    }
    set_status(layout::kAcknowledge | layout::kDriver | layout::kFeaturesOk);
    return (status() & layout::kFeaturesOk) != 0;
  }
  bool enable(std::uint16_t queue, const QueueLayout& at) {
    set_bar(layout::kQueueSelect, 2, queue);
    set_bar(layout::kQueueSize, 2, at.size);
    const std::uint64_t areas[] = {at.descriptors.value, at.driver.value, at.device.value};
    for (std::uint32_t i = 0; i < 3; ++i) {
      set_bar(layout::kQueueDescriptors + 8 * i, 4, areas[i] & 0xffffffff);
      set_bar(layout::kQueueDescriptors + 8 * i + 4, 4, areas[i] >> 32);
    }
    set_bar(layout::kQueueVector, 2, queue + 1u);
    set_bar(layout::kQueueEnable, 2, 1);
    return bar(layout::kQueueEnable, 2) == 1;
  }
  void go() { set_status(15); }
  // One message for each vector: address 0xfee00000, data 0x40 and the vector.
  void enable_msix(unsigned vectors) {
    for (unsigned i = 0; i < vectors; ++i) {
      const std::uint32_t entry = layout::kMsixTable + i * MsixTable::kEntryBytes;
      set_bar(entry, 4, 0xfee00000);
      set_bar(entry + 4, 4, 0);
      set_bar(entry + 8, 4, 0x40 + i);
      set_bar(entry + 12, 4, 0);
    }
    set_config(capability(layout::kMsixCapability) + 2, 2, 0x8000);
    set_bar(layout::kConfigVector, 2, 0);
  }
  std::byte* ram(std::uint64_t at, std::uint64_t bytes) const { return memory().host({at}, bytes); }

 private:
  VirtioPci& function_;
  GuestMemory& memory_;
  std::vector<std::byte> ram_;
};

}  // namespace violet::virtio
