#include "experiments/runner/cell_device.hpp"

#include <algorithm>

#include "engine/base/clock.hpp"

namespace violet {
namespace {

Result<IotlbConfig::Replacement> replacement_from(const std::string& name) {
  if (name == "round-robin") return IotlbConfig::Replacement::kRoundRobin;
  if (name == "random") return IotlbConfig::Replacement::kRandom;
  if (name == "lru") return IotlbConfig::Replacement::kLru;
  return fail(ErrorKind::kUsage, "no IOTLB replacement is called '{}'", name);
}

Result<IotlbConfig::Indexing> indexing_from(const std::string& name) {
  if (name == "dense") return IotlbConfig::Indexing::kDense;
  if (name == "mixed") return IotlbConfig::Indexing::kMixed;
  return fail(ErrorKind::kUsage, "no IOTLB indexing is called '{}'", name);
}

}  // namespace

Result<DeviceConfig> device_config_of(const plans::Cell& cell, const plans::Limits& limits) {
  DeviceConfig config;
  config.limits.domains = static_cast<std::uint32_t>(limits.domains);
  config.limits.mappings_per_domain = limits.mappings;
  config.limits.memory_bytes = static_cast<std::size_t>(limits.memory_mib) << 20;
  config.limits.in_flight = std::max(config.limits.in_flight, cell.queue_size);
  config.input_range = {{0}, {(std::uint64_t{1} << 48) - 1}};
  config.stall_threshold = ns_to_ticks(10'000'000);
  config.iotlb.entries = cell.iotlb_entries;
  config.iotlb.ways = cell.iotlb_ways;
  VIOLET_TRY(config.iotlb.replacement, replacement_from(cell.iotlb_replacement));
  VIOLET_TRY(config.iotlb.indexing, indexing_from(cell.iotlb_indexing));
  return config;
}

}  // namespace violet
