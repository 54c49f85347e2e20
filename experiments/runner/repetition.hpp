// A repetition sets up a cell, warms it up, measures it, takes it down, and turns what was seen into metrics.
//
// Threading: the guest lcore.
// Invariants: what is measured lies between two reads of the clock with nothing but the workload, the
// shared endpoints and the recorder's wake-ups in between. A metric that could not be measured says why.
#pragma once

#include <atomic>
#include <functional>

#include "experiments/plans/plan.hpp"
#include "experiments/results/records.hpp"
#include "experiments/runner/recorder.hpp"
#include "experiments/runner/testbed.hpp"
#include "experiments/trace/pyramid_file.hpp"

namespace violet {

struct RepetitionSetup {
  const plans::RunSettings& run;
  RecorderOptions recorder;
  results::RunWriter* writer = nullptr;
  EventTraceWriter* trace = nullptr;
  PyramidWriter* pyramids = nullptr;
  // What it may take of the two files. Events have half at the most, and the summary what they leave of it.
  std::uint64_t trace_bytes = std::uint64_t{1} << 30;
  // What became of its events; only where they are traced.
  std::function<void(const Recorder::Traced&)> on_traced = {};
  std::function<void()> tick = {};           // Progress; called about 20 times a second.
  std::function<void(Phase)> entered = {};   // A phase begins; outside of what is measured.
  const std::atomic<bool>* abort = nullptr;  // Set: leave at once, without a result.
  // The trace or the logs could not be written. The record is whole all the same and says so.
  std::function<void(const Error&)> on_write_error = {};
};

// All cells share a repetition's seed, so that they differ by what varies alone. Repetitions of one run, and runs whose
// seeds are neighbours, share none.
std::uint64_t seed_of_repetition(std::uint64_t run_seed, std::uint32_t repetition);
// The places of `cells` cells in the round that measures this repetition of each: drawn anew for every round, so that nothing
// that goes with the rounds, as what every second step of this program does, falls on the same cells again and again.
std::vector<std::size_t> order_of_round(std::size_t cells, std::uint64_t run_seed,
                                        std::uint32_t repetition);

// Empty label, times and cell: the caller's. Error when the cell cannot run or was aborted.
Result<results::RepetitionRecord> run_repetition(Testbed& testbed, const RepetitionSetup& setup);

}  // namespace violet
