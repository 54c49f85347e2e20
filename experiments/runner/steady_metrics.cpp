#include "experiments/runner/steady_metrics.hpp"

#include <fmt/format.h>

#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/steady_state.hpp"

namespace violet {
namespace {

std::string why_not_known(std::span<const RateSlice> slices, bool paced) {
  if (paced) return "a paced trace has the rate of its own times";
  if (slices.size() >= results::kFewestForSteady) return {};
  return fmt::format("it takes {} slices of time with an operation each, and there were {}",
                     results::kFewestForSteady, slices.size());
}

double ns_of(Ticks ticks) { return static_cast<double>(ticks) * ns_per_tick(); }

}  // namespace

std::vector<results::Metric> steady_metrics(std::span<const RateSlice> slices, Ticks warm_up,
                                            bool paced) {
  using results::kSteady, results::kSteadyAfter, results::kWarmUp;
  std::vector<results::Metric> metrics = {results::measured(kWarmUp, ns_of(warm_up))};
  if (const std::string because = why_not_known(slices, paced); !because.empty()) {
    for (const auto name : {kSteady, kSteadyAfter}) {
      metrics.push_back(results::not_measured(name, because));
    }
    return metrics;
  }
  std::vector<double> rates;
  for (const RateSlice& slice : slices) {
    rates.push_back(static_cast<double>(slice.operations) / static_cast<double>(slice.ticks));
  }
  const auto from = results::steady_from(rates);
  metrics.push_back(results::measured(kSteady, from ? 1 : 0));
  if (!from) {
    metrics.push_back(
        results::not_measured(kSteadyAfter, "the rate was not steady in the last quarter of it"));
    return metrics;
  }
  Ticks before = 0;
  for (const RateSlice& slice : slices.first(*from)) before += slice.ticks;
  metrics.push_back(results::measured(kSteadyAfter, ns_of(before)));
  return metrics;
}

}  // namespace violet
