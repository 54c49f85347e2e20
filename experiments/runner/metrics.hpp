// Metrics are made of counters, histograms and events when a repetition is over.
//
// Threading: plain values and pure functions, on the guest lcore.
#pragma once

#include <optional>
#include <span>

#include "experiments/results/records.hpp"
#include "experiments/runner/cpu_wait.hpp"
#include "experiments/runner/rate_series.hpp"
#include "experiments/runner/recorder.hpp"
#include "experiments/runner/testbed.hpp"
#include "experiments/runner/time_breakdown.hpp"

namespace violet {

// Everything that only grows, at one moment.
struct Snapshot {
  static Snapshot of(Testbed& testbed);

  GuestCounters guest;
  PersistentTotals persistent;
  IotlbReaderStats iotlb;
  std::uint64_t polls = 0;
  std::uint64_t useful_polls = 0;
  std::uint64_t parked = 0;
  std::uint64_t stalls = 0;
  std::uint64_t faults = 0;
  std::uint64_t invalidations = 0;
  std::uint64_t grace_periods = 0;
  InjectedTicks injected;
  std::optional<std::uint64_t> worked_ns;       // In the guest's own time; empty: it has none.
  std::optional<Workload::HeldBack> held_back;  // Empty: nothing is given away.
  std::optional<std::uint64_t> throttled;       // Of the cgroup; empty: nobody counts.
  std::optional<CpuWaits> waits;                // Empty: the kernel does not say.
};

struct Measurement {
  Snapshot before;
  Snapshot after;
  Ticks start = 0;
  Ticks end = 0;
  std::uint64_t operations = 0;
  std::uint64_t always_mapped_bytes = 0;  // At the end, before taking down.
  results::HdrHistogram map_ns, unmap_ns;
  results::HdrHistogram lag_ns, map_response_ns, unmap_response_ns;  // Of an open loop.
  LagTrend lag_trend;
  results::HdrHistogram revocation_ns;
  LcoreTimes times;
  Ticks warm_up = 0;                 // That ran before it was measured.
  std::span<const RateSlice> rates;  // Of both together; the loop's.
};

// Called after Testbed::finish() and Recorder::stop().
results::RepetitionRecord to_record(const Measurement& measurement, Testbed& testbed,
                                    const Recorder& recorder);

}  // namespace violet
