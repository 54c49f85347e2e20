// A testbed is one cell of a plan, set up and running: guest memory, rings, device, placement, driver, strategy,
// endpoint models and workload.
//
//   start()        everything is connected, the engine runs, the workload has its rings mapped
//   step() ...     the workload's operations, on the calling thread (the guest lcore)
//   finish()       the workload unmaps everything, the strategy is drained, the engine stops
//
// Costs are injected from the first phase on: set-up is not measured. Where they are so large that what is in hand
// does not end, they end a second after the phase, and after taking down began: costs_end().
//
// Threading: owner-only, the guest lcore; counters may be read by the recorder.
// Invariants: a testbed is used for one repetition; nothing survives it. What it could not have as asked
// (hugepages, cores) is in warnings().
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/dma/miss_cost_port.hpp"
#include "dataplane/eal/eal.hpp"
#include "dataplane/eal/rcu_quiescence.hpp"
#include "dataplane/placement/host_cost_store.hpp"
#include "dataplane/placement/placement.hpp"
#include "dataplane/virtqueue/driver_queue.hpp"
#include "engine/base/deadline.hpp"
#include "engine/device/device.hpp"
#include "engine/telemetry/counter.hpp"
#include "experiments/guest/virtio_iommu_driver.hpp"
#include "experiments/plans/plan.hpp"
#include "experiments/runner/cores.hpp"
#include "experiments/runner/injected_time.hpp"
#include "experiments/runner/lcore_rings.hpp"
#include "experiments/runner/recorded.hpp"
#include "experiments/strategies/strategies.hpp"
#include "experiments/workloads/guest.hpp"
#include "experiments/workloads/workloads.hpp"

namespace violet {

struct TestbedSetup {
  Eal& eal;
  const CoreMap& cores;
  const plans::Cell& cell;
  const plans::Limits& limits;
  std::string dataset_dir;  // Where "trace:<name>" workloads are looked up.
  std::uint64_t seed = 0;
  std::uint32_t rogue_every = 64;  // One unmap in so many is probed; 0: none.
  LcoreRings rings{};              // Those of the run's shared memory; none: the testbed's own.
  const std::atomic<bool>* stop = nullptr;  // Set: whatever waits or spins ends at once.
};

class Testbed final : public Recorded {
 public:
  // An operation of a generator, for timers on the workload's time; assumed: a million of them a second.
  static constexpr std::uint64_t kOperationNs = 1'000;

  static Result<std::unique_ptr<Testbed>> create(const TestbedSetup& setup);
  ~Testbed() override;
  Testbed(const Testbed&) = delete;
  Testbed& operator=(const Testbed&) = delete;

  Status start();
  // A phase lasts until then, or has no end in time (Deadline::kNever).
  void begin_phase(Ticks until);
  // When the phase's costs end.
  static Ticks costs_end(Ticks until);
  // At most one operation of the workload, within the phase.
  StepOutcome step() {
    PhaseScope phase(WorkPhase::kWorkload);
    const StepOutcome outcome = workload_->step(*guest_);
    if (outcome == StepOutcome::kDone) {
      operations_.add();
      if (counts_time_) guest_->has_worked_for(operations() * kOperationNs);
      if (stack_ticks_ > 0) {
        phase.next(WorkPhase::kInjected);
        stack_spun_.add(spin_ticks(stack_ticks_, &costs_));
      }
    }
    return outcome;
  }
  // Runs `body` on the engine's lcore between two polls; on this one where that runs the engine.
  void on_engine(const std::function<void()>& body) { placement_->control(body); }
  // Lets timers and shared endpoints run without an operation.
  void pump() { guest_->pump(); }
  // Error when the driver gave up on the device meanwhile, or a device lost its rings.
  Status finish();
  // Error when an endpoint could not reach its driver's rings: what was posted there may never be answered.
  Status rings_reached() const;

