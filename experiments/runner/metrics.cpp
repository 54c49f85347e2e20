#include "experiments/runner/metrics.hpp"

#include <unistd.h>

#include "engine/base/clock.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/retries.hpp"
#include "experiments/runner/cpu_quota.hpp"
#include "experiments/runner/exposure_metrics.hpp"
#include "experiments/runner/loop_metrics.hpp"
#include "experiments/runner/steady_metrics.hpp"

namespace violet {
namespace {

using Metrics = std::vector<results::Metric>;
using results::measured;
using results::measured_ratio;

double delta(std::uint64_t after, std::uint64_t before) {
  return static_cast<double>(after - before);
}

void add_guest(Metrics& metrics, const Measurement& m) {
  const GuestCounters& a = m.after.guest;
  const GuestCounters& b = m.before.guest;
  const auto per_operation = [&](std::string_view name, double count) {
    metrics.push_back(
        measured_ratio(name, count, static_cast<double>(m.operations), "no operation finished"));
  };
  per_operation("requests_per_operation",
                delta(a.map_requests + a.unmap_requests + a.other_requests,
                      b.map_requests + b.unmap_requests + b.other_requests));
  per_operation("kicks_per_operation", delta(a.kicks, b.kicks));
  per_operation("syncs_per_operation", delta(a.syncs, b.syncs));
  per_operation("bytes_copied_per_operation", delta(a.bytes_copied, b.bytes_copied));
  metrics.push_back(measured("map_failures", delta(a.map_failures, b.map_failures)));
  metrics.push_back(measured("failed_requests", delta(a.failed_requests, b.failed_requests)));
  metrics.push_back(measured("flush_queue_flushes", delta(a.flushes, b.flushes)));
  metrics.push_back(
      measured_ratio("iova_tree_walk_share", 100 * delta(a.iova_tree_walks, b.iova_tree_walks),
                     delta(a.iova_allocations, b.iova_allocations), "no IOVA was allocated"));
  metrics.push_back(
      measured_ratio("iova_steps_per_allocation", delta(a.iova_tree_steps, b.iova_tree_steps),
                     delta(a.iova_allocations, b.iova_allocations), "no IOVA was allocated"));
  metrics.push_back(measured("bounce_fallbacks", delta(a.bounce_fallbacks, b.bounce_fallbacks)));
  metrics.push_back(measured("revocations", delta(a.revocations, b.revocations)));
}

std::optional<double> cpu_wait_share(const Measurement& m) {
  if (!m.before.waits || !m.after.waits) return std::nullopt;
  const double seconds = static_cast<double>(m.end - m.start) * ns_per_tick() * 1e-9;
  return longest_wait(*m.before.waits, *m.after.waits, seconds);
}

// What the cell's memory lies on, and what the host took from it: two cells that differ here are no like for like.
void add_host(Metrics& metrics, const Measurement& m, const Testbed& testbed) {
  metrics.push_back(measured("guest_memory_hugepages", testbed.guest_on_huge_pages() ? 100 : 0));
  metrics.push_back(measured("eal_memory_hugepages", testbed.eal_on_huge_pages() ? 100 : 0));
  if (m.before.throttled && m.after.throttled) {
    metrics.push_back(
        measured("throttled_periods", delta(*m.after.throttled, *m.before.throttled)));
  } else {
    metrics.push_back(
        results::not_measured("throttled_periods", "no cgroup of this process counts them"));
  }
  if (const auto share = cpu_wait_share(m)) {
    const double seconds = static_cast<double>(m.end - m.start) * ns_per_tick() * 1e-9;
    metrics.push_back(measured(results::kCpuWaitShare, 100 * *share));
    metrics.push_back(
        measured("cpu_time_share",
                 100 * main_thread_share(*m.before.waits, *m.after.waits, ::getpid(), seconds)));
    metrics.push_back(measured("involuntary_switches", static_cast<double>(involuntary_switches(
                                                           *m.before.waits, *m.after.waits))));
  } else {
    for (const char* name : {results::kCpuWaitShare, "cpu_time_share", "involuntary_switches"}) {
      metrics.push_back(
          results::not_measured(name, "this kernel does not say how long threads wait for a CPU"));
    }
  }
}

void add_engine(Metrics& metrics, const Measurement& m, const Testbed& testbed) {
  const Snapshot& a = m.after;
  const Snapshot& b = m.before;
  const double hits = delta(a.iotlb.hits, b.iotlb.hits);
  const double misses = delta(a.iotlb.misses, b.iotlb.misses);
  // Where the workload makes none, the lookups are all the rogue endpoint's.
  const double lookups = testbed.has_accesses() ? hits + misses : 0;
  metrics.push_back(measured_ratio("iotlb_hit_rate", 100 * hits, lookups, testbed.why_no_lookup()));
  metrics.push_back(measured_ratio("engine_utilisation",
                                   100 * delta(a.useful_polls, b.useful_polls),
                                   delta(a.polls, b.polls), "the engine was not polled"));
  metrics.push_back(measured("invalidations", delta(a.invalidations, b.invalidations)));
  metrics.push_back(measured("grace_periods", delta(a.grace_periods, b.grace_periods)));
  metrics.push_back(measured("deferred_requests", delta(a.parked, b.parked)));
  metrics.push_back(measured("reader_stalls", delta(a.stalls, b.stalls)));
  metrics.push_back(measured("faults", delta(a.faults, b.faults)));
}

void add_times(Metrics& metrics, const Measurement& m, const Testbed& testbed) {
  const GuestCounters& a = m.after.guest;
  const GuestCounters& b = m.before.guest;
  const auto requests = [](const GuestCounters& one) {
    return one.map_requests + one.unmap_requests + one.other_requests;
  };
  const InjectedTicks injected = m.after.injected - m.before.injected;
  for (auto& metric : time_metrics({.times = m.times,
                      .endpoints_shared = testbed.endpoints_shared(),
                      .operations = m.operations,
                      .requests = requests(a) - requests(b),
                      .syncs = a.syncs - b.syncs,
                      .kicks = a.kicks - b.kicks,
                      .bytes_copied = a.bytes_copied - b.bytes_copied,
                      .iova_allocations = a.iova_allocations - b.iova_allocations,
                      .invalidations = m.after.invalidations - m.before.invalidations,
                      .grace_periods = m.after.grace_periods - m.before.grace_periods,
                      .injected = injected.on_guest(testbed.endpoints_shared()),
                      .engine_injected = injected.on_engine(),
                      .paced = testbed.paced(),
                      .kick_thread = testbed.placement().kind() == PlacementKind::kKickThread})) {
    metrics.push_back(std::move(metric));
  }
}

void warn(results::RepetitionRecord& record, const Measurement& m, Testbed& testbed) {
  const auto add = [&](std::uint64_t count, const char* what) {
    if (count > 0) record.warnings.push_back(fmt::format("{} {}", count, what));
  };
  add(testbed.workload().data_errors(), "operations carried wrong data");
  if (std::string why = testbed.workload().trouble(); !why.empty()) {
    record.warnings.push_back(std::move(why));
  }
  add(m.after.guest.failed_requests - m.before.guest.failed_requests, "requests failed");
  add(m.after.guest.map_failures - m.before.guest.map_failures, "dma_map calls failed");
  if (m.before.throttled && m.after.throttled) {
    add(*m.after.throttled - *m.before.throttled,
        "periods in which the cgroup's CPU quota stopped the run");
  }
  if (const auto share = cpu_wait_share(m); share && 100 * *share > results::kDisturbedPercent) {
    record.warnings.push_back(fmt::format(
        "other programs, or another run, had the CPU of an lcore for {:.0f} % of the time: these "
        "numbers are not this plan's alone",
        100 * *share));
  }
  for (const auto& name : testbed.engine().stalled_readers()) {
    record.warnings.push_back(
        fmt::format("reader {} held up an invalidation for over 10 ms", name));
  }
  if (testbed.timers_on_workloads_time()) {
    record.warnings.push_back(
        "timers of the strategy ran on the workload's time, not the clock's (axes.timers): windows "
        "that end with a timer are longer or shorter by replay_speed than a guest's");
  }
  for (const auto& text : testbed.warnings()) record.warnings.push_back(text);
}

}  // namespace

Snapshot Snapshot::of(Testbed& testbed) {
  const DeviceCounters& device = testbed.engine().counters();
  return {.guest = testbed.counters(),
          .persistent = testbed.persistent_lifetimes(),
          .iotlb = testbed.iotlb_stats(),
          .polls = device.polls.value(),
          .useful_polls = device.useful_polls.value(),
          .parked = device.parked.value(),
          .stalls = device.stalls.value(),
          .faults = testbed.engine().faults_reported(),
          .invalidations = device.invalidations.value(),
          .grace_periods = device.grace_periods.value(),
          .injected = testbed.injected(),
          .worked_ns = testbed.workload().worked_ns(),
          .held_back = testbed.workload().held_back(),
          .throttled = throttled_periods(),
          .waits = cpu_waits()};
}

results::RepetitionRecord to_record(const Measurement& measurement, Testbed& testbed,
                                    const Recorder& recorder) {
  results::RepetitionRecord record;
  const double seconds =
      static_cast<double>(measurement.end - measurement.start) * ns_per_tick() * 1e-9;
  record.duration_s = seconds;
  Metrics& metrics = record.metrics;
  metrics.push_back(
      measured("operations_per_s", static_cast<double>(measurement.operations) / seconds));
  metrics.back().unit = fmt::format("{}/s", testbed.workload().unit());
  const auto cpus = static_cast<double>(testbed.cpus_used());
  metrics.push_back(
      measured(results::kRatePerCpu, static_cast<double>(measurement.operations) / seconds / cpus));
  metrics.back().unit = fmt::format("{}/s", testbed.workload().unit());
  metrics.push_back(measured("cpus_used", cpus));
  for (auto& metric : injected_metrics(measurement.after.injected - measurement.before.injected,
                                       measurement.end - measurement.start)) {
    metrics.push_back(std::move(metric));
  }
  add_guest(metrics, measurement);
  add_engine(metrics, measurement, testbed);
  add_times(metrics, measurement, testbed);
  add_host(metrics, measurement, testbed);
  metrics.push_back(measured("data_errors", static_cast<double>(testbed.workload().data_errors())));
  const char* const strays = testbed.workload().why_it_strays();
  metrics.push_back(strays != nullptr
                        ? results::not_measured("dma_errors", strays)
                        : measured("dma_errors", static_cast<double>(testbed.dma_errors())));
  if (measurement.before.held_back && measurement.after.held_back) {
    const auto& before = *measurement.before.held_back;
    const auto& after = *measurement.after.held_back;
    metrics.push_back(measured("held_back_accesses", delta(after.accesses, before.accesses)));
    metrics.push_back(measured("held_back_hits", delta(after.hits, before.hits)));
  }
  metrics.push_back(measured("rogue_dropped_probes", static_cast<double>(testbed.rogue().dropped)));
  metrics.push_back(measured("lost_events", static_cast<double>(recorder.dropped())));
  for (auto& metric : steady_metrics(measurement.rates, measurement.warm_up, testbed.paced())) {
    metrics.push_back(std::move(metric));
  }
  add_latencies(record, measurement, testbed.paced() ? LoopKind::kOpen : LoopKind::kClosed);
  const bool shared = testbed.endpoints_shared();
  add_exposure(record, {.engine = recorder.events(kEngineRing),
                        .guest = recorder.events(kGuestRing),
                        .probes = recorder.events(shared ? kGuestRing : kEndpointRing),
                        .lost = recorder.dropped(),
                        .begin = measurement.start,
                        .end = measurement.end,
                        .always_mapped_bytes = measurement.always_mapped_bytes,
                        .persistent = measurement.after.persistent - measurement.before.persistent,
                        .stays = testbed.strategy_info().after_unmap == AfterUnmap::kBuffers,
                        .guest_probes = shared,
                        .one_lcore = shared && testbed.engine_on_guest_lcore()});
  if (recorder.dropped() > 0) {
    record.warnings.push_back(
        fmt::format("{} events were lost: exposure figures are not available", recorder.dropped()));
  }
  warn(record, measurement, testbed);
  return record;
}

}  // namespace violet
