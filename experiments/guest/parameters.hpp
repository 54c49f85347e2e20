// Typed parameters of strategies and IOVA allocators: declared once, with default, range and help, so
// that plans can be checked before anything runs and `list` can print them.
//
// Threading: plain values.
// Invariants: a ParameterSet holds exactly the declared parameters, each of its declared type and
// inside its range.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/base/result.hpp"

namespace violet {

using ParameterValue = std::variant<bool, std::int64_t, double, std::string>;

struct ParameterSpec {
  std::string name;  // Ends in its unit: flush_timeout_ms.
  ParameterValue
      initial;       // The default; its type is the parameter's. A real also takes an integer.
  double least = 0;  // Numbers only; both ends are allowed.
  double most = 1e15;
  std::vector<std::string> choices = {};  // Texts only; empty: any text.
  std::string help = {};
};

using ParameterAssignments = std::vector<std::pair<std::string, ParameterValue>>;

class ParameterSet {
 public:
  ParameterSet() = default;
  // The defaults, with `assignments` over them; an error names the parameter and what is allowed.
  static Result<ParameterSet> resolve(std::span<const ParameterSpec> specs,
                                      const ParameterAssignments& assignments);

  // Asking for a parameter that was not declared, or by another type, is a bug and stops.
  bool flag(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  const std::string& text(std::string_view name) const;

 private:
  const ParameterValue& at(std::string_view name) const;

  ParameterAssignments values_;
};

}  // namespace violet
