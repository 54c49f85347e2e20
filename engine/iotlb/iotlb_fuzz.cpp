// Bytes -> a history, played on every design against the oracle of iotlb_history.hpp. The first byte
// chooses the shape of the cache.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "engine/iotlb/iotlb_history.hpp"
#include "engine/iotlb/iotlbs.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace violet;
  if (size == 0) return 0;
  const std::span<const std::uint8_t> history(data + 1, size - 1);
  for (const auto& kind : iotlbs()) {
    IotlbHistory player(kind, small_iotlb_config(data[0]));
    if (const auto failure = player.play(history)) {
      std::fprintf(stderr, "%s\n", failure->c_str());
      std::abort();
    }
  }
  return 0;
}
