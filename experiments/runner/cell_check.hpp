// A cell check says before anything runs what a cell cannot do although each of its settings is allowed: what its
// workload asks of the settings together, what its trace has not, more memory than the guest has.
//
// Threading: pure functions.
// Invariants: what is wrong is always the same for the same cell, limits and trace; what depends on the machine is
// none of this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "datasets/trace_reader.hpp"
#include "experiments/plans/plan.hpp"

namespace violet {

// Endpoints of a guest, at the most; each has a reader of its own.
inline constexpr std::size_t kMostEndpoints = 64;

// What a replay asks for.
struct TraceFacts {
  std::uint64_t unmaps = 0;
  std::uint64_t memory_bytes = 0;  // replay_memory_bytes()
  std::size_t endpoints = 0;
  std::size_t domains = 0;
  bool has_times = false;
};
TraceFacts facts_of(const datasets::Trace& trace);
// Tells the content of two traces apart: what a run's manifest has of each that it replayed.
std::string check_of_trace(const datasets::Trace& trace);
// Of a bundled one by its name, or of a path.
Result<std::string> check_of_trace(const std::string& dataset_dir, const std::string& dataset);

// `host_mib`: what this machine has in all.
std::optional<plans::CellProblem> memory_problem(const plans::Limits& limits,
                                                 std::uint64_t host_mib);
// The cell has no trace.
std::optional<plans::CellProblem> generator_problem(const plans::Cell& cell,
                                                    const plans::Limits& limits);
std::optional<plans::CellProblem> trace_problem(const plans::Cell& cell,
                                                const plans::Limits& limits,
                                                const TraceFacts& trace);

}  // namespace violet
