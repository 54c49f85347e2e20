// A rig port lets a device model work behind the mock device of a strategy's rig: translated access by access, and
// really copied. It can lose everything that is mapped, as a device whose strategy took its rings away.
//
// Threading: owner-only.
#pragma once

#include <atomic>

#include "dataplane/dma/dma_port.hpp"
#include "experiments/strategies/strategy_rig.hpp"

namespace violet {

class RigPort final : public DmaPort {
 public:
  RigPort(StrategyRig& rig, EndpointId endpoint) : rig_(rig), endpoint_(endpoint) {}

  // From now on every access fails; after so many bursts more, whoever waits for the device is told to stop.
  void lose_all(unsigned bursts) { bursts_left_ = bursts; }
  const std::atomic<bool>& stop() const { return stop_; }

  std::size_t run(std::span<DmaOp> ops) override {
    if (bursts_left_ && (*bursts_left_ == 0 || --*bursts_left_ == 0)) stop_ = true;
    std::size_t good = 0;
    for (DmaOp& op : ops) {
      const bool moved = !bursts_left_ && move(op);
      op.result = moved ? DmaResult::kOk : DmaResult::kFaultMapping;
      good += moved ? 1 : 0;
    }
    return good;
  }
  bool probe(Iova iova, Access access) override {
    return rig_.guest.device.translate(endpoint_, iova, access).has_value();
  }
  IotlbReaderStats stats() const override { return {}; }

 private:
  bool move(const DmaOp& op) {
    const auto endpoint = static_cast<std::uint16_t>(endpoint_.value);
    if (op.access == Access::kRead) {
      return rig_.device_read(endpoint, op.iova, {op.buffer, op.bytes});
    }
    return rig_.device_write(endpoint, op.iova, {op.buffer, op.bytes});
  }

  StrategyRig& rig_;
  EndpointId endpoint_;
  std::optional<unsigned> bursts_left_;
  std::atomic<bool> stop_{false};
};

}  // namespace violet
