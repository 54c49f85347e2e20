#include "dataplane/virtqueue/device_ring.hpp"

#include <algorithm>
#include <cstring>

namespace violet {

bool ChainTable::write(std::uint32_t token, std::uint64_t offset,
                       std::span<const std::byte> bytes) {
  if (!in_flight(token)) return false;
  const Chain& chain = chains_[token];
  if (offset > chain.writable || bytes.size() > chain.writable - offset) return false;
  for (unsigned i = 0; i < chain.segments && !bytes.empty(); ++i) {
    const Segment& segment = i == 0 ? chain.first : more_[token][i - 1];
    if (offset >= segment.bytes) {
      offset -= segment.bytes;
      continue;
    }
    const std::size_t now = std::min<std::size_t>(bytes.size(), segment.bytes - offset);
    std::memcpy(segment.host + offset, bytes.data(), now);
    bytes = bytes.subspan(now);
    offset = 0;
  }
  return true;
}

}  // namespace violet
