// Any bytes as a VIOT table: an error that names its offset, or a table whose outputs all lead to IOMMU
// nodes and that is the same after it was built and read again.
#include <cstdint>
#include <span>

#include "engine/base/check.hpp"
#include "engine/protocol/viot.hpp"

using namespace violet::protocol;

namespace {

std::size_t iommu_of(const ViotNode& node) {
  if (const auto* range = std::get_if<ViotPciRange>(&node.what)) return range->iommu;
  return std::get<ViotMmioEndpoint>(node.what).iommu;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto table = parse_viot(std::as_bytes(std::span(data, size)));
  if (!table) {
    VIOLET_CHECK(table.error().message.starts_with("viot: offset 0x"));
    return 0;
  }
  for (const ViotNode& node : table->nodes) {
    if (node.is_iommu()) continue;
    VIOLET_CHECK(iommu_of(node) < table->nodes.size());
    VIOLET_CHECK(table->nodes[iommu_of(node)].is_iommu());
  }
  (void)viot_endpoint(*table, 0, PciBdf::of(0, 5, 0));
  if (table->nodes.size() > 2000) return 0;  // build_viot() makes at most 64 KiB.
  const auto again = parse_viot(build_viot(*table));
  VIOLET_CHECK(again && again->nodes.size() == table->nodes.size());
  for (std::size_t i = 0; i < table->nodes.size(); ++i) {
    VIOLET_CHECK(again->nodes[i].what == table->nodes[i].what);
  }
  return 0;
}
