// The DMA API names buffers, mappings and directions as Linux does; workloads and strategies share it.
//
// Threading: plain values.
#pragma once

#include <cstdint>

#include "engine/base/types.hpp"
#include "engine/telemetry/event_bodies.hpp"

namespace violet {

enum class DmaDirection : std::uint8_t { kToDevice = 1, kFromDevice = 2, kBidirectional = 3 };

// dma_info_to_prot() of drivers/iommu/dma-iommu.c: what the device may do.
constexpr Permissions permissions_of(DmaDirection direction) {
  return static_cast<Permissions>(static_cast<std::uint8_t>(direction));
}

// A CPU buffer that a driver hands to the DMA API; need not be aligned.
struct DmaBuffer {
  GuestPhys phys;
  std::uint32_t bytes;  // >= 1.
};

// What dma_map_single() gave back. `iova` keeps the offset of the buffer in its granule.
struct DmaMapping {
  Iova iova;
  DmaBuffer buffer;
  DmaDirection direction;
  std::uint16_t endpoint;  // Index of the endpoint in the guest, not its virtio-iommu id.
  // What the device may do there, which can be more than the direction needs.
  Permissions granted = Permissions::kNone;
  // The address stays reachable after unmap() by design (bypass, identity map, bounce pool), so that
  // its unmap opens no window; Strategy::always_mapped_bytes() accounts for it.
  bool persistent = false;
  // map() found the mapping that the last unmap of these pages left in place, and sent nothing: what was stale
  // until then is in use again.
  bool kept = false;
  std::uint64_t cookie = 0;  // The strategy's own.
};

// What the events of its dma_map and its dma_unmap say; `endpoint` is the virtio-iommu id.
constexpr DmaEvent dma_event(const DmaMapping& mapping, EndpointId endpoint) {
  return {.endpoint = endpoint,
          .iova = mapping.iova,
          .bytes = mapping.buffer.bytes,
          .phys_page = mapping.buffer.phys.value >> kGranuleShift4K,
          .needed = permissions_of(mapping.direction),
          .granted = mapping.granted,
          .persistent = mapping.persistent,
          .kept = mapping.kept};
}

// What the DMA layer did, since the run's start. Guest lcore only.
struct GuestCounters {
  std::uint64_t maps = 0;              // dma_map calls that succeeded
  std::uint64_t unmaps = 0;            // dma_unmap calls
  std::uint64_t map_failures = 0;      // dma_map calls that failed (no IOVA, no ring, NOMEM)
  std::uint64_t map_requests = 0;      // MAP requests sent to the device
  std::uint64_t unmap_requests = 0;    // UNMAP requests sent to the device
  std::uint64_t other_requests = 0;    // ATTACH, DETACH, PROBE
  std::uint64_t failed_requests = 0;   // any request that came back with a status other than OK
  std::uint64_t syncs = 0;             // times the driver spun until all requests were back
  std::uint64_t kicks = 0;             // notifications really sent (not suppressed)
  std::uint64_t kicks_suppressed = 0;  // notifications the device did not want
  std::uint64_t flushes = 0;           // flush-queue flushes
  std::uint64_t iova_allocations = 0;
  std::uint64_t iova_tree_walks = 0;   // allocations that missed the magazines
  std::uint64_t iova_tree_steps = 0;   // ranges that the searches of all allocations passed
  std::uint64_t bytes_copied = 0;      // by bounce strategies
  std::uint64_t bounce_fallbacks = 0;  // bounces that fell back to a normal mapping
  std::uint64_t revocations = 0;       // blocks that the registered strategy revoked and unmapped
};

}  // namespace violet
