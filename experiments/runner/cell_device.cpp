#include "experiments/runner/cell_device.hpp"

#include <algorithm>

#include "engine/base/clock.hpp"

namespace violet {

Registry<ReplacementInfo> iotlb_replacements() {
  using Replacement = IotlbConfig::Replacement;
  static const ReplacementInfo kAll[] = {
      {{"round-robin", "each way of a set in turn"}, Replacement::kRoundRobin},
      {{"random", "any way of the set"}, Replacement::kRandom},
      {{"lru", "the way that was used least recently"}, Replacement::kLru},
  };
  return {"IOTLB replacement", kAll};
}

Registry<IndexingInfo> iotlb_indexings() {
  using Indexing = IotlbConfig::Indexing;
  static const IndexingInfo kAll[] = {
      {{"dense", "the low bits of the page number choose the set"}, Indexing::kDense},
      {{"mixed", "a hash of the page number chooses the set"}, Indexing::kMixed},
  };
  return {"IOTLB indexing", kAll};
}

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
  VIOLET_TRY(const auto* replacement, iotlb_replacements().require(cell.iotlb_replacement));
  config.iotlb.replacement = replacement->value;
  VIOLET_TRY(const auto* indexing, iotlb_indexings().require(cell.iotlb_indexing));
  config.iotlb.indexing = indexing->value;
  return config;
}

}  // namespace violet
