// A rogue endpoint plays a malicious or broken device: it tries addresses that were just unmapped and records
// whether it still reaches memory. It is the independent witness of the exposure ledger.
//
// Threading: as endpoint_model.hpp says; aim() from the guest lcore.
// Invariants: it copies nothing and reports no faults, so that measuring changes as little as it
// can. Every probe leaves one kRogueProbe event with the middle of the time in which the translation was made and
// how long that was, but for those that were preempted on the way, which are dropped and counted.
// Limits: targets that arrive while the queue is full are dropped and counted.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/dma/dma_port.hpp"
#include "dataplane/dma/endpoint_model.hpp"
#include "engine/base/clock.hpp"
#include "engine/base/spsc_ring.hpp"
#include "engine/telemetry/counter.hpp"
#include "engine/telemetry/event_ring.hpp"

namespace violet {

class RogueEndpoint final : public EndpointModel {
 public:
  // Probes that took longer were preempted on the way and are dropped; one takes some 100 ns. The stamp
  // of the others, the middle of their time, is wrong by half of it at the most.
  static constexpr std::uint64_t kLongestNs = 1'000;

  // Probes wait in `lanes`, so that those of long delays do not hold up the others. `port` outlives the model; it is
  // the port of the device that turned bad, so that the probes go through the same IOTLB.
  RogueEndpoint(DmaPort& port, Probe probe, std::uint32_t endpoint_id, std::size_t lanes,
                std::size_t queue = 4096);

  // Asks for one probe of `iova`, not before a time and not before those that wait in the same lane.
  void aim(Iova iova, Access access, Ticks not_before, std::size_t lane);

  unsigned poll(unsigned budget) override;
  std::uint64_t dma_errors() const override { return 0; }
  std::uint64_t probes() const { return probes_.value(); }
  std::uint64_t hits() const { return hits_.value(); }
  std::uint64_t dropped_targets() const { return dropped_.value(); }

 private:
  struct Target {
    Iova iova;
    Access access;
    Ticks not_before;
  };

  struct Lane {
    explicit Lane(std::size_t queue) : targets(queue) {}
    SpscRing<Target> targets;
    Target next{};
    bool has_next = false;
  };

  unsigned poll_lane(Lane& lane, unsigned budget);

  DmaPort& port_;
  Probe probe_;
  std::uint32_t endpoint_id_;
  Ticks longest_ = ns_to_ticks(kLongestNs);
  std::vector<std::unique_ptr<Lane>> lanes_;
  Counter probes_;
  Counter hits_;
  Counter dropped_;
};

}  // namespace violet
