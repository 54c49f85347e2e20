#include "engine/protocol/topology.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/base/check.hpp"
#include "engine/protocol/wire.hpp"

namespace violet::protocol {
namespace {

constexpr std::size_t kMostTopologyWarnings = 20;
constexpr std::size_t kAlignment = 8;  // Of the first item.

enum ItemType : std::uint8_t { kPciRangeItem = 1, kMmioItem = 2 };

struct WireTopology {
  le16 count;
  le16 offset;  // Of the first item, from the start of the configuration space.
};
struct WireItem {
  std::uint8_t type;
  std::uint8_t reserved;
  le16 length;
};
struct WirePciRangeItem {
  WireItem head;
  le32 endpoint_start;
  le16 segment, bdf_start, bdf_end, padding;
};
struct WireMmioItem {
  WireItem head;
  le32 endpoint;
  le64 address;
};
static_assert(sizeof(WireTopology) == 4);
constexpr std::size_t kItemBytes = 16;
static_assert(sizeof(WirePciRangeItem) == kItemBytes && offsetof(WirePciRangeItem, segment) == 8);
static_assert(sizeof(WireMmioItem) == kItemBytes && offsetof(WireMmioItem, address) == 8);
static_assert(kTopologyAt == sizeof(Config));

template <class Wire>
void append(std::vector<std::byte>& bytes, const Wire& wire) {
  const auto* const first = reinterpret_cast<const std::byte*>(&wire);
  bytes.insert(bytes.end(), first, first + sizeof(wire));
}

template <class... Args>
tl::unexpected<Error> topology_error(std::size_t offset, fmt::format_string<Args...> format,
                                     Args&&... args) {
  return fail(ErrorKind::kUsage, "topology: offset {:#x}: {}", offset,
              fmt::format(format, std::forward<Args>(args)...));
}

using Outcome = Result<void>;  // Status is the wire's here.

// One item of known length. A later version may append to it; one that is too short cannot be read.
Outcome take(std::span<const std::byte> bytes, std::size_t at, Topology& into) {
  const std::uint8_t type = read<WireItem>(bytes, 0).type;
  if (type != kPciRangeItem && type != kMmioItem) {
    if (into.warnings.size() < kMostTopologyWarnings) {
      into.warnings.push_back(
          fmt::format("offset {:#x}: an item of unknown type {} is skipped", at, type));
    }
    return {};
  }
  if (bytes.size() < kItemBytes) {
    return topology_error(at, "an item of type {} takes {} bytes, its length says {}", type,
                          kItemBytes, bytes.size());
  }
  if (type == kMmioItem) {
    const auto wire = read<WireMmioItem>(bytes, 0);
    into.items.push_back(TopologyMmio{wire.endpoint, wire.address});
    return {};
  }
  const auto wire = read<WirePciRangeItem>(bytes, 0);
  const TopologyPciRange range{wire.endpoint_start, wire.segment, {wire.bdf_start}, {wire.bdf_end}};
  if (range.bdf_end < range.bdf_start) {
    return topology_error(at, "the range {} to {} ends before it begins", to_text(range.bdf_start),
                          to_text(range.bdf_end));
  }
  into.items.push_back(range);
  return {};
}

}  // namespace

Result<Topology> parse_topology(std::span<const std::byte> config, std::size_t at) {
  if (at > config.size() || config.size() - at < sizeof(WireTopology)) {
    return topology_error(at, "the configuration space of {} bytes ends before the topology",
                          config.size());
  }
  const auto head = read<WireTopology>(config, at);
  std::size_t next = head.offset;
  if (head.count > 0 && (next < at + sizeof(WireTopology) || next % kAlignment != 0)) {
    return topology_error(at + 2, "the first item is at {:#x}: not a multiple of {} behind this",
                          next, kAlignment);
  }
  Topology topology;
  for (unsigned i = 1; i <= head.count; ++i) {
    if (next > config.size() || config.size() - next < sizeof(WireItem)) {
      return topology_error(next, "item {} of {} begins behind the end of the configuration space",
                            i, static_cast<unsigned>(head.count));
    }
    const auto item = read<WireItem>(config, next);
    if (item.length < sizeof(WireItem) || item.length > config.size() - next) {
      return topology_error(next, "item {} has length {}; there are {} bytes left", i,
                            static_cast<unsigned>(item.length), config.size() - next);
    }
    VIOLET_TRY(take(config.subspan(next, item.length), next, topology));
    next += item.length;
  }
  return topology;
}

void append_topology(std::vector<std::byte>& config, std::span<const TopologyItem> items) {
  VIOLET_CHECK(config.size() == kTopologyAt && items.size() <= kMostTopologyItems);
  constexpr std::size_t kFirst =
      (kTopologyAt + sizeof(WireTopology) + kAlignment - 1) / kAlignment * kAlignment;
  append(config, WireTopology{static_cast<std::uint16_t>(items.size()),
                              static_cast<std::uint16_t>(kFirst)});
  config.resize(kFirst);
  for (const TopologyItem& item : items) {
    if (const auto* range = std::get_if<TopologyPciRange>(&item)) {
      append(config, WirePciRangeItem{{kPciRangeItem, 0, sizeof(WirePciRangeItem)},
                                      range->endpoint_start,
                                      range->segment,
                                      range->bdf_start.value,
                                      range->bdf_end.value,
                                      {}});
    } else {
      const auto& mmio = std::get<TopologyMmio>(item);
      append(config,
             WireMmioItem{{kMmioItem, 0, sizeof(WireMmioItem)}, mmio.endpoint, mmio.address});
    }
  }
}

namespace {

// The IOMMU's own function is no endpoint, so a range around it becomes two.
void append_range(const TopologyPciRange& range, const ViotPciIommu* itself,
                  std::vector<TopologyItem>& items) {
  if (itself == nullptr || itself->segment != range.segment || itself->bdf < range.bdf_start ||
      itself->bdf > range.bdf_end) {
    items.push_back(range);
    return;
  }
  const unsigned before = itself->bdf.value - range.bdf_start.value;
  if (before > 0) {
    const auto last = static_cast<std::uint16_t>(itself->bdf.value - 1);
    items.push_back(TopologyPciRange{range.endpoint_start, range.segment, range.bdf_start, {last}});
  }
  if (itself->bdf < range.bdf_end) {
    const auto first = static_cast<std::uint16_t>(itself->bdf.value + 1);
    items.push_back(
        TopologyPciRange{range.endpoint_start + before + 1, range.segment, {first}, range.bdf_end});
  }
}

}  // namespace

std::vector<TopologyItem> topology_of(const ViotTable& table, std::size_t iommu) {
  std::vector<TopologyItem> items;
  const auto* itself = std::get_if<ViotPciIommu>(&table.nodes.at(iommu).what);
  for (const ViotNode& node : table.nodes) {
    if (const auto* mmio = std::get_if<ViotMmioEndpoint>(&node.what)) {
      if (mmio->iommu == iommu) items.push_back(TopologyMmio{mmio->endpoint, mmio->base_address});
    }
    const auto* range = std::get_if<ViotPciRange>(&node.what);
    if (range == nullptr || range->iommu != iommu) continue;
    for (std::uint32_t segment = range->segment_start; segment <= range->segment_end; ++segment) {
      // VIOT numbers 65536 endpoints a segment.
      const std::uint32_t first = range->endpoint_start + ((segment - range->segment_start) << 16);
      append_range({first, static_cast<std::uint16_t>(segment), range->bdf_start, range->bdf_end},
                   itself, items);
    }
  }
  return items;
}

}  // namespace violet::protocol
