#include "experiments/runner/cell_check.hpp"

#include <set>

#include "datasets/manifest.hpp"
#include "experiments/workloads/workloads.hpp"

namespace violet {
namespace {

using plans::CellProblem;

constexpr const char* kWorkload = "axes.workload";
constexpr const char* kMemory = "limits.guest_memory_mib";
// Rings, requests and pools fit in this much beside a trace's pages.
constexpr std::uint64_t kBesideMib = 64;

std::uint64_t mib_of(std::uint64_t bytes) { return (bytes + (1u << 20) - 1) >> 20; }

}  // namespace

TraceFacts facts_of(const datasets::Trace& trace) {
  const auto groups = replay_groups(trace);
  return {.unmaps = trace.header().unmap_records,
          .memory_bytes = replay_memory_bytes(trace),
          .endpoints = trace.endpoints().size(),
          .domains = std::set(groups.begin(), groups.end()).size(),
          .has_times = trace.header().time_resolution_ns != 0};
}

std::string check_of_trace(const datasets::Trace& trace) {
  return fmt::format("{:016x}", trace.header().header_checksum);
}

Result<std::string> check_of_trace(const std::string& dataset_dir, const std::string& dataset) {
  VIOLET_TRY(const auto trace, datasets::open_by_name(dataset_dir, dataset));
  return check_of_trace(trace);
}

std::optional<CellProblem> memory_problem(const plans::Limits& limits, std::uint64_t host_mib) {
  if (limits.guest_memory_mib <= host_mib) return std::nullopt;
  return CellProblem{kMemory, fmt::format("expected at most {}, which this machine has, found {}",
                                          host_mib, limits.guest_memory_mib)};
}

std::optional<CellProblem> generator_problem(const plans::Cell& cell, const plans::Limits& limits) {
  const WorkloadInfo* info = workloads().find(cell.workload);
  if (info == nullptr || info->check == nullptr) return std::nullopt;
  const auto wrong = info->check(cell.workload_settings);
  if (wrong) {
    return CellProblem{fmt::format("workload.{}.{}", cell.workload, wrong->setting),
                       wrong->message};
  }
  const std::uint64_t needs = info->memory_bytes ? info->memory_bytes(cell.workload_settings) : 0;
  if (needs <= limits.guest_memory_mib << 20) return std::nullopt;
  return CellProblem{kMemory, fmt::format("expected at least {} for the buffers of {}, found {}",
                                          mib_of(needs), cell.workload, limits.guest_memory_mib)};
}

std::optional<CellProblem> trace_problem(const plans::Cell& cell, const plans::Limits& limits,
                                         const TraceFacts& trace) {
  if (trace.unmaps == 0) {
    return CellProblem{kWorkload, fmt::format("expected a trace with unmaps, found that {} has "
                                              "none: an operation of a replay ends with one",
                                              cell.dataset)};
  }
  if (trace.endpoints > kMostEndpoints) {
    return CellProblem{kWorkload,
                       fmt::format("expected a trace of at most {} endpoints, found that {} has {}",
                                   kMostEndpoints, cell.dataset, trace.endpoints)};
  }
  if (trace.domains > limits.domains) {
    return CellProblem{"limits.domains",
                       fmt::format("expected at least {}, one for each IOMMU group of trace {}, "
                                   "found {}",
                                   trace.domains, cell.dataset, limits.domains)};
  }
  if (cell.pace == plans::Pace::kPaced && !trace.has_times) {
    return CellProblem{"axes.pace",
                       fmt::format("expected closed, found paced: trace {} tells the order of "
                                   "events and not their times, so it has no pace to keep",
                                   cell.dataset)};
  }
  if (cell.timers == plans::Timers::kWorkload && !trace.has_times) {
    return CellProblem{"axes.timers",
                       fmt::format("expected real, found workload: trace {} tells the order of "
                                   "events and not their times, on which timers could run",
                                   cell.dataset)};
  }
  const std::uint64_t mib = limits.guest_memory_mib, replay = mib_of(trace.memory_bytes);
  if (trace.memory_bytes == 0 || replay + kBesideMib <= mib) return std::nullopt;
  return CellProblem{
      kMemory,
      fmt::format("expected at least {}, found {}: trace {} needs {} MiB for its buffers, and "
                  "rings and pools take {} MiB",
                  replay + kBesideMib, mib, cell.dataset, replay, kBesideMib)};
}

}  // namespace violet
