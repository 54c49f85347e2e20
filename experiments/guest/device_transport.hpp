// The device transport carries what the driver needs besides its queues: features and config space. engine/device's
// Device has calls of the same names.
//
// Threading: the guest lcore calls; the implementation gets the call to the engine thread between
// two polls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace violet {

class DeviceTransport {
 public:
  virtual ~DeviceTransport() = default;
  virtual std::uint64_t offered_features() = 0;
  virtual bool negotiate(std::uint64_t features) = 0;
  virtual void read_config(std::size_t offset, std::span<std::byte> out) = 0;
  virtual void write_config(std::size_t offset, std::span<const std::byte> bytes) = 0;
};

}  // namespace violet
