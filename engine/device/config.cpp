#include "engine/device/config.hpp"

#include <algorithm>

namespace violet {
namespace {

using protocol::RegionKind;

constexpr std::uint64_t kKnownFeatures = DeviceConfig::kDefaultFeatures |
                                         protocol::feature_bit(protocol::kBypass) |
                                         protocol::feature_bit(protocol::kTopology);

Status check_features(const DeviceConfig& config) {
  if ((config.features & ~kKnownFeatures) != 0) {
    return fail(ErrorKind::kUsage, "features {:#x} has bits that virtio-iommu does not define",
                config.features);
  }
  // D1
  if (!config.offers(protocol::kMapUnmap)) {
    return fail(ErrorKind::kUsage, "MAP_UNMAP must be offered: no other mode is defined");
  }
  // D3
  if (config.offers(protocol::kBypass) && config.offers(protocol::kBypassConfig)) {
    return fail(ErrorKind::kUsage, "BYPASS and BYPASS_CONFIG must not be offered together");
  }
  if (config.boot_bypass && !config.offers(protocol::kBypassConfig)) {
    return fail(ErrorKind::kUsage, "boot bypass needs BYPASS_CONFIG to be offered");
  }
  return {};
}

Status check_ranges(const DeviceConfig& config) {
  // D4
  if (config.page_size_mask == 0) {
    return fail(ErrorKind::kUsage, "page_size_mask must have at least one bit");
  }
  if (config.granule_shift() < kGranuleShift4K) {
    return fail(ErrorKind::kUsage, "page_size_mask {:#x} has a granule below 4096 bytes",
                config.page_size_mask);
  }
  if (config.input_range.last < config.input_range.first) {
    return fail(ErrorKind::kUsage, "input_range ends before it starts");
  }
  if (config.domain_range.last < config.domain_range.first) {
    return fail(ErrorKind::kUsage, "domain_range ends before it starts");
  }
  return {};
}

Status check_limits(const DeviceConfig& config) {
  const auto& limits = config.limits;
  if (limits.domains == 0 || limits.in_flight == 0 || limits.mappings_per_domain == 0) {
    return fail(ErrorKind::kUsage, "limits of domains, mappings and requests must be at least 1");
  }
  if (config.unmap_slice == 0 || config.fault_ring == 0) {
    return fail(ErrorKind::kUsage, "unmap_slice and fault_ring must be at least 1");
  }
  return {};
}

Status check_regions(const EndpointConfig& endpoint) {
  const auto& regions = endpoint.reserved;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    if (regions[i].range.last < regions[i].range.first) {
      return fail(ErrorKind::kUsage, "endpoint {} '{}': a reserved region ends before it starts",
                  endpoint.id.value, endpoint.name);
    }
    // D45
    for (std::size_t j = 0; j < i; ++j) {
      if (!regions[i].range.overlaps(regions[j].range)) continue;
      return fail(ErrorKind::kUsage, "endpoint {} '{}': reserved regions overlap at {:#x}",
                  endpoint.id.value, endpoint.name,
                  std::max(regions[i].range.first, regions[j].range.first).value);
    }
  }
  // D44
  const auto is_msi = [](const auto& region) { return region.kind == RegionKind::kMsi; };
  if (std::count_if(regions.begin(), regions.end(), is_msi) > 1) {
    return fail(ErrorKind::kUsage, "endpoint {} '{}' has more than one MSI region",
                endpoint.id.value, endpoint.name);
  }
  return {};
}

Status check_endpoints(const DeviceConfig& config) {
  std::vector<EndpointId> ids;
  for (const auto& endpoint : config.endpoints) {
    if (auto regions = check_regions(endpoint); !regions) return regions;
    const std::size_t bytes = endpoint.reserved.size() * sizeof(protocol::ResvMem);
    if (config.offers(protocol::kProbe) && bytes > config.probe_size) {
      return fail(ErrorKind::kUsage,
                  "endpoint {} '{}' has {} bytes of properties, probe_size is {}",
                  endpoint.id.value, endpoint.name, bytes, config.probe_size);
    }
    ids.push_back(endpoint.id);
  }
  std::sort(ids.begin(), ids.end());
  const auto twice = std::adjacent_find(ids.begin(), ids.end());
  if (twice != ids.end()) {
    return fail(ErrorKind::kUsage, "two endpoints have the id {}", twice->value);
  }
  return {};
}

Status check_topology(const DeviceConfig& config) {
  if (!config.topology.empty() && !config.offers(protocol::kTopology)) {
    return fail(ErrorKind::kUsage, "a topology needs the feature TOPOLOGY to be offered");
  }
  if (config.topology.size() > protocol::kMostTopologyItems) {
    return fail(ErrorKind::kUsage, "the topology has {} items, at most {} fit",
                config.topology.size(), protocol::kMostTopologyItems);
  }
  for (const auto& item : config.topology) {
    const auto* range = std::get_if<protocol::TopologyPciRange>(&item);
    if (range == nullptr || range->bdf_start <= range->bdf_end) continue;
    return fail(ErrorKind::kUsage, "topology: the range {} to {} ends before it begins",
                to_text(range->bdf_start), to_text(range->bdf_end));
  }
  return {};
}

}  // namespace

Status validate(const DeviceConfig& config) {
  for (const auto check :
       {check_features, check_ranges, check_limits, check_endpoints, check_topology}) {
    if (auto status = check(config); !status) return status;
  }
  return {};
}

}  // namespace violet