  std::uint64_t seed() const { return setup_.seed; }
  Workload& workload() { return *workload_; }
  Strategy& strategy() { return *strategy_; }
  const StrategyInfo& strategy_info() const { return *strategy_info_; }
  Device& engine() { return *engine_; }
  const Device& engine() const { return *engine_; }
  const Placement& placement() const { return *placement_; }
  const GuestCounters& counters() const { return counters_; }
  const VirtioIommuDriver& driver() const { return *driver_; }
  GuestHistograms& histograms() override { return histograms_; }
  const LcoreRings& rings() const override { return rings_; }
  const std::vector<EndpointConfig>& endpoints() const override { return endpoints_; }
  // Every gauge; once start() has returned.
  GaugeReadings gauges() const override;
  // Operations of the workload so far; any thread.
  std::uint64_t operations() const { return operations_.value(); }
  // What was done so far, in small pieces that each take some time: operations, calls of the DMA API, requests and syncs. The
  // guest lcore.
  std::uint64_t work() const {
    return operations() + guest_->calls() + counters_.map_requests + counters_.unmap_requests +
           counters_.syncs;
  }
  IotlbReaderStats iotlb_stats() const;                // Of all endpoints together.
  bool has_accesses() const { return !no_accesses_; }  // False: of a trace that has none.
  const char* why_no_lookup() const;                   // The reason, where these are all zero.
  bool eal_on_huge_pages() const { return setup_.eal.huge_pages(); }
  bool guest_on_huge_pages() const {
    return memory_.backing_name() == std::string_view("hugepages");
  }
  // Of a replay: a check of the trace's content, which its header's covers; empty: there is none.
  const std::string& trace_check() const { return trace_check_; }
  std::uint64_t dma_errors() const;
  bool timers_on_workloads_time() const { return setup_.cell.timers == plans::Timers::kWorkload; }
  bool paced() const { return setup_.cell.pace == plans::Pace::kPaced; }
  InjectedTicks injected() const;  // So far; any thread, once start() has returned.
  std::size_t cpus_used()
      const;  // Different ones, of the lcores that the cell keeps busy or waiting.
  struct RogueTotals {
    std::uint64_t probes = 0, hits = 0, dropped = 0;
  };
  RogueTotals rogue() const;
  PersistentTotals persistent_lifetimes() { return guest_->persistent(now_ticks()); }
  // The guest's lcore polls the endpoints, and runs the engine.
  bool endpoints_shared() const { return !setup_.cores.endpoint.has_value(); }
  bool engine_on_guest_lcore() const { return setup_.cell.placement == "samecore"; }
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  // An endpoint with its port and models; GuestEndpoint points into it.
  struct Attached {
    std::unique_ptr<DmaPort> port;
    std::unique_ptr<EndpointModel> model;
    std::unique_ptr<RogueEndpoint> rogue;
    GuestEndpoint endpoint;
  };
  class Bell final : public Doorbell, public SpinHook {
   public:
    explicit Bell(Placement& placement) : placement_(placement) {}
    void kick() override { placement_.kick(); }
    void while_spinning() override { placement_.wait(); }

   private:
    Placement& placement_;
  };
  // Reaches the device's transport on the engine's thread.
  class Transport final : public DeviceTransport {
   public:
    Transport(Placement& placement, Device& engine) : placement_(placement), engine_(engine) {}
    std::uint64_t offered_features() override;
    bool negotiate(std::uint64_t features) override;
    void read_config(std::size_t offset, std::span<std::byte> out) override;
    void write_config(std::size_t offset, std::span<const std::byte> bytes) override;

   private:
    Placement& placement_;
    Device& engine_;
  };

  explicit Testbed(const TestbedSetup& setup);

  Status make_workload();
  Status make_memory();
  Status make_queues();
  Status make_engine();
  Status add_device(EndpointKind kind, std::uint16_t index);
  Status make_guest();
  void run_endpoints();
  Probe probe(RingIndex ring) const { return Probe(rings_[ring]); }

  TestbedSetup setup_;
  Deadline phase_, costs_;
  HostCosts host_costs_;   // Outlives the engine.
  Ticks stack_ticks_ = 0;  // Of each operation.
  Counter stack_spun_;
  Ticks workload_time_ = 0;
  bool counts_time_ = false;  // The workload's time is that of its operations.
  std::vector<EndpointKind> kinds_;
  std::unique_ptr<Workload> workload_;
  GuestMemory memory_;
  std::unique_ptr<GuestPages> pages_;
  std::unique_ptr<RcuQuiescence> quiescence_;
  std::unique_ptr<PrivateRings> own_rings_;
  LcoreRings rings_;
  std::vector<EndpointConfig> endpoints_;
  std::unique_ptr<Device> engine_;
  std::unique_ptr<DriverQueue> request_driver_;
  std::unique_ptr<DriverQueue> event_driver_;
  std::unique_ptr<RingRequestQueue> requests_;
  std::unique_ptr<RingEventQueue> events_;
  std::vector<std::unique_ptr<Attached>> devices_;
  std::vector<const MissCostPort*> miss_costs_;  // Of the devices; none where a miss costs nothing.
  std::unique_ptr<Placement> placement_;
  std::unique_ptr<Bell> bell_;
  std::unique_ptr<Transport> transport_;
  GuestCounters counters_;
  Counter operations_;
  GuestHistograms histograms_;
  std::unique_ptr<VirtioIommuDriver> driver_;
  const StrategyInfo* strategy_info_ = nullptr;
  std::unique_ptr<Strategy> strategy_;
  std::unique_ptr<Guest> guest_;
  std::string trace_check_;
  std::vector<std::string> warnings_;
  std::atomic<bool> stop_endpoints_{false};
  bool endpoints_running_ = false;
  std::vector<std::uint16_t> groups_;  // IOMMU groups of the endpoints.
  bool no_accesses_ = false;           // Of the trace.
};

}  // namespace violet
