#include "experiments/runner/repetition.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

#include "engine/base/clock.hpp"
#include "engine/base/rng.hpp"
#include "experiments/runner/metrics.hpp"
#include "experiments/runner/rate_series.hpp"
#include "experiments/runner/time_breakdown.hpp"
#include "experiments/trace/aggregation.hpp"

namespace violet {
namespace {

constexpr unsigned kBatch = 32;  // Operations between two looks at the clock, at the most:
constexpr std::uint64_t kBatchNs = 100'000;  // as many as take about so long.

struct Bound {
  Ticks ticks = 0;               // 0: no bound in time.
  std::uint64_t operations = 0;  // 0: no bound in operations.
};

Bound bound_of(std::optional<double> seconds, std::optional<std::uint64_t> operations) {
  Bound bound;
  if (seconds) bound.ticks = ns_to_ticks(static_cast<std::uint64_t>(*seconds * 1e9));
  if (operations) bound.operations = *operations;
  return bound;
}

class Loop {
 public:
  Loop(Testbed& testbed, const RepetitionSetup& setup)
      : testbed_(testbed),
        setup_(setup),
        tick_every_(ns_to_ticks(50'000'000)),
        long_batch_(ns_to_ticks(kBatchNs)) {}

  // Of all that ran so far.
  const RateSeries& rates() const { return rates_; }

  // Runs operations up to the bound; returns how many. Error when the driver broke or we were aborted.
  Result<std::uint64_t> run(const Bound& bound) {
    std::uint64_t done = 0;
    const Ticks start = now_ticks();
    Ticks next_tick = start + tick_every_;
    testbed_.begin_phase(bound.ticks == 0 ? Deadline::kNever : start + bound.ticks);
    rates_.begin(start);
    std::uint64_t counted = 0;
    Ticks before = start;
    std::uint64_t worked = testbed_.work();
    for (unsigned batch = 1;;) {
      const std::uint64_t left = bound.operations == 0 ? kBatch : bound.operations - done;
      const std::uint64_t most = std::min<std::uint64_t>(left, batch);
      std::uint64_t stepped = 0;
      StepOutcome outcome = StepOutcome::kDone;
      while (stepped < most && (outcome = testbed_.step()) == StepOutcome::kDone) ++stepped;
      done += stepped;
      const std::uint64_t work = testbed_.work();
      PhaseClock::round(work - std::exchange(worked, work));
      if (outcome == StepOutcome::kEnd) return done;
      const Ticks now = now_ticks();
      rates_.add(now, done - counted);
      counted = done;
      batch = now - before > long_batch_ ? std::max(batch / 2, 1u) : std::min(batch * 2, kBatch);
      before = now;
      if (bound.operations != 0 && done >= bound.operations) return done;
      if (bound.ticks != 0 && now - start >= bound.ticks) return done;
      if (testbed_.driver().broken()) VIOLET_TRY(testbed_.driver().health());
      VIOLET_TRY(testbed_.rings_reached());
      if (setup_.abort != nullptr && setup_.abort->load(std::memory_order_relaxed)) {
        return fail("interrupted");
      }
      if (now < next_tick) continue;
      next_tick = now + tick_every_;
      if (setup_.tick) setup_.tick();
    }
  }

