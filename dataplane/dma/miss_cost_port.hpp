// A miss-cost port makes IOTLB misses cost more than the walk that they really take: what a device pays for a
// translation request over a bus, as a plan says.
//
// Threading: that of the port beneath.
// Invariants: the cost is injected, and the time that it really took is counted where it is spun. It is paid at the end of a burst, outside
// of its online section, so it slows the endpoint and lengthens no grace period. Probes of the rogue
// endpoint are free: they measure. Behind the deadline nothing is paid.
#pragma once

#include <memory>
#include <utility>

#include "dataplane/dma/dma_port.hpp"
#include "engine/base/deadline.hpp"
#include "engine/telemetry/counter.hpp"
#include "engine/telemetry/phase_clock.hpp"

namespace violet {

class MissCostPort final : public DmaPort {
 public:
  // `until` outlives the port; null: for ever.
  MissCostPort(std::unique_ptr<DmaPort> port, std::uint64_t cost_ns,
               const Deadline* until = nullptr)
      : port_(std::move(port)), cost_(ns_to_ticks(cost_ns)), until_(until) {}

  std::size_t run(std::span<DmaOp> ops) override {
    const std::uint64_t before = port_->stats().misses;
    const std::size_t good = port_->run(ops);
    const Ticks owed = cost_ * (port_->stats().misses - before);
    if (owed > 0) {
      const PhaseScope injected(WorkPhase::kInjected);
      spun_.add(spin_ticks(owed, until_));
    }
    return good;
  }
  bool probe(Iova iova, Access access) override { return port_->probe(iova, access); }
  IotlbReaderStats stats() const override { return port_->stats(); }
  void refresh_regions() override { port_->refresh_regions(); }
  std::uint64_t spun_ticks() const { return spun_.value(); }  // Any thread.

 private:
  std::unique_ptr<DmaPort> port_;
  Ticks cost_;
  const Deadline* until_;
  Counter spun_;
};

}  // namespace violet
