// A device configuration states the features that a virtio-iommu offers, the addresses it covers, the
// endpoints it manages, and how much one guest may make it hold.
//
// Threading: a plain value, read once when the device is created.
// Limits: the granule (lowest bit of page_size_mask) is at least 4 KiB, because the domain stores
// cannot do less; the specification would allow one byte.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/clock.hpp"
#include "engine/base/result.hpp"
#include "engine/base/types.hpp"
#include "engine/iotlb/iotlb.hpp"
#include "engine/protocol/properties.hpp"
#include "engine/protocol/topology.hpp"

namespace violet {

struct EndpointConfig {
  EndpointId id;
  std::string name;
  std::vector<protocol::ReservedRegion> reserved;  // Any order; at most one MSI; no overlap.
};

// What does not fit answers NOMEM.
struct DeviceLimits {
  std::uint32_t domains = 4096;
  std::uint64_t mappings_per_domain = std::uint64_t{1} << 20;
  std::size_t memory_bytes = std::size_t{1} << 30;
  // Requests taken from the queue and not yet given back. With at least as many as the queue has
  // descriptors, a parked request never holds up a later one.
  std::uint32_t in_flight = 1024;
  // Domains that may ever be created; then the device needs to be replaced. Tags never come back.
  std::uint32_t domain_tags = ~std::uint32_t{0};
};

struct DeviceConfig {
  // D1: MAP_UNMAP is offered. D2: legacy BYPASS is not.
  static constexpr std::uint64_t kDefaultFeatures =
      protocol::feature_bit(protocol::kInputRange) | protocol::feature_bit(protocol::kDomainRange) |
      protocol::feature_bit(protocol::kMapUnmap) | protocol::feature_bit(protocol::kProbe) |
      protocol::feature_bit(protocol::kMmioFlag) | protocol::feature_bit(protocol::kBypassConfig);

  std::uint64_t features = kDefaultFeatures;
  std::uint64_t page_size_mask = ~std::uint64_t{0xfff};
  IovaRange input_range = IovaRange::all();
  struct {
    DomainId first{0};
    DomainId last{~std::uint32_t{0}};  // Inclusive.
  } domain_range;
  std::uint32_t probe_size = 512;
  bool boot_bypass = false;                      // D5: config.bypass after a system reset.
  std::vector<protocol::TopologyItem> topology;  // With the feature kTopology only.
  std::vector<EndpointConfig> endpoints;
  DeviceLimits limits;

  // A parked request older than this has its laggard reported by name (C5). Ticks of the device's
  // TickSource; the default is some 10 ms.
  Ticks stall_threshold = 30'000'000;
  std::uint32_t unmap_slice = 256;  // Mappings that one poll removes for one request.
  std::uint32_t fault_ring = 256;   // Faults that one reader may have waiting.
  IotlbConfig iotlb;                // granule_shift is taken from page_size_mask.
  bool record_targets = false;      // A kMapTarget event for every kMapDone.

  bool offers(protocol::Feature feature) const {
    return (features & protocol::feature_bit(feature)) != 0;
  }
  unsigned granule_shift() const { return static_cast<unsigned>(std::countr_zero(page_size_mask)); }
  // The ranges that hold: the whole space where the feature is not offered.
  IovaRange effective_input_range() const {
    return offers(protocol::kInputRange) ? input_range : IovaRange::all();
  }
  bool covers(DomainId id) const {
    return !offers(protocol::kDomainRange) || (domain_range.first <= id && id <= domain_range.last);
  }
};

// What is wrong with a configuration, in one sentence, or nothing.
Status validate(const DeviceConfig& config);

}  // namespace violet
