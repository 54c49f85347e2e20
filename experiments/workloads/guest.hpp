// A guest gives a workload what it drives: the DMA API of one strategy with a stop-watch around it, guest
// memory, and the devices.
//
// Threading: the guest lcore only. Endpoint models that share this lcore are polled by pump(); the
// others run on lcores of their own.
// Invariants: every dma_map and dma_unmap of a workload goes through here, so that it is timed, recorded
// as an event and, now and then, followed by a probe of the rogue endpoint. Times include all that the
// strategy does (spinning for the device included) and nothing of ours but two reads of the clock.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/dma/block_model.hpp"
#include "dataplane/dma/nic_model.hpp"
#include "dataplane/dma/replay_endpoint.hpp"
#include "dataplane/dma/rogue_endpoint.hpp"
#include "dataplane/virtqueue/guest_memory.hpp"
#include "engine/base/deadline.hpp"
#include "engine/base/rng.hpp"
#include "engine/telemetry/counter.hpp"
#include "engine/telemetry/phase_clock.hpp"
#include "experiments/guest/dma_api.hpp"
#include "experiments/guest/guest_pages.hpp"
#include "experiments/guest/persistent_lifetimes.hpp"
#include "experiments/hdr/live_histogram.hpp"
#include "experiments/strategies/strategy.hpp"
#include "experiments/workloads/lag_trend.hpp"

namespace violet {

enum class EndpointKind : std::uint8_t { kNic, kBlock, kReplay };

inline constexpr std::uint64_t kDiskBytes = std::uint64_t{64} << 20;  // Of a block device.

// A device of the guest; exactly one of nic, block and replay is set.
struct GuestEndpoint {
  EndpointId id;
  EndpointModel* model = nullptr;
  NicModel* nic = nullptr;
  BlockModel* block = nullptr;
  ReplayEndpoint* replay = nullptr;
  RogueEndpoint* rogue = nullptr;  // May be null: no probing.
  bool shared = true;              // Polled by the guest lcore.
};

// What the guest lcore measures; the recorder may look while it grows, but not at lag_trend.
struct GuestHistograms {
  results::LiveHistogram map_ns;
  results::LiveHistogram unmap_ns;
  // Paced replay: how late each call began, and when it ended, both counted from the trace's own time.
  results::LiveHistogram lag_ns;
  results::LiveHistogram map_response_ns;
  results::LiveHistogram unmap_response_ns;
  results::LiveHistogram revocation_ns;  // StrategyContext::revocation_ns.
  LagTrend lag_trend;

