#include "engine/base/setting.hpp"

#include <algorithm>
#include <cmath>

#include "engine/base/check.hpp"

namespace violet {
namespace {

constexpr std::size_t kMostListed = 24;  // Choices shown in a message.

bool is_number(const SettingValue& value) {
  return std::holds_alternative<std::int64_t>(value) || std::holds_alternative<double>(value);
}

double number(const SettingValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  return std::get<double>(value);
}

std::string choices_text(const std::vector<std::string>& choices) {
  std::string text;
  for (std::size_t i = 0; i < choices.size() && i < kMostListed; ++i) {
    text += (i == 0 ? "one of " : ", ") + choices[i];
  }
  return choices.size() > kMostListed ? text + ", ..." : text;
}

}  // namespace

std::string to_text(const SettingValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* boolean = std::get_if<bool>(&value)) return *boolean ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  return fmt::format("{}", std::get<double>(value));
}

std::string expected_text(const Setting& setting) {
  if (std::holds_alternative<bool>(setting.initial)) return "true or false";
  if (std::holds_alternative<std::string>(setting.initial)) {
    return setting.choices.empty() ? "text" : choices_text(setting.choices);
  }
  return fmt::format("{} between {} and {}",
                     std::holds_alternative<double>(setting.initial) ? "a number" : "an integer",
                     setting.least, setting.most);
}

bool accepts(const Setting& setting, const SettingValue& value) {
  const bool real = std::holds_alternative<double>(setting.initial);
  if (real ? !is_number(value) : value.index() != setting.initial.index()) return false;
  if (is_number(value)) {
    const double given = number(value);
    return std::isfinite(given) && setting.least <= given && given <= setting.most;
  }
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr || setting.choices.empty() ||
         std::find(setting.choices.begin(), setting.choices.end(), *text) != setting.choices.end();
}

SettingValue as_described(const Setting& setting, const SettingValue& value) {
  const auto* integer = std::get_if<std::int64_t>(&value);
  if (integer == nullptr || !std::holds_alternative<double>(setting.initial)) return value;
  return static_cast<double>(*integer);
}

Result<SettingValues> SettingValues::resolve(std::span<const Setting> settings,
                                             const SettingAssignments& assignments) {
  SettingValues values;
  for (const Setting& setting : settings) values.set(setting.name, setting.initial);
  for (const auto& [name, value] : assignments) {
    const auto described = std::find_if(settings.begin(), settings.end(),
                                        [&key = name](const Setting& s) { return s.name == key; });
    if (described == settings.end()) {
      return fail(ErrorKind::kUsage, "there is no setting '{}'", name);
    }
    if (!accepts(*described, value)) {
      return fail(ErrorKind::kUsage, "setting '{}': expected {}, found {}", name,
                  expected_text(*described), to_text(value));
    }
    values.set(name, as_described(*described, value));
  }
  return values;
}

const SettingValue& SettingValues::at(std::string_view name) const {
  const auto found = values_.find(name);
  VIOLET_CHECK(found != values_.end() && "no such setting");
  return found->second;
}

bool SettingValues::flag(std::string_view name) const { return std::get<bool>(at(name)); }
std::int64_t SettingValues::integer(std::string_view name) const {
  return std::get<std::int64_t>(at(name));
}
double SettingValues::real(std::string_view name) const { return std::get<double>(at(name)); }
const std::string& SettingValues::text(std::string_view name) const {
  return std::get<std::string>(at(name));
}

}  // namespace violet
