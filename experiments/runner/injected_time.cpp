#include "experiments/runner/injected_time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "experiments/results/metric_catalogue.hpp"

namespace violet {
namespace {

constexpr std::array<std::string_view, InjectedTicks::kKinds> kKindNames = {
    "exit", "entry", "pollution", "wake", "host_map", "host_unmap", "iotlb_miss", "stack", "delay"};

// Costs that act in a cell, by the names of the plan.
std::vector<std::pair<const char*, std::uint64_t>> costs_of(const plans::Cell& cell) {
  const plans::Costs& costs = cell.costs;
  std::vector<std::pair<const char*, std::uint64_t>> out;
  if (cell.placement == "samecore" || cell.placement == "kick-thread") {
    out = {{"exit_ns", costs.exit_ns},
           {"entry_ns", costs.entry_ns},
           {"exit_pollution_kib", costs.exit_pollution_kib}};
  }
  if (cell.placement == "kick-thread") out.emplace_back("wake_ns", costs.wake_ns);
  out.emplace_back("host_map_ns", costs.host_map_ns);
  out.emplace_back("host_unmap_ns", costs.host_unmap_ns);
  out.emplace_back("iotlb_miss_ns", costs.iotlb_miss_ns);
  if (cell.workload.starts_with("net-")) out.emplace_back("packet_ns", costs.packet_ns);
  if (cell.workload.starts_with("nvme")) out.emplace_back("io_ns", costs.io_ns);
  return out;
}

}  // namespace

std::string_view to_text(InjectedKind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }

std::uint64_t InjectedTicks::total() const {
  return std::accumulate(of.begin(), of.end(), std::uint64_t{0});
}

std::uint64_t InjectedTicks::on_engine() const {
  const auto at = [this](InjectedKind kind) { return of[static_cast<std::size_t>(kind)]; };
  return at(InjectedKind::kWake) + at(InjectedKind::kHostMap) + at(InjectedKind::kHostUnmap);
}

std::uint64_t InjectedTicks::on_guest(bool endpoints_shared) const {
  const std::uint64_t misses = of[static_cast<std::size_t>(InjectedKind::kIotlbMiss)];
  return total() - on_engine() - (endpoints_shared ? 0 : misses);
}

InjectedTicks InjectedTicks::operator-(const InjectedTicks& earlier) const {
  InjectedTicks out;
  std::transform(of.begin(), of.end(), earlier.of.begin(), out.of.begin(), std::minus<>());
  return out;
}

std::vector<results::Metric> injected_metrics(const InjectedTicks& spun,
                                              std::uint64_t measured_ticks) {
  const auto share = [&](std::string_view name, std::uint64_t ticks) {
    return results::measured_ratio(name, 100 * static_cast<double>(ticks),
                                   static_cast<double>(measured_ticks), "no time was measured");
  };
  std::vector<results::Metric> metrics = {share(results::kInjectedShare, spun.total())};
  for (std::size_t i = 0; i < InjectedTicks::kKinds; ++i) {
    metrics.push_back(share(fmt::format("injected_{}_share", kKindNames[i]), spun.of[i]));
  }
  return metrics;
}

std::map<std::string, double> configured_costs(const plans::Plan& plan) {
  std::map<std::string, std::pair<double, double>> ranges;
  for (const plans::Cell& cell : plan.cells) {
    for (const auto& [name, cost] : costs_of(cell)) {
      const auto value = static_cast<double>(cost);
      auto& [least, most] = ranges.try_emplace(name, value, value).first->second;
      least = std::min(least, value);
      most = std::max(most, value);
    }
  }
  std::map<std::string, double> costs;
  for (const auto& [name, range] : ranges) {
    if (range.second == 0) continue;
    if (range.first == range.second) {
      costs[name] = range.first;
    } else {
      costs[name + ", least"] = range.first;
      costs[name + ", most"] = range.second;
    }
  }
  return costs;
}

}  // namespace violet
