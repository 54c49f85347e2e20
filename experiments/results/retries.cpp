#include "experiments/results/retries.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

namespace violet::results {
namespace {

std::optional<double> value_of(const RepetitionRecord& record, std::string_view name) {
  for (const Metric& metric : record.metrics) {
    if (metric.name == name) return metric.value;
  }
  return std::nullopt;
}

}  // namespace

std::string what_disturbed(const RepetitionRecord& record) {
  if (const auto share = value_of(record, kCpuWaitShare); share && *share > kDisturbedPercent) {
    return fmt::format("other programs had the CPU of an lcore for {:.0f} % of the time", *share);
  }
  if (const auto share = value_of(record, "steal_share"); share && *share > kDisturbedPercent) {
    return fmt::format("a hypervisor took a CPU for {:.0f} % of the time", *share);
  }
  return {};
}

std::vector<CountedRepetition> counted_repetitions(const CellData& cell) {
  const bool none = std::none_of(cell.repetitions.begin(), cell.repetitions.end(),
                                 [](const RepetitionRecord& one) { return one.retry_of; });
  std::vector<CountedRepetition> counted;
  if (none) {
    for (const RepetitionRecord& one : cell.repetitions) counted.push_back({&one, one.repetition});
    return counted;
  }
  std::map<std::uint32_t, const RepetitionRecord*> chosen;
  for (const RepetitionRecord& one : cell.repetitions) {
    const auto [at, first] = chosen.try_emplace(one.retry_of.value_or(one.repetition), &one);
    if (!first && !what_disturbed(*at->second).empty() && what_disturbed(one).empty()) {
      at->second = &one;
    }
  }
  for (const auto& [repetition, record] : chosen) counted.push_back({record, repetition});
  return counted;
}

bool mostly_disturbed(const CellData& cell) {
  const auto counted = counted_repetitions(cell);
  const auto count = std::count_if(counted.begin(), counted.end(), [](const auto& one) {
    return !what_disturbed(*one.record).empty();
  });
  return 2 * static_cast<std::size_t>(count) > counted.size();
}

}  // namespace violet::results
