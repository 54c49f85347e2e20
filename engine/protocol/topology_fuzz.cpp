// Any bytes as a configuration space with a topology: an error that names its offset, or items that are the same
// after they were built and read again.
#include <cstdint>
#include <span>

#include "engine/base/check.hpp"
#include "engine/protocol/topology.hpp"

using namespace violet::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = std::as_bytes(std::span(data, size));
  for (const std::size_t at : {kTopologyAt, kDraftTopologyAt}) {
    const auto topology = parse_topology(config, at);
    if (!topology) {
      VIOLET_CHECK(topology.error().message.starts_with("topology: offset 0x"));
      continue;
    }
    if (topology->items.size() > kMostTopologyItems) continue;
    std::vector<std::byte> again(kTopologyAt);
    append_topology(again, topology->items);
    const auto read = parse_topology(again);
    VIOLET_CHECK(read && read->items == topology->items);
  }
  return 0;
}
