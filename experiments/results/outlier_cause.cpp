#include "experiments/results/outlier_cause.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "experiments/results/samples.hpp"
#include "experiments/results/statistics.hpp"
#include "experiments/results/table.hpp"

namespace violet::results {
namespace {

// Further from the cell's median than by this factor it is worth a word; more than so much, where more is worse.
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

std::optional<SeenSign> seen(const CellData& cell, const HostSign& sign, std::uint32_t repetition) {
  const Samples samples = samples_of(cell, sign.metric);
  const auto value = value_in(samples, repetition);
  if (!value) return std::nullopt;
  const double middle = median(samples.values);
  const double worse = sign.more_is_worse ? *value : middle,
               better = sign.more_is_worse ? middle : *value;
  if (worse < sign.least || worse < sign.factor * better || worse <= better) return std::nullopt;
  return SeenSign{better > 0 ? worse / better / sign.factor : INFINITY,
                  fmt::format("{} {}, median {}", sign.metric, in_words(*value, samples.unit),
                              in_words(middle, samples.unit))};
}

}  // namespace

std::string outlier_cause(const CellData& cell, std::uint32_t repetition) {
  std::vector<SeenSign> found;
  for (const HostSign& sign : kSigns) {
    if (auto one = seen(cell, sign, repetition)) found.push_back(*std::move(one));
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
