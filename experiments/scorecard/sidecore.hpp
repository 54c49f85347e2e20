// A sidecore runs a device on its own lcore behind a ring, as a run has it: make_device() and Placement.
//
// Threading: lcore 0 owns it; the engine runs on lcore 1 between start() and stop().
#pragma once

#include <atomic>
#include <memory>

#include "dataplane/dma/dma_port.hpp"
#include "dataplane/eal/rcu_quiescence.hpp"
#include "dataplane/placement/placement.hpp"
#include "experiments/scorecard/device_bed.hpp"
#include "experiments/scorecard/lab.hpp"
#include "experiments/scorecard/rings.hpp"

namespace violet::scorecard {

class Sidecore {
 public:
  static Result<std::unique_ptr<Sidecore>> make(Lab& lab, RingFormat format, std::uint64_t mappings,
                                                Probe probe = {});
  ~Sidecore() { stop(); }
  Sidecore(const Sidecore&) = delete;
  Sidecore& operator=(const Sidecore&) = delete;

  // kEmpty answers every request and executes none: what the ring alone costs.
  enum class Handler { kEngine, kEmpty };
  // Without start(), requests are executed inline by whoever waits.
  Status start(Handler handler = Handler::kEngine);
  void stop();

  // The request in slot 0, awaited.
  bool call();
  bool map(std::uint64_t iova, std::uint64_t phys) {
    rings->put_map(0, iova, phys);
    return call();
  }
  bool unmap(std::uint64_t iova) {
    rings->put_unmap(0, iova);
    return call();
  }
  // MAPs every page that is live at first, in bursts.
  bool populate(const Churn& churn);

  std::unique_ptr<Rings> rings;
  std::unique_ptr<RcuQuiescence> quiescence;
  std::unique_ptr<Device> engine;
  std::unique_ptr<DmaPort> port;

 private:
  explicit Sidecore(Eal& eal) : eal_(eal) {}
  void run_empty();

  Eal& eal_;
  bool empty_running_ = false;
  std::atomic<bool> stop_empty_{false};
  std::unique_ptr<Placement> place_;
};

}  // namespace violet::scorecard
