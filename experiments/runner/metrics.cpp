#include "experiments/runner/metrics.hpp"

#include "engine/base/clock.hpp"
#include "experiments/runner/exposure_metrics.hpp"

namespace violet {
namespace {

using results::Better;
using results::Metric;

class Metrics {
 public:
  explicit Metrics(std::vector<Metric>& out) : out_(out) {}

  void add(std::string name, std::string unit, double value, Better better = Better::kNeither) {
    out_.push_back({std::move(name), std::move(unit), value, "", better});
  }
  // Nothing when the denominator is 0, because there was nothing to relate to.
  void ratio(std::string name, std::string unit, double part, double whole, const char* because,
             Better better = Better::kNeither) {
    if (whole > 0) return add(std::move(name), std::move(unit), part / whole, better);
    out_.push_back({std::move(name), std::move(unit), std::nullopt, because, better});
  }

 private:
  std::vector<Metric>& out_;
};

double delta(std::uint64_t after, std::uint64_t before) {
  return static_cast<double>(after - before);
}

void add_guest(Metrics& metrics, const Measurement& m) {
  const GuestCounters& a = m.after.guest;
  const GuestCounters& b = m.before.guest;
  const auto operations = static_cast<double>(m.operations);
  constexpr const char* kNone = "no operation finished";
  const double requests = delta(a.map_requests + a.unmap_requests + a.other_requests,
                                b.map_requests + b.unmap_requests + b.other_requests);
  metrics.ratio("requests_per_operation", "1", requests, operations, kNone, Better::kLower);
  metrics.ratio("kicks_per_operation", "1", delta(a.kicks, b.kicks), operations, kNone,
                Better::kLower);
  metrics.ratio("syncs_per_operation", "1", delta(a.syncs, b.syncs), operations, kNone);
  metrics.ratio("bytes_copied_per_operation", "B", delta(a.bytes_copied, b.bytes_copied),
                operations, kNone, Better::kLower);
  metrics.add("map_failures", "1", delta(a.map_failures, b.map_failures), Better::kLower);
  metrics.add("failed_requests", "1", delta(a.failed_requests, b.failed_requests), Better::kLower);
  metrics.add("flushes", "1", delta(a.flushes, b.flushes));
  metrics.ratio("iova_tree_share", "%", 100 * delta(a.iova_tree_walks, b.iova_tree_walks),
                delta(a.iova_allocations, b.iova_allocations), "no IOVA was allocated");
  metrics.add("bounce_fallbacks", "1", delta(a.bounce_fallbacks, b.bounce_fallbacks));
}

void add_engine(Metrics& metrics, const Measurement& m) {
  const double hits = delta(m.after.iotlb.hits, m.before.iotlb.hits);
  const double misses = delta(m.after.iotlb.misses, m.before.iotlb.misses);
  metrics.ratio("iotlb_hit_rate", "%", 100 * hits, hits + misses,
                "nothing was looked up: the endpoints bypass the IOMMU", Better::kHigher);
  metrics.ratio("engine_utilisation", "%", 100 * delta(m.after.useful_polls, m.before.useful_polls),
                delta(m.after.polls, m.before.polls), "the engine was not polled");
  metrics.add("invalidations", "1", delta(m.after.invalidations, m.before.invalidations));
  metrics.add("grace_periods", "1", delta(m.after.grace_periods, m.before.grace_periods));
  metrics.add("parked_requests", "1", delta(m.after.parked, m.before.parked));
  metrics.add("stalls", "1", delta(m.after.stalls, m.before.stalls), Better::kLower);
  metrics.add("faults", "1", delta(m.after.faults, m.before.faults), Better::kLower);
}

void add_histograms(results::RepetitionRecord& record, const Measurement& m) {
  record.histograms.push_back({"map", "ns", m.map_ns, Better::kLower});
  record.histograms.push_back({"unmap", "ns", m.unmap_ns, Better::kLower});
  if (!m.lag_ns.empty()) record.histograms.push_back({"lag", "ns", m.lag_ns, Better::kLower});
}

void warn(results::RepetitionRecord& record, const Measurement& m, Testbed& testbed) {
  const auto add = [&](std::uint64_t count, const char* what) {
    if (count > 0) record.warnings.push_back(fmt::format("{} {}", count, what));
  };
  add(testbed.workload().data_errors(), "operations carried wrong data");
  add(testbed.dma_errors(), "DMA operations of the endpoints failed");
  add(m.after.guest.failed_requests - m.before.guest.failed_requests, "requests failed");
  add(m.after.guest.map_failures - m.before.guest.map_failures, "dma_map calls failed");
  for (const auto& name : testbed.engine().stalled_readers()) {
    record.warnings.push_back(
        fmt::format("reader {} held up an invalidation for over 10 ms", name));
  }
  for (const auto& text : testbed.warnings()) record.warnings.push_back(text);
}

}  // namespace

Snapshot Snapshot::of(Testbed& testbed) {
  const DeviceCounters& device = testbed.engine().counters();
  return {.guest = testbed.counters(),
          .persistent = testbed.persistent_lives(),
          .iotlb = testbed.iotlb_stats(),
          .polls = device.polls.value(),
          .useful_polls = device.useful_polls.value(),
          .parked = device.parked.value(),
          .stalls = device.stalls.value(),
          .faults = device.faults_posted.value(),
          .invalidations = device.invalidations.value(),
          .grace_periods = device.grace_periods.value()};
}

results::RepetitionRecord to_record(const Measurement& measured, Testbed& testbed,
                                    const Recorder& recorder) {
  results::RepetitionRecord record;
  const double seconds = static_cast<double>(measured.end - measured.start) * ns_per_tick() * 1e-9;
  record.duration_s = seconds;
  Metrics metrics(record.metrics);
  metrics.add("operations_per_s", fmt::format("{}/s", testbed.workload().unit()),
              static_cast<double>(measured.operations) / seconds, Better::kHigher);
  add_guest(metrics, measured);
  add_engine(metrics, measured);
  metrics.add("data_errors", "1", static_cast<double>(testbed.workload().data_errors()),
              Better::kLower);
  metrics.add("rogue_dropped_probes", "1", static_cast<double>(testbed.rogue().dropped));
  add_histograms(record, measured);
  metrics.add("lost_events", "1", static_cast<double>(recorder.dropped()), Better::kLower);
  const bool shared = testbed.endpoints_shared();
  add_exposure(record, {.engine = recorder.events(kEngineRing),
                        .guest = recorder.events(kGuestRing),
                        .probes = recorder.events(shared ? kGuestRing : kEndpointRing),
                        .lost = recorder.dropped(),
                        .begin = measured.start,
                        .end = measured.end,
                        .always_mapped_bytes = testbed.strategy().always_mapped_bytes(),
                        .persistent = measured.after.persistent - measured.before.persistent,
                        .guest_probes = shared,
                        .one_lcore = shared && testbed.engine_on_guest_lcore()});
  if (recorder.dropped() > 0) {
    record.warnings.push_back(
        fmt::format("{} events were lost: exposure figures are not available", recorder.dropped()));
  }
  warn(record, measured, testbed);
  return record;
}

}  // namespace violet
