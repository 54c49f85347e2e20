#include "experiments/query/differences.hpp"

#include <algorithm>
#include <map>

#include "experiments/results/noise_history.hpp"

namespace violet::query {

using results::Difference;
using results::RunData;
using results::Samples;

namespace {

bool is_wanted(const Samples& samples) {
  if (samples.better == results::Better::kNeither) return false;
  const std::size_t dot = samples.name.rfind(".p");
  return dot == std::string::npos || samples.name.ends_with(".p50") ||
         samples.name.ends_with(".p99");
}

}  // namespace

std::vector<NamedDifference> measure_differences(const RunData& baseline_run,
                                                 const results::CellData& baseline,
                                                 const RunData& contender_run,
                                                 const results::CellData& contender,
                                                 const std::string& name) {
  std::vector<NamedDifference> rows;
  const bool one_run = baseline_run.manifest.run_id == contender_run.manifest.run_id;
  results::Judgement how;
  if (one_run && baseline_run.manifest.interleaved) how.pairing = results::Pairing::kInterleaved;
  how.threshold_percent = baseline_run.manifest.threshold_percent;
  for (const Samples& samples : results::samples_of(baseline)) {
    if (!is_wanted(samples)) continue;
    how.known_noise_floor =
        std::max(results::known_noise_floor(baseline_run.manifest, samples.name),
                 results::known_noise_floor(contender_run.manifest, samples.name));
    const Samples theirs = results::samples_of(contender, samples.name);
    rows.push_back({name, results::compare_samples(samples, theirs, how)});
  }
  return rows;
}

void sort_by_importance(std::vector<NamedDifference>& rows) {
  static const char* const first[] = {"operations_per_s",   "map.p50",   "map.p99",
                                      "unmap.p50",          "unmap.p99", "mean_stale_pages",
                                      "exposure_window.p50"};
  std::map<std::string, std::size_t> order;
  for (const char* metric : first) order.emplace(metric, order.size());
  for (const NamedDifference& row : rows) {
    const Difference& d = row.difference;
    if (d.baseline.value != 0 || d.contender.value != 0) order.emplace(d.metric, order.size());
  }
  for (const NamedDifference& row : rows) order.emplace(row.difference.metric, order.size());
  std::stable_sort(rows.begin(), rows.end(), [&order](const auto& a, const auto& b) {
    return order[a.difference.metric] < order[b.difference.metric];
  });
}

}  // namespace violet::query
