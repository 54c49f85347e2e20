// A time breakdown says what a repetition's lcores did with the measured time, per operation: phases of the guest's
// lcore, and of the engine's where it has one of its own, from the phase clocks of both (telemetry/phase_clock.hpp).
// What marks cost in a cell they learn from its warm-up on.
//
// Threading: TimeClocks belong to the guest lcore, which has the engine's begun and ended between two polls of it.
// Invariants: every phase of the registry has a metric in every repetition, with a value or the reason why not: a part that
// is not there is no zero. On either lcore phases, rest and the breakdown's own add up to that lcore's time.
// Limits: endpoints with an lcore of their own are not taken apart.
#pragma once

#include <optional>
#include <vector>

#include "engine/telemetry/phase_clock.hpp"
#include "engine/telemetry/phase_estimate.hpp"
#include "experiments/results/records.hpp"
#include "experiments/runner/thread_wait.hpp"

namespace violet {

class Testbed;

struct LcoreTimes {
  std::optional<PhaseTally> guest;
  std::optional<PhaseTally> engine;  // None where the guest's lcore runs it.
  bool waits_known = true;           // The kernel says how long threads wait for a CPU.
};

class TimeClocks {
 public:
  // Does nothing where the plan does not want it.
  TimeClocks(Testbed& testbed, bool wanted, std::uint64_t seed);

  // Around the warm-up, before everything else; it may be left out.
  void begin_warm_up();
  void end_warm_up();
  void begin_engine();  // The engine's time contains the guest's.
  void begin_guest();
  void end_guest();
  void end_engine();
  const LcoreTimes& times() const { return times_; }

 private:
  bool has_engine() const;  // On an lcore of its own.

  Testbed& testbed_;
  bool wanted_;
  std::uint64_t seed_;
  ThreadWait guest_wait_, engine_wait_;
  std::optional<PhaseClock> guest_, engine_;
  std::optional<MarkPrices> guest_learned_, engine_learned_;  // In the warm-up.
  LcoreTimes times_;
};

// What a breakdown is judged by: what there was of each kind in the measured time.
struct TimeFacts {
  LcoreTimes times;              // No guest's: the plan wants none.
  bool endpoints_shared = true;  // The guest's lcore polls the endpoints.
  std::uint64_t operations = 0;
  std::uint64_t requests = 0, syncs = 0, kicks = 0, bytes_copied = 0, iova_allocations = 0;
  std::uint64_t invalidations = 0, grace_periods = 0;
  Ticks injected = 0, engine_injected = 0;  // By the guest's side, and by the engine's.
  bool paced = false;                       // A trace at its own times.
  bool kick_thread = false;                 // The placement that sleeps.
};

std::vector<results::Metric> time_metrics(const TimeFacts& facts);

}  // namespace violet
