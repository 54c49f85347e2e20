// The registry of workloads makes a workload by the name that a plan gives it. A new workload is one file
// and one line here.
//
// Threading: immutable.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "datasets/trace_reader.hpp"
#include "engine/base/registry.hpp"
#include "experiments/workloads/guest.hpp"
#include "experiments/workloads/workload.hpp"

namespace violet {

// Settings that are allowed one by one and cannot be together, or are not of a kind: "ring", "expected a power of
// two, found 1000".
struct SettingProblem {
  std::string setting;
  std::string message;
};

struct WorkloadInfo : RegistryEntry {
  EndpointKind endpoint;  // The device that it needs, as endpoint 0.
  std::unique_ptr<Workload> (*make)(const SettingValues& settings, std::uint64_t seed);
  // What is wrong with settings that are in their ranges; make() gets only those of which this finds nothing. Null:
  // nothing ever is.
  std::optional<SettingProblem> (*check)(const SettingValues& settings) = nullptr;
  // Guest memory of its buffers. Null: a few pages.
  std::uint64_t (*memory_bytes)(const SettingValues& settings) = nullptr;
  bool reassigns = false;  // Gives its device to other domains; the strategy has to, too.
};

// One line a workload: NAME stands for a function `WorkloadInfo NAME_workload()` in NAME.cpp.
#define VIOLET_WORKLOADS(WORKLOAD) \
  WORKLOAD(net_rx)                 \
  WORKLOAD(net_tx)                 \
  WORKLOAD(nvme)                   \
  WORKLOAD(mapbench)               \
  WORKLOAD(stray)                  \
  WORKLOAD(working_set)            \
  WORKLOAD(iova_stress)            \
  WORKLOAD(reassign)

Registry<WorkloadInfo> workloads();

// Of settings that have a "ring" of descriptors.
std::optional<SettingProblem> ring_problem(const SettingValues& settings);
// Which CPU unmaps what another one mapped.
enum class CompletionCpu : std::uint8_t { kSubmitter, kFirst };
Setting completion_cpu_setting();
CompletionCpu completion_cpu(const SettingValues& settings);
// Bytes of the whole pages that a buffer takes.
std::uint64_t whole_pages(std::uint64_t bytes);

// How a trace is replayed. It starts over when it ends (a lap), so that a run can last as long as wanted.
struct ReplayOptions {
  bool paced = false;  // At the trace's own times; closed: as fast as the strategy allows.
  double scale = 1;    // Paced: 2 is twice as fast as recorded.
};

// Endpoint i of the guest must be a replay endpoint for every endpoint i of the trace.
std::unique_ptr<Workload> make_trace_replay(datasets::Trace trace, const ReplayOptions& options);
// The IOMMU groups of the source's endpoints: for each the first one of those that it shares a domain with, because
// one accessed what the other mapped.
std::vector<std::uint16_t> replay_groups(const datasets::Trace& trace);
// Guest memory that a replay needs for its buffers, in bytes: a page of the source takes one, however often it is
// mapped.
std::uint64_t replay_memory_bytes(const datasets::Trace& trace);

}  // namespace violet