 private:
  Testbed& testbed_;
  const RepetitionSetup& setup_;
  Ticks tick_every_;
  Ticks long_batch_;
  RateSeries rates_;
};

RecorderOptions recorder_options(const RepetitionSetup& setup) {
  RecorderOptions options = setup.recorder;
  options.max_trace_bytes = std::min(setup.trace_bytes / 2, options.max_trace_bytes);
  return options;
}

// No larger than it can end up: what is merged in the end need not be kept apart before.
AggregationOptions aggregation_within(std::uint64_t bytes) {
  AggregationOptions options{.ns_per_tick = ns_per_tick()};
  options.most_buckets = std::bit_floor(
      std::clamp<std::size_t>(bytes / sizeof(PyramidBucket), 2, options.most_buckets));
  options.most_cells = std::clamp<std::size_t>(bytes / sizeof(ChurnCell), 1024, options.most_cells);
  return options;
}

// What viewers see of the whole repetition, also of the events that the trace does not keep.
Status store_pyramid(const Recorder& recorder, const RepetitionSetup& setup, std::uint64_t bytes,
                     results::RepetitionRecord& record) {
  Aggregation aggregation(aggregation_within(bytes));
  recorder.aggregate_into(aggregation);
  if (!aggregation.fit(bytes, recorder.traced().until)) {
    record.warnings.push_back(fmt::format(
        "its trace has no summary, which takes more than the {} KiB that are left of its share; "
        "run.trace_mib gives it more",
        bytes >> 10));
    return {};
  }
  return setup.pyramids->append(setup.recorder.cell, setup.recorder.repetition,
                                aggregation.pyramid());
}

void take_latencies(const GuestHistograms& histograms, Measurement& measured) {
  measured.map_ns = histograms.map_ns.snapshot();
  measured.unmap_ns = histograms.unmap_ns.snapshot();
  measured.lag_ns = histograms.lag_ns.snapshot();
  measured.map_response_ns = histograms.map_response_ns.snapshot();
  measured.unmap_response_ns = histograms.unmap_response_ns.snapshot();
  measured.lag_trend = histograms.lag_trend;
  measured.revocation_ns = histograms.revocation_ns.snapshot();
}

// Its time is not measured; the clocks learn from it what their marks cost.
Result<Ticks> warm_up(Loop& loop, TimeClocks& clocks, const plans::RunSettings& run) {
  const Bound bound = bound_of(run.warmup_s, run.warmup_operations);
  if (bound.ticks == 0 && bound.operations == 0) return Ticks{0};
  clocks.begin_warm_up();
  const Ticks began = now_ticks();
  const auto done = loop.run(bound);
  const Ticks took = now_ticks() - began;
  clocks.end_warm_up();
  VIOLET_TRY(done);
  return took;
}

}  // namespace

std::uint64_t seed_of_repetition(std::uint64_t run_seed, std::uint32_t repetition) {
  return Rng(Rng(run_seed)() + repetition)();
}

std::vector<std::size_t> order_of_round(std::size_t cells, std::uint64_t run_seed,
                                        std::uint32_t repetition) {
  std::vector<std::size_t> order(cells);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Rng rng(~seed_of_repetition(run_seed, repetition));  // Not that of the workload.
  for (std::size_t left = cells; left > 1; --left) {   // Fisher and Yates.
    std::swap(order[left - 1], order[rng.below(left)]);
  }
  return order;
}

Result<results::RepetitionRecord> run_repetition(Testbed& testbed, const RepetitionSetup& setup) {
  const auto enter = [&](Phase phase) {
    if (setup.entered) setup.entered(phase);
  };
  const std::uint64_t trace_begins = setup.trace != nullptr ? setup.trace->end() : 0;
  Recorder recorder(testbed, setup.writer, setup.trace, recorder_options(setup));
  enter(Phase::kStart);
  VIOLET_TRY(recorder.start());
  VIOLET_TRY(testbed.start());
  recorder.begin_sampling();
  Loop loop(testbed, setup);
  TimeClocks clocks(testbed, setup.run.breakdown, testbed.seed());
  Measurement measured;
  const auto warmed = warm_up(loop, clocks, setup.run);
  VIOLET_TRY(warmed);
  measured.warm_up = *warmed;
  enter(Phase::kMeasure);
  recorder.begin_measuring();
  clocks.begin_engine();  // Before and behind what is counted: it asks the engine.
  measured.before = Snapshot::of(testbed);
  const Ticks start = recorder.mark(Phase::kMeasure);
  clocks.begin_guest();
  const Bound bound = bound_of(setup.run.duration_s, setup.run.operations);
  const auto done = loop.run(bound);
  clocks.end_guest();
  const Ticks end = recorder.mark(Phase::kTakeDown);
  measured.after = Snapshot::of(testbed);
  clocks.end_engine();
  measured.times = clocks.times();
  measured.always_mapped_bytes = testbed.strategy().always_mapped_bytes();
  measured.rates = loop.rates().slices();
  measured.start = start;
  measured.end = end;
  // Latencies are of the measured interval alone; taking down belongs to exposure only.
  take_latencies(testbed.histograms(), measured);
  enter(Phase::kTakeDown);
  const Status finished = done ? testbed.finish() : Status{};
  const Status recorded = recorder.stop();
  enter(Phase::kEnd);
  VIOLET_TRY(measured.operations, done);
  VIOLET_TRY(finished);
  // What was taken down in a hurry is no measurement.
  if (setup.abort != nullptr && setup.abort->load(std::memory_order_relaxed)) {
    return fail("interrupted");
  }
  auto record = to_record(measured, testbed, recorder);
  if (bound.ticks != 0 && end > Testbed::costs_end(start + bound.ticks)) {
    record.warnings.push_back(
        "what was in hand at the end took more than a second longer; costs were not injected "
        "beyond that");
  }
  if (recorder.log_error()) record.warnings.push_back(recorder.log_error()->message);
  const auto fail_to_trace = [&](const Error& error) {
    record.warnings.push_back(error.message);
    if (setup.on_write_error) setup.on_write_error(error);
  };
  if (!recorded) fail_to_trace(recorded.error());
  if (!recorded || setup.trace == nullptr) return record;
  if (setup.on_traced) setup.on_traced(recorder.traced());
  if (setup.pyramids == nullptr) return record;
  const std::uint64_t taken = setup.trace->end() - trace_begins;
  const auto stored = store_pyramid(recorder, setup,
                                    setup.trace_bytes - std::min(taken, setup.trace_bytes), record);
  if (!stored) fail_to_trace(stored.error());
  return record;
}

}  // namespace violet
