// The registry of workloads makes a workload by the name that a plan gives it. A new workload is one file
// and one line here.
//
// Threading: immutable.
#pragma once

#include <memory>

#include "datasets/trace_reader.hpp"
#include "engine/base/registry.hpp"
#include "experiments/workloads/guest.hpp"
#include "experiments/workloads/workload.hpp"

namespace violet {

struct WorkloadInfo : RegistryEntry {
  EndpointKind endpoint;  // The device that it needs, as endpoint 0.
  std::unique_ptr<Workload> (*make)(const SettingValues& settings, std::uint64_t seed);
};

// One line a workload: NAME stands for a function `WorkloadInfo NAME_workload()` in NAME.cpp.
#define VIOLET_WORKLOADS(WORKLOAD) \
  WORKLOAD(net_rx)                 \
  WORKLOAD(net_tx)                 \
  WORKLOAD(nvme)                   \
  WORKLOAD(mapbench)               \
  WORKLOAD(stray)

Registry<WorkloadInfo> workloads();

// How a trace is replayed. It starts over when it ends (a lap), so that a run can last as long as wanted.
struct ReplayOptions {
  bool paced = false;  // At the trace's own times; closed: as fast as the strategy allows.
  double scale = 1;    // Paced: 2 is twice as fast as recorded.
};

// Endpoint i of the guest must be a replay endpoint for every endpoint i of the trace.
std::unique_ptr<Workload> make_trace_replay(datasets::Trace trace, const ReplayOptions& options);
// Guest memory that a replay needs for its buffers, in bytes: a page of the source takes one, however often it is
// mapped.
std::uint64_t replay_memory_bytes(const datasets::Trace& trace);

}  // namespace violet
