// A ring format is how a virtqueue lies in memory (VIRTIO 1.2, sections 2.7 and 2.8): VIRTIO_F_RING_PACKED.
//
// Threading: a plain value.
#pragma once

#include <cstdint>

namespace violet {

enum class RingFormat : std::uint8_t { kSplit, kPacked };

}  // namespace violet
