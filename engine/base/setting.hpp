// A setting describes one thing that a user may choose (a strategy's flush timeout, a plan's queue size): its
// name, type, range, default and one line of help. Plans, --set, `list` and the registries all use this one
// description; SettingValues hold the values that were chosen.
//
// Threading: plain values.
// Invariants: SettingValues that resolve() made hold exactly the settings described, each of its type and
// inside its range.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/base/result.hpp"

namespace violet {

using SettingValue = std::variant<bool, std::int64_t, double, std::string>;

// As it would be written in a plan.
std::string to_text(const SettingValue& value);

struct Setting {
  std::string name;      // Ends in its unit: flush_timeout_ms.
  SettingValue initial;  // The default; its type is the setting's. A real also takes an integer.
  double least = 0;      // Numbers only; both ends are allowed.
  double most = 1e15;
  std::vector<std::string> choices = {};  // Texts only; empty: any text.
  std::string help = {};                  // One line.
};

// "an integer between 2 and 65536", "one of lifo, fifo": what follows "expected" in a message.
std::string expected_text(const Setting& setting);
// Whether the value has the setting's type and lies in its range.
bool accepts(const Setting& setting, const SettingValue& value);
// The value as its setting stores it: an integer where a real is described becomes one.
SettingValue as_described(const Setting& setting, const SettingValue& value);

using SettingAssignments = std::vector<std::pair<std::string, SettingValue>>;

class SettingValues {
 public:
  SettingValues() = default;
  // The defaults, with `assignments` over them; an error names the setting and what is allowed.
  static Result<SettingValues> resolve(std::span<const Setting> settings,
                                       const SettingAssignments& assignments);

  // Asking for a setting that is not there, or by another type, is a bug and stops the program.
  bool flag(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  const std::string& text(std::string_view name) const;

  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  void set(std::string name, SettingValue value) { values_[std::move(name)] = std::move(value); }
  const std::map<std::string, SettingValue, std::less<>>& all() const { return values_; }

 private:
  const SettingValue& at(std::string_view name) const;

  std::map<std::string, SettingValue, std::less<>> values_;
};

}  // namespace violet
