// A mock guest wires memory, rings, pages and driver to a mock device as the runner wires real ones: for the
// tests of this room and of the strategies.
//
// Threading: owner-only.
#pragma once

#include <memory>

#include "engine/base/check.hpp"
#include "experiments/guest/mock_device.hpp"
#include "experiments/guest/virtio_iommu_driver.hpp"

namespace violet {

struct MockGuestOptions {
  RingFormat format = RingFormat::kSplit;
  std::uint32_t ring_size = 256;
  RingFeatures features = {};
  std::uint64_t memory_bytes = std::uint64_t{64} << 20;
  bool poison = false;
  MockDevice::Options device = {};
  std::uint64_t timeout_ns = 50'000'000;
  Probe probe = {};
  TickSource clock = {};
};

class MockGuest {
 public:
  explicit MockGuest(const MockGuestOptions& options) : device(options.device) {
    VIOLET_CHECK(memory.allocate({0}, options.memory_bytes, GuestMemory::Backing::kAnonymous));
    pages = std::make_unique<GuestPages>(memory, GuestPages::Options{options.poison});
    layout = QueueLayout::at(options.format, options.ring_size, take(ring_bytes(options)));
    if (options.features.indirect) layout.indirect_tables = take(layout.indirect_bytes());
    auto driver_side = make_driver_queue(
        memory, layout, {.features = options.features, .use_indirect = options.features.indirect});
    VIOLET_CHECK(driver_side);
    driver_queue = std::move(*driver_side);
    auto device_side = make_request_queue(memory, layout, options.features);
    VIOLET_CHECK(device_side);
    device_queue = std::move(*device_side);
    device.connect(*device_queue);
    auto made = VirtioIommuDriver::create({.pages = *pages,
                                           .queue = *driver_queue,
                                           .transport = device,
                                           .doorbell = device,
                                           .spin_hook = &device,
                                           .counters = counters,
                                           .probe = options.probe,
                                           .clock = options.clock,
                                           .timeout_ns = options.timeout_ns});
    VIOLET_CHECK(made);
    driver = std::move(*made);
  }

  GuestPhys take(std::uint64_t bytes) {
    const auto run = pages->allocate_run((bytes + 4095) / 4096);
    VIOLET_CHECK(run);
    return *run;
  }

  MockDevice device;
  GuestMemory memory;
  std::unique_ptr<GuestPages> pages;
  QueueLayout layout;
  std::unique_ptr<DriverQueue> driver_queue;
  std::unique_ptr<RingRequestQueue> device_queue;
  GuestCounters counters;
  std::unique_ptr<VirtioIommuDriver> driver;

 private:
  static std::uint64_t ring_bytes(const MockGuestOptions& options) {
    return QueueLayout::bytes(options.format, options.ring_size);
  }
};

}  // namespace violet