  void reset();  // The guest lcore, between two calls.
};

struct GuestParts {
  Strategy& strategy;
  GuestMemory& memory;
  GuestPages& pages;
  GuestCounters& counters;
  GuestHistograms& histograms;
  Probe probe;
  unsigned cpus = 1;              // Modelled CPUs of the guest.
  std::uint32_t rogue_every = 0;  // About one unmap in so many is probed afterwards; 0: none.
  std::uint64_t seed = 0;         // Of which unmaps are probed, and when.
  // The time of the strategy's timers, where that is the workload's and not the clock's; else null.
  Ticks* workload_time = nullptr;
  const Deadline& deadline;  // Of what the workload is doing.
  std::vector<GuestEndpoint> endpoints;
};

// The timers of a strategy, on a time that a guest keeps (GuestParts::workload_time).
inline TickSource workload_timers(Ticks& time) {
  return {[](void* at) noexcept { return *static_cast<const Ticks*>(at); }, &time};
}

class Guest {
 public:
  // When after an unmap the rogue endpoint tries the address: at once, or drawn from one decade, each as often.
  static constexpr std::array<std::uint64_t, 6> kProbeDecadesNs = {0,       1'000,     10'000,
                                                                   100'000, 1'000'000, 10'000'000};

  explicit Guest(GuestParts parts);

  // --- The DMA API, timed ---
  std::optional<DmaMapping> dma_map(std::uint16_t endpoint, DmaBuffer buffer,
                                    DmaDirection direction);
  bool dma_map_list(std::uint16_t endpoint, std::span<const DmaBuffer> buffers,
                    DmaDirection direction, std::span<DmaMapping> out);
  void dma_unmap(const DmaMapping& mapping);
  void dma_unmap_list(std::span<const DmaMapping> mappings);
  // Rings and lists; not timed.
  std::optional<DmaMapping> map_coherent(std::uint16_t endpoint, DmaBuffer buffer);
  void unmap_coherent(const DmaMapping& mapping);
  // Strategy::reassign().
  Status reassign(std::uint16_t endpoint) {
    const PhaseScope phase(WorkPhase::kStrategy);
    return parts_.strategy.reassign(endpoint);
  }
  void sync_for_cpu(const DmaMapping& mapping) {
    const PhaseScope phase(WorkPhase::kStrategy);
    parts_.strategy.sync_for_cpu(mapping);
  }
  void sync_for_device(const DmaMapping& mapping) {
    const PhaseScope phase(WorkPhase::kStrategy);
    parts_.strategy.sync_for_device(mapping);
  }

  // --- Memory ---
  // Contiguous pages that hold `bytes`; a failure is an error of the plan (too little guest memory).
  Result<GuestPhys> allocate(std::uint64_t bytes);
  std::span<std::byte> bytes_at(GuestPhys at, std::uint64_t bytes) const;
  GuestPages& pages() { return parts_.pages; }

  // --- Devices ---
  GuestEndpoint& endpoint(std::uint16_t index) { return parts_.endpoints[index]; }
  std::size_t endpoint_count() const { return parts_.endpoints.size(); }
  // Polls the devices that share this lcore, and runs the strategy's timers. Returns the time.
  Ticks pump();
  // So long has the workload worked by its own count. Runs the timers, where they are by that time.
  void has_worked_for(std::uint64_t ns) {
    if (parts_.workload_time != nullptr) run_timers_at(ns);
  }
  // Whether what the workload is doing should end now, finished or not.
  bool time_is_up() const { return parts_.deadline.over(now_ticks()); }
  // Pumps until `done()`; false when time is up first.
  template <class Done>
  bool pump_until(Done&& done) {
    if (done()) return true;
    const PhaseScope phase(WorkPhase::kDevice);
    do {
      if (parts_.deadline.over(pump_while_waiting())) return false;
    } while (!done());
    return true;
  }
  // The same for a while: for steps, between which the runner looks after progress and a driver that gave up. What is
  // waited for: a device, or a call's time.
  template <class Done>
  bool pump_a_while(Done&& done, WorkPhase waits = WorkPhase::kDevice) {
    if (done()) return true;
    const PhaseScope phase(waits);
    const Ticks enough = now_ticks() + a_while_;
    do {
      const Ticks now = pump_while_waiting();
      if (now >= enough || parts_.deadline.over(now)) return done();
    } while (!done());
    return true;
  }
  // Spins, as a driver that has something else to do; not longer than there is time.
  void spin(Ticks ticks) {
    const PhaseScope injected(WorkPhase::kInjected);
    spun_.add(spin_ticks(ticks, &parts_.deadline));
  }
  std::uint64_t spun_ticks() const { return spun_.value(); }  // Really, by all of them; any thread.
  std::uint64_t calls() const {
    return calls_;
  }  // Of the DMA API, a list counts its buffers; the guest lcore.
  // The CPU that acts now; operations move from one to the next.
  void next_cpu() { cpu_ = cpu_ + 1 == parts_.cpus ? 0 : cpu_ + 1; }
  unsigned cpu() const { return cpu_; }
  // Acts on another CPU for a while, as an interrupt there does. Below the number of CPUs.
  class OnCpu {
   public:
    OnCpu(Guest& guest, unsigned cpu) : guest_(guest), before_(std::exchange(guest.cpu_, cpu)) {}
    ~OnCpu() { guest_.cpu_ = before_; }
    OnCpu(const OnCpu&) = delete;
    OnCpu& operator=(const OnCpu&) = delete;

   private:
    Guest& guest_;
    unsigned before_;
  };

  GuestHistograms& histograms() { return parts_.histograms; }
  // Mappings that stay reachable by design, since the start.
  PersistentTotals persistent(Ticks now) { return persistent_.totals(now); }

 private:
  static constexpr std::uint64_t kAWhileNs = 10'000'000;

  // A duration of 0: the call was not timed.
  void note_map(const DmaMapping& mapping, Ticks at, Ticks duration);
  void note_unmap(const DmaMapping& mapping, Ticks at, Ticks duration);
  void aim_at(const DmaMapping& mapping, GuestEndpoint& endpoint, Ticks unmapped_at);
  void probe_at_once();
  Ticks pump_while_waiting();
  void poll_shared();
  void run_timers(Ticks now);
  std::uint32_t draw_until_probe();
  void run_timers_at(std::uint64_t workload_ns);

  GuestParts parts_;
  double ns_per_tick_;
  Ticks a_while_;
  unsigned cpu_ = 0;
  Rng rng_;
  std::uint32_t until_probe_;
  std::size_t next_decade_ = 0;
  RogueEndpoint* at_once_ = nullptr;  // Has a probe to make before the guest goes on.
  PersistentLifetimes persistent_;
  Counter spun_;
  std::uint64_t calls_ = 0;
};

}  // namespace violet
