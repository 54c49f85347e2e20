// The words that a plan may use: names and parameters, filled in by the registries of strategies,
// IOTLBs, workloads and so on, so that this room depends on none of them.
//
// Threading: plain values, immutable once a plan is being checked.
// Invariants: the first choice of each list is that axis's default. Names are unique in their list.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

namespace violet::plans {

using Value = std::variant<bool, std::int64_t, double, std::string>;

// As it would be written in a plan.
std::string to_text(const Value& value);

// One setting of a named thing. The type of `initial`, its default, is the type of the setting; a
// real also accepts an integer.
struct Parameter {
  std::string name;  // Ends in its unit: timer_ms.
  Value initial;
  double least = 0;  // Numbers only; both ends are allowed.
  double most = 1e15;
  std::vector<std::string> choices = {};  // Texts only; empty: any text.
  std::string help = {};
};

struct Choice {
  std::string name;
  std::string help = {};
  std::vector<Parameter> parameters = {};
};

// Two settings that cannot meet in one cell, for example {"placement", "samecore", "pace", "paced"}.
// Values are compared as text; "*" stands for any.
struct Conflict {
  std::string axis_a, value_a;
  std::string axis_b, value_b;
  std::string because;
};

struct Vocabulary {
  std::vector<Choice> strategies;
  std::vector<Choice> iovas;  // IOVA allocators
  std::vector<Choice> placements;
  std::vector<Choice> stores;
  std::vector<Choice> iotlbs;
  std::vector<std::string> replacements;  // IotlbConfig::Replacement
  std::vector<std::string> indexings;     // IotlbConfig::Indexing
  std::vector<Choice> workloads;
  std::vector<Choice> datasets;             // Become the workloads "trace:<name>".
  std::vector<Parameter> trace_parameters;  // Shared by all of those: [workload.trace].
  std::vector<Conflict> conflicts;
  // Workloads "trace:<path>" for paths that end in one of these are accepted as well when the check finds
  // nothing wrong with the file; it answers with what is.
  std::vector<std::string> trace_suffixes;
  std::function<std::string(const std::string& path)> trace_problem;
};

}  // namespace violet::plans
