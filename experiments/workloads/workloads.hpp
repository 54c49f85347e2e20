// The registry of workloads: what a plan's `workload` may name, with the parameters of each. A new
// workload is one file and one line in workloads.cpp.
//
// Threading: immutable.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "datasets/trace_reader.hpp"
#include "experiments/guest/parameters.hpp"
#include "experiments/workloads/guest.hpp"
#include "experiments/workloads/workload.hpp"

namespace violet {

struct WorkloadInfo {
  std::string_view name;
  std::string_view summary;
  EndpointKind endpoint;  // The device that it needs, as endpoint 0.
  std::vector<ParameterSpec> (*parameters)();
  std::unique_ptr<Workload> (*make)(const ParameterSet& parameters, std::uint64_t seed);
};

// In the order of the plans' default first.
std::span<const WorkloadInfo> workloads();
const WorkloadInfo* find_workload(std::string_view name);

// One line of the registry each, defined beside the workload.
extern const WorkloadInfo kNetRx;
extern const WorkloadInfo kNetTx;
extern const WorkloadInfo kNvme;
extern const WorkloadInfo kMapBench;

// How a trace is replayed. It starts over when it ends (a lap), so that a run can last as long as wanted.
struct ReplayOptions {
  bool paced = false;  // At the trace's own times; closed: as fast as the strategy allows.
  double scale = 1;    // Paced: 2 is twice as fast as recorded.
};

// Endpoint i of the guest must be a replay endpoint for every endpoint i of the trace.
std::unique_ptr<Workload> make_trace_replay(datasets::Trace trace, const ReplayOptions& options);
// Guest memory that a replay needs for its buffers, in bytes.
std::uint64_t replay_memory_bytes(const datasets::Trace& trace);

}  // namespace violet
