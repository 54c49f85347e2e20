#include "engine/iotlb/iotlbs.hpp"

#include "engine/iotlb/designs.hpp"

namespace violet {
namespace {

template <IotlbCache I>
std::unique_ptr<IotlbControl> make_iotlb(const IotlbConfig& config, Quiescence& quiescence) {
  return std::make_unique<I>(config, quiescence);
}

template <IotlbCache I>
IotlbInfo iotlb_info(const char* name, const char* summary, bool wait_free_hits = true) {
  return {{name, summary}, I::kDesign, wait_free_hits, &make_iotlb<I>};
}

}  // namespace

Registry<IotlbInfo> iotlbs() {
  // A plan that says "*" runs them in this order, and the order is part of its hash: append.
  static const IotlbInfo kIotlbs[] = {
      iotlb_info<GenerationDomainIotlb>(kDefaultIotlb, "an invalidation empties its domain"),
      iotlb_info<LockedIotlb>("locked", "one sorted list behind a reader-writer lock", false),
      iotlb_info<GenerationDeviceIotlb>("generation-device", "an invalidation empties all caches"),
      iotlb_info<GenerationRangesIotlb>("generation-ranges",
                                        "the last small ranges are dropped by name"),
      iotlb_info<TargetedIotlb>("targeted-ack", "readers drop what a log names, and acknowledge"),
      iotlb_info<SharedVersionedIotlb>("shared-versioned",
                                       "one cache for all, emptied entry by entry"),
  };
  return {"IOTLB", kIotlbs};
}

}  // namespace violet
