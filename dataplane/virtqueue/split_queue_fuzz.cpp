// A split ring that a hostile driver rewrites between the device's calls: see ring_fuzz.hpp.
#include "dataplane/virtqueue/ring_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return violet::fuzz_ring(violet::RingFormat::kSplit, data, size);
}
