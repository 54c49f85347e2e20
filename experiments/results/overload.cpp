#include "experiments/results/overload.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/retries.hpp"

namespace violet::results {

std::size_t overloaded_repetitions(const CellData& cell) {
  const auto counted = counted_repetitions(cell);
  return static_cast<std::size_t>(
      std::count_if(counted.begin(), counted.end(), [](const CountedRepetition& one) {
        const auto& metrics = one.record->metrics;
        return std::any_of(metrics.begin(), metrics.end(), [](const Metric& metric) {
          return metric.name == kOverloaded && metric.value.value_or(0) > 0;
        });
      }));
}

std::string overloaded_text(const CellData& cell) {
  const std::size_t overloaded = overloaded_repetitions(cell);
  if (overloaded == 0) return {};
  return fmt::format("{} in {} of {} repetitions", kOverloaded, overloaded,
                     counted_repetitions(cell).size());
}

bool is_overload(std::string_view because) { return because.starts_with(kOverloaded); }

bool grows_with_overload(std::string_view metric) {
  constexpr std::string_view kGrowing[] = {"lag", "map_response", "unmap_response"};
  const MetricInfo* const info = find_metric(metric);
  return info != nullptr &&
         std::find(std::begin(kGrowing), std::end(kGrowing), info->name) != std::end(kGrowing);
}

}  // namespace violet::results
