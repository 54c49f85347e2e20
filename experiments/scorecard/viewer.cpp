// viewer: what a viewer of a live run costs the run, in requests a second.
//
// The load of `pipelined`, with the engine's events going into a segment that a recorder's thread empties
// every 10 ms. Three arms in turns: nobody looks, nobody looks (A/A: what the machine does by itself), and
// a viewer in another process (viewer_process.hpp).
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "engine/telemetry/segment.hpp"
#include "experiments/results/table.hpp"
#include "experiments/scorecard/pipeline.hpp"
#include "experiments/scorecard/viewer_process.hpp"

namespace violet::scorecard {
namespace {

constexpr unsigned kSharedFrames = 20;  // A second, where the viewer has the guest's CPU.
constexpr unsigned kSpareFrames = 60;

// Takes the events and throws them away, as often as the recorder of a run.
class Drain {
 public:
  explicit Drain(EventRing& ring) : ring_(ring), thread_([this] { run(); }) {}
  ~Drain() {
    stop_.store(true, std::memory_order_relaxed);  // Nothing is published with it.
    thread_.join();
  }
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;

 private:
  void run() {
    std::array<Event, 4096> batch;
    while (!stop_.load(std::memory_order_relaxed)) {
      // taste: allow sleep because the recorder that it stands for wakes by time.
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      for (std::size_t left = ring_.capacity(); left > 0;) {
        const std::size_t count = ring_.drain(batch);
        if (count == 0) break;
        left -= std::min(left, count);
      }
    }
  }

  EventRing& ring_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

struct Bench {
  std::unique_ptr<RunSegment> segment;
  std::unique_ptr<Sidecore> sidecore;
  Churn churn;
  std::size_t requests;
};

Result<Bench> make_bench(Lab& lab) {
  const std::size_t live = lab.size(1 << 16, 1 << 8);
  const std::array rings = {RingPlace{kEngineLcore, RingRole::kEngine, std::size_t{1} << 18}};
  VIOLET_TRY(auto segment,
             RunSegment::create({.ns_per_tick = ns_per_tick(), .run_id = "scorecard"}, rings));
  VIOLET_TRY(auto sidecore,
             Sidecore::make(lab, RingFormat::kPacked, live + kInFlight, Probe(&segment->ring(0))));
  Bench bench{std::move(segment), std::move(sidecore), Churn(live, live / 64, live),
              lab.size(1 << 21, 1 << 10)};
  if (!bench.sidecore->populate(bench.churn)) return fail("a MAP of the population was refused");
  VIOLET_TRY(bench.sidecore->start());
  return bench;
}

// Requests a second.
Result<double> rate(Bench& bench) {
  bool right = true;
  const double ns = ns_each(
      bench.requests, [&] { right = run_pipeline(*bench.sidecore, bench.churn, bench.requests); });
  if (!right) return fail("a request of the pipeline was refused");
  return 1e9 / ns;
}

struct ViewerSamples {
  Samples alone, again, watched;
  ViewerProcess::Totals totals;
};

Status repeat_viewer(Lab& lab, Bench& bench, unsigned cpu, unsigned frames,
                     ViewerSamples& samples) {
  for (Samples* arm : {&samples.alone, &samples.again}) {
    VIOLET_TRY(const auto measured, rate(bench));
    arm->push_back(measured);
  }
  VIOLET_TRY(lab.viewer->attach(bench.segment->fd(), cpu, frames));
  const auto watched = rate(bench);
  const auto detached = lab.viewer->detach();
  VIOLET_TRY(const double measured, watched);
  VIOLET_TRY(const auto seen, detached);
  samples.watched.push_back(measured);
  samples.totals.frames += seen.frames;
  samples.totals.events += seen.events;
  samples.totals.lost += seen.lost;
  return {};
}

Result<ViewerSamples> measure_viewer_samples(Lab& lab, unsigned cpu, unsigned frames) {
  VIOLET_TRY(auto bench, make_bench(lab));
  const Drain drain(bench.segment->ring(0));
  ViewerSamples samples;
  for (std::size_t i = 0; i < lab.repetitions() + 1; ++i) {
    if (i == 1) samples = {};
    VIOLET_TRY(repeat_viewer(lab, bench, cpu, frames, samples));
    lab.tick();
  }
  return samples;
}

std::string text_of(const ViewerSamples& samples, unsigned frames, std::string_view where) {
  const auto& seen = samples.totals;
  const double all = static_cast<double>(std::max<std::uint64_t>(seen.events + seen.lost, 1));
  return fmt::format(
      "{}, {} frames/s: {} M/s vs {} M/s, A/A {}; it aggregated {:.0f} % of the events", where,
      frames, results::three_digits(results::median(samples.watched) / 1e6),
      results::three_digits(results::median(samples.alone) / 1e6),
      results::three_digits(ratio(samples.again, samples.alone).value),
      100 * static_cast<double>(seen.events) / all);
}

}  // namespace

Result<Findings> measure_viewer(Lab& lab) {
  if (!lab.two_cpus()) return Findings{not_available("viewer", kNeedsTwoCpus)};
  if (lab.viewer == nullptr)
    return Findings{not_available("viewer", "no process could be started")};
  VIOLET_TRY(const auto shared, measure_viewer_samples(lab, lab.eal->cpus()[0], kSharedFrames));
  results::Estimate spare_ratio{std::numeric_limits<double>::quiet_NaN(), std::nullopt, 0};
  std::string spare_text = "with a core to spare: not measured, there are two CPUs";
  if (lab.spare_cpu) {
    VIOLET_TRY(const auto spare, measure_viewer_samples(lab, *lab.spare_cpu, kSpareFrames));
    spare_ratio = ratio(spare.watched, spare.alone);
    spare_text = text_of(spare, kSpareFrames, "on a CPU of its own");
  }
  return Findings{
      {"viewer",
       {spare_ratio, ratio(shared.watched, shared.alone)},
       spare_text + "; " + text_of(shared, kSharedFrames, "on the guest's CPU"),
       "the viewer takes the guest's CPU for copying and aggregating what 32 requests in flight "
       "leave",
       "the application's data path in a process of its own (attach, observe, aggregate), without "
       "drawing; "
       "events of the engine only"}};
}

}  // namespace violet::scorecard
