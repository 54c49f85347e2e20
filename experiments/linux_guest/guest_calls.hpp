// The guest's DMA-API calls are reconstructed from outside: events of the guest's ring are made
// from those that the engine recorded in its own ring while it ran the guest's requests.
//
//     engine's ring --observe--> GuestCalls --kDmaMap, kDmaUnmap, kKick--> guest's ring
//
// Threading: the lcore that polls the engine, which also is the producer of both rings.
// Invariants: one kDmaMap a MAP, one kDmaUnmap a mapping that went: which MAPs were one call the guest
// does not say. No window that is computed from these events is shorter than the true one. A strict
// unmap returns after its UNMAP is complete (drivers/iommu/virtio-iommu.c spins for it) and is stamped with
// that time; a lazy one returns when its UNMAP is in the ring or later, and is stamped with the beginning
// of the last poll that left the ring empty, when it was not there yet. C3 `took` is 0: how long a call took
// the guest cannot be seen.
// Limits: that needs a driver whose descriptor chains are well formed, as Linux's are: a poll that meets others may leave
// requests in the ring unseen. The windows of a lazy guest are too long by up to the time between two polls; with an engine
// that is polled only after kicks, by up to the time between two kicks.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "dataplane/virtio/iommu_device.hpp"
#include "engine/telemetry/event_ring.hpp"

namespace violet::linux_guest {

enum class UnmapReturns : std::uint8_t { kAfterCompletion, kOnceQueued };

class GuestCalls final : public virtio::PollWatch {
 public:
  // The engine records targets (DeviceConfig::record_targets). All outlive the object.
  GuestCalls(const Device& engine, const EventRing& engine_ring, EventRing& guest_ring,
             UnmapReturns returns);

  void before_poll() override;
  void kicked() override;
  // First addresses of what is mapped now for an endpoint.
  std::vector<std::uint64_t> mapped_for(EndpointId endpoint) const;

 private:
  struct Mapping {
    std::uint64_t last;
    std::uint64_t phys;
    std::uint8_t flags;
    Ticks since;  // No unmap of it can have returned before.
  };
  struct Domain {
    std::map<std::uint64_t, Mapping> live;  // By first address.
    std::vector<std::uint32_t> endpoints;
  };

  void take(const Event& event);
  void attached(const AttachEvent& event);
  void detached(const AttachEvent& event);
  void mapped(const TargetEvent& target, Ticks at);
  void unmapped(const MappingEvent& gone, Ticks at);
  void leave(EventKind kind, std::uint32_t endpoint, std::uint64_t first, const Mapping& mapping,
             Ticks at);
  std::uint64_t requests() const;

  const Device& engine_;
  RingObserver observer_;
  Probe guest_;
  UnmapReturns returns_;
  std::vector<Event> batch_;
  std::unordered_map<std::uint32_t, Domain> domains_;
  std::unordered_map<std::uint32_t, std::uint64_t> ends_;  // Of the MAP whose target comes next.
  std::uint64_t requests_before_ = 0;
  Ticks empty_since_;  // The ring was empty at the end of a poll that began then.
  Ticks began_;        // The last poll.
};

}  // namespace violet::linux_guest
