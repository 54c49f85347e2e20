// A plan reader takes the keys of a whole plan, checked, into its plain values. Internal to this room.
//
// Threading: pure functions; a PlanReader only looks at what outlives it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "experiments/plans/plan.hpp"
#include "experiments/plans/schema.hpp"

namespace violet::plans {

// The value that was given, or the default.
class PlanReader {
 public:
  PlanReader(const Schema& schema, const Assignments& assignments)
      : schema_(schema), assignments_(assignments) {}

  bool given(std::string_view key) const {
    return assignments_.by_key.find(std::string(key)) != assignments_.by_key.end();
  }
  std::string text(std::string_view key) const { return std::get<std::string>(value_of(key)); }
  bool boolean(std::string_view key) const { return std::get<bool>(value_of(key)); }
  std::uint64_t integer(std::string_view key) const {
    return static_cast<std::uint64_t>(std::get<std::int64_t>(value_of(key)));
  }
  double real(std::string_view key) const {
    const SettingValue value = value_of(key);
    const auto* whole = std::get_if<std::int64_t>(&value);
    return whole != nullptr ? static_cast<double>(*whole) : std::get<double>(value);
  }
  std::optional<std::uint32_t> cpu(std::string_view key) const {
    const auto value = std::get<std::int64_t>(value_of(key));
    if (value < 0) return std::nullopt;
    return static_cast<std::uint32_t>(value);
  }

 private:
  SettingValue value_of(std::string_view key) const {
    const auto at = assignments_.by_key.find(std::string(key));
    return at != assignments_.by_key.end() ? at->second.values.front()
                                           : schema_.find(key)->spec.initial;
  }

  const Schema& schema_;
  const Assignments& assignments_;
};

RunSettings read_run(const PlanReader& read);
// Adds a problem where cells are to be repeated until an interval is narrow and cannot be.
void check_until_ci(const PlanReader& read, const Assignments& assignments, Problems& problems);
CoreSettings read_cores(const PlanReader& read);
Limits read_limits(const PlanReader& read);
// Adds a problem unless there is a name, and a run directory may have it.
void check_name(const Assignments& assignments, std::string_view file, Problems& problems);

}  // namespace violet::plans
