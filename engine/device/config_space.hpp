// The configuration space holds what device and driver agree on: the features, the three forms of
// bypass that follow from them, 40 bytes, and the topology behind these where it is offered.
//
// Threading: everything belongs to the engine thread, except unattached_bypass(), which any reader
// may call.
// Invariants: D7 the bypass field reads 0 or 1. A write anywhere else is ignored.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/device/config.hpp"
#include "engine/protocol/wire.hpp"

namespace violet {

class ConfigSpace {
 public:
  explicit ConfigSpace(const DeviceConfig& config);

  // Device-type bits only (0 to 23); the transport adds its own.
  std::uint64_t offered() const { return offered_; }
  std::uint64_t negotiated() const { return negotiated_; }
  bool has(protocol::Feature feature) const {
    return (negotiated_ & protocol::feature_bit(feature)) != 0;
  }
  // False, and nothing changes, when a bit was not offered: the transport then clears FEATURES_OK.
  bool negotiate(std::uint64_t features);

  // Bytes beyond its end read as zero.
  void read(std::size_t offset, std::span<std::byte> out) const;
  void write(std::size_t offset, std::span<const std::byte> bytes);
  bool bypass() const { return wire_.bypass != 0; }

  // D6: a device reset keeps config.bypass, a system reset restores it.
  void reset();
  void system_reset();

  // Whether an endpoint that is attached to nothing reaches memory untranslated. Takes effect for
  // accesses that begin later.
  bool unattached_bypass() const noexcept {
    return unattached_bypass_.load(std::memory_order_acquire);  // partner: update()
  }

 private:
  void update();

  std::uint64_t offered_;
  std::uint64_t negotiated_ = 0;
  bool boot_bypass_;
  protocol::Config wire_{};
  std::vector<std::byte> topology_;  // What follows those 40 bytes.
  std::atomic<bool> unattached_bypass_{false};
};

}  // namespace violet
