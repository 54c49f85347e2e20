#include "experiments/runner/loop_metrics.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/clock.hpp"
#include "experiments/results/metric_catalogue.hpp"

namespace violet {
namespace {

void add_histogram(results::RepetitionRecord& record, std::string_view name,
                   const results::HdrHistogram& histogram) {
  const results::MetricInfo* info = results::find_metric(name);
  record.histograms.push_back(
      {std::string(name), std::string(info->unit), histogram, info->better});
}

void add_corrected(results::RepetitionRecord& record, const std::string& call,
                   const results::HdrHistogram& histogram, double measured_ns) {
  const std::string interval = call + "_interval";
  if (histogram.total() < kFewestCalls) {
    record.metrics.push_back(results::not_measured(
        interval, fmt::format("fewer than {} calls have no steady rate", kFewestCalls)));
    return;
  }
  const double step_ns = measured_ns / static_cast<double>(histogram.total());
  record.metrics.push_back(results::measured(interval, step_ns));
  const auto whole_ns = static_cast<std::uint64_t>(std::max(1.0, step_ns));
  add_histogram(record, call + "_corrected", histogram.corrected(whole_ns));
}

void add_open(results::RepetitionRecord& record, const Measurement& m) {
  if (m.lag_ns.empty()) return;
  add_histogram(record, "lag", m.lag_ns);
  add_histogram(record, "map_response", m.map_response_ns);
  add_histogram(record, "unmap_response", m.unmap_response_ns);
  const auto trend = m.lag_trend.verdict(m.start, m.end);
  if (!trend) {
    for (const std::string_view name : {results::kOverloaded, results::kOfferedRateReached}) {
      record.metrics.push_back(results::not_measured(name, "no call of the trace was due"));
    }
    return;
  }
  record.metrics.push_back(results::measured(results::kOverloaded, trend->overloaded ? 1 : 0));
  record.metrics.push_back(
      results::measured(results::kOfferedRateReached, 100 * trend->rate_reached));
  if (!trend->overloaded) return;
  record.warnings.push_back(
      fmt::format("overloaded: it reached {:.0f} % of the offered rate and fell behind more and "
                  "more, so that lag and response times have no percentiles",
                  100 * trend->rate_reached));
}

}  // namespace

void add_latencies(results::RepetitionRecord& record, const Measurement& m, LoopKind loop) {
  const double measured_ns = static_cast<double>(m.end - m.start) * ns_per_tick();
  add_histogram(record, "map", m.map_ns);
  add_histogram(record, "unmap", m.unmap_ns);
  if (!m.revocation_ns.empty()) add_histogram(record, "revocation", m.revocation_ns);
  if (m.before.worked_ns && m.after.worked_ns) {
    record.metrics.push_back(results::measured(
        "replay_speed",
        static_cast<double>(*m.after.worked_ns - *m.before.worked_ns) / measured_ns));
  }
  if (loop == LoopKind::kOpen) return add_open(record, m);
  add_corrected(record, "map", m.map_ns, measured_ns);
  add_corrected(record, "unmap", m.unmap_ns, measured_ns);
}

}  // namespace violet
