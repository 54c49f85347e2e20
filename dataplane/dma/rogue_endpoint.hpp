// A rogue endpoint plays a malicious or broken device: it tries addresses that were just unmapped and records
// whether it still reaches memory. It is the independent witness of the exposure ledger.
//
// Threading: as endpoint_model.hpp says; aim() from the guest lcore.
// Invariants: it copies nothing and reports no faults, so that measuring changes as little as it
// can. Every probe leaves one kRogueProbe event with the time at which the translation was made, but for
// those that were preempted on the way, which are dropped and counted.
// Limits: targets that arrive while the queue is full are dropped and counted.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
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

  // Probes go out `delays_ns[i]` after the time they were asked at. `port` outlives the model; it is the
  // port of the device that turned bad, so that the probes go through the same IOTLB.
  RogueEndpoint(DmaPort& port, Probe probe, std::uint32_t endpoint_id,
                std::span<const std::uint64_t> delays_ns, std::size_t queue = 4096);

  // Asks for one probe of `iova`, delays_ns[delay] after `from`. Times must not go backwards.
  void aim(Iova iova, Access access, Ticks from, std::size_t delay);

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

  // One queue a delay, so that each is in order of time.
  struct Lane {
    Lane(Ticks ticks, std::size_t queue) : delay(ticks), targets(queue) {}
    Ticks delay;
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
