#include "experiments/query/differences.hpp"

#include <algorithm>
#include <map>

namespace violet::query {

using results::Difference;
using results::RunData;

std::vector<NamedDifference> measure_differences(const RunData& baseline_run,
                                                 const results::CellData& baseline,
                                                 const RunData& contender_run,
                                                 const results::CellData& contender,
                                                 const std::string& name,
                                                 const results::NoiseHistory& history) {
  results::CompareOptions options;
  options.noise = history;
  std::vector<NamedDifference> rows;
  for (Difference& d :
       results::differences_of({&baseline_run, &baseline}, {&contender_run, &contender}, options)) {
    rows.push_back({name, std::move(d)});
  }
  judge_together(rows);
  return rows;
}

void judge_together(std::vector<NamedDifference>& rows) {
  std::vector<Difference*> all;
  for (NamedDifference& row : rows) all.push_back(&row.difference);
  results::judge(all);
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
