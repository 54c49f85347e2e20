#include "experiments/results/outlier_cause.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/statistics.hpp"
#include "experiments/results/table.hpp"

namespace violet::results {
namespace {

// Further from the cell's median than by this factor it is worth a word; the larger of the two at least so much.
struct HostSign {
  const char* metric;
  bool more_is_worse;
  double factor;
  double least;
};
// Factors of speed and distance are those that tell regimes apart (host_regime.cpp).
constexpr HostSign kSigns[] = {
    {"cpu_wait_share", true, 2, 1},          {"steal_share", true, 2, 1},
    {"throttled_periods", true, 2, 1},       {"involuntary_switches", true, 2, 10},
    {"frequency_before", false, 1.05, 0},    {"frequency_after", false, 1.05, 0},
    {"ping_pong_before", true, 1.5, 0},      {"ping_pong_after", true, 1.5, 0},
    {"spin_guest_before", true, 1.25, 0},    {"spin_guest_after", true, 1.25, 0},
    {"spin_engine_before", true, 1.25, 0},   {"spin_engine_after", true, 1.25, 0},
    {"spin_endpoint_before", true, 1.25, 0}, {"spin_endpoint_after", true, 1.25, 0}};
constexpr std::size_t kMostCauses = 3;

std::optional<double> value_in(const Samples& samples, std::uint32_t repetition) {
  const auto at = std::find(samples.repetitions.begin(), samples.repetitions.end(), repetition);
  if (at == samples.repetitions.end()) return std::nullopt;
  return samples.values[static_cast<std::size_t>(at - samples.repetitions.begin())];
}

std::string in_words(double value, const std::string& unit) {
  return unit == "MHz" ? fmt::format("{:.0f} MHz", value) : with_unit(value, unit);
}

struct SeenSign {
  double times;  // Of the factor that it takes.
  std::string text;
};

// Of what has no better direction nobody knows; a worse host is looked for, as it is more often met.
bool is_for_the_better(const Samples& samples, std::size_t index) {
  const double value = samples.values[index], middle = median(samples.values);
  if (samples.better == Better::kHigher) return value > middle;
  return samples.better == Better::kLower && value < middle;
}

std::optional<SeenSign> seen(const Samples& samples, const HostSign& sign, double value,
                             bool host_was_better) {
  const double middle = median(samples.values);
  const bool more =
      sign.more_is_worse != host_was_better;  // Than the median is what is looked for.
  const double large = more ? value : middle, small = more ? middle : value;
  if (large < sign.least || large < sign.factor * small || large <= small) return std::nullopt;
  return SeenSign{small > 0 ? large / small / sign.factor : INFINITY,
                  fmt::format("{} {}, median {}", sign.metric, in_words(value, samples.unit),
                              in_words(middle, samples.unit))};
}

}  // namespace

std::string outlier_cause(const CellData& cell, const Samples& outlying, std::size_t index) {
  const bool better = is_for_the_better(outlying, index);
  std::vector<SeenSign> found;
  bool sampled = false, is_sign = false;
  for (const HostSign& sign : kSigns) {
    if (same_metric(outlying.name, sign.metric)) {
      is_sign = true;
      continue;
    }
    const Samples samples = samples_of(cell, sign.metric);
    const auto value = value_in(samples, outlying.repetitions[index]);
    if (!value) continue;
    sampled = true;
    if (auto one = seen(samples, sign, *value, better)) found.push_back(*std::move(one));
  }
  if (!sampled) {
    return is_sign ? "nothing else of the host was sampled" : "the host was not sampled";
  }
  if (found.empty()) return "no visible cause";
  std::stable_sort(found.begin(), found.end(),
                   [](const SeenSign& a, const SeenSign& b) { return a.times > b.times; });
  std::string text;
  for (std::size_t i = 0; i < std::min(found.size(), kMostCauses); ++i) {
    text += (i == 0 ? "" : "; ") + found[i].text;
  }
  return text;
}

}  // namespace violet::results
