// Loop metrics are the latencies of a repetition, and what its loop makes of them: open, at a trace's own times, or
// closed, a call as soon as the one before has returned.
//
// In an open loop a response counts from when its call should have begun, and a repetition that falls behind more and
// more is overloaded (workloads/lag_trend.hpp).
//
// A closed loop asks less while it waits: one slow call hides all that a client with a schedule of its own would have
// made meanwhile (coordinated omission). The corrected histograms add these, after Tene's HdrHistogram, for a client that
// calls at the steady rate that the repetition reached: one call every measured time / calls. That interval is the only one
// that a closed loop defines; it contains the stops themselves, so that the correction is a lower bound, and calls that
// come in bursts are not spread by it. With fewer than kFewestCalls there is no rate and no correction.
//
// Threading: pure functions.
#pragma once

#include "experiments/results/records.hpp"
#include "experiments/runner/metrics.hpp"

namespace violet {

enum class LoopKind { kClosed, kOpen };

inline constexpr std::uint64_t kFewestCalls = 100;

void add_latencies(results::RepetitionRecord& record, const Measurement& measurement,
                   LoopKind loop);

}  // namespace violet
