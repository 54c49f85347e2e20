// The built-in topology names the endpoints behind a virtio-iommu in its own configuration space, for guests
// without ACPI or device tree. Proposed three times between 2019 and 2020 and never merged; this is the last form
// (Linux series "iommu/virtio: Add topology definitions", version 3 of August 2020): an array of items of 16 bytes
// that resemble the nodes of VIOT.
//
// Two things differ from the draft, because the places of the draft were taken later by BYPASS_CONFIG: the feature is bit 23, the
// last of the device type, and not bit 6; and topo_config follows the 40 bytes of today's configuration instead of
// lying where `bypass` is. A driver that does not know the feature never looks there.
//
//     0        40                  48
//     Config | count, offset, pad | items ...
//
// Threading: pure functions; a topology is a plain value.
// Invariants: every count, offset and length is checked before it is followed; any bytes end in a topology or in
// an error that names the offset. An item of unknown type is skipped with a warning, by its length. What
// append_topology() makes, parse_topology() reads back as it was.
// Limits: kMostTopologyItems, which is what the transport shows of a configuration space.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "engine/base/result.hpp"
#include "engine/protocol/viot.hpp"

namespace violet::protocol {

// The functions from bdf_start to bdf_end of one segment; the first one is endpoint_start.
struct TopologyPciRange {
  std::uint32_t endpoint_start = 0;
  std::uint16_t segment = 0;
  PciBdf bdf_start, bdf_end;  // Inclusive.
  bool operator==(const TopologyPciRange&) const = default;
};
struct TopologyMmio {
  std::uint32_t endpoint = 0;
  std::uint64_t address = 0;  // Of its first MMIO region.
  bool operator==(const TopologyMmio&) const = default;
};
using TopologyItem = std::variant<TopologyPciRange, TopologyMmio>;

struct Topology {
  std::vector<TopologyItem> items;
  std::vector<std::string> warnings;  // Only of the parser.
};

// Where topo_config lies here, and where the draft had it.
inline constexpr std::size_t kTopologyAt = 40;
inline constexpr std::size_t kDraftTopologyAt = 36;
inline constexpr std::size_t kMostConfigBytes = 4096;
inline constexpr std::size_t kMostTopologyItems = (kMostConfigBytes - 48) / 16;

// `config` is the whole configuration space, with topo_config at `at`.
// Errors: "topology: offset 0x48: ...".
Result<Topology> parse_topology(std::span<const std::byte> config, std::size_t at = kTopologyAt);

// Appends topo_config and items to the bytes of a configuration. Precondition: those are kTopologyAt, and at most
// kMostTopologyItems items.
void append_topology(std::vector<std::byte>& config, std::span<const TopologyItem> items);

// What a VIOT table says of one of its IOMMU nodes, as items: one for each segment of a range.
std::vector<TopologyItem> topology_of(const ViotTable& table, std::size_t iommu);

}  // namespace violet::protocol
