#include "dataplane/virtqueue/ring_fault.hpp"

namespace violet {

const char* to_text(RingFault fault) {
  static constexpr std::array<const char*, kRingFaults> kNames = {
      "none",
      "available index jumped",
      "head out of range",
      "next index out of range",
      "descriptor loop",
      "descriptors still in use made available",
      "wrong available bits inside a chain",
      "buffer id out of range",
      "chain already in flight",
      "indirect table inside an indirect table",
      "indirect descriptor with a next one",
      "indirect table of a wrong length",
      "next index outside the indirect table",
      "indirect descriptor without the feature",
      "ring out of the device's reach",
      "address outside memory",
      "descriptor of no bytes",
      "readable behind writable",
      "chain too long",
      "too many writable descriptors",
      "length overflow",
  };
  const auto index = static_cast<std::size_t>(fault);
  return index < kRingFaults ? kNames[index] : "unknown";
}

}  // namespace violet
