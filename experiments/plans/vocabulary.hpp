// A vocabulary holds the words that a plan may use: the entries of the registries of strategies, IOTLBs,
// workloads and so on, without their factories, so that this room depends on none of them.
//
// Threading: plain values, immutable once a plan is being checked.
// Invariants: the first choice of each list is that axis's default. Names are unique in their list.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/registry.hpp"

namespace violet::plans {

using violet::to_text;

// Two settings that cannot meet in one cell, for example {"placement", "samecore", "pace", "paced"}.
// Values are compared as text; "*" stands for any.
struct Conflict {
  std::string axis_a, value_a;
  std::string axis_b, value_b;
  std::string because;
};

struct Cell;
struct Limits;

// What a cell cannot do although each of its settings is allowed. The key that is to blame, in full
// ("workload.net-rx.ring"), and the rest of the message: "expected a power of two, found 1000".
struct CellProblem {
  std::string key;
  std::string message;
};

struct Vocabulary {
  std::vector<RegistryEntry> strategies;
  std::vector<RegistryEntry> iovas;  // IOVA allocators
  std::vector<RegistryEntry> placements;
  std::vector<RegistryEntry> stores;
  std::vector<RegistryEntry> iotlbs;
  std::vector<RegistryEntry> replacements;  // IotlbConfig::Replacement
  std::vector<RegistryEntry> indexings;     // IotlbConfig::Indexing
  std::vector<RegistryEntry> workloads;
  std::vector<RegistryEntry> datasets;  // Become the workloads "trace:<name>".
  std::vector<Setting> trace_settings;  // Shared by all of those: [workload.trace].
  std::vector<Conflict> conflicts;
  // Workloads "trace:<path>" for paths that end in one of these are accepted as well when the check finds
  // nothing wrong with the file; it answers with what is.
  std::vector<std::string> trace_suffixes;
  std::function<std::string(const std::string& path)> trace_problem;
  // Asked of each cell; empty: nothing is ever wrong.
  std::function<std::optional<CellProblem>(const Cell& cell, const Limits& limits)> cell_problem;
};

}  // namespace violet::plans
