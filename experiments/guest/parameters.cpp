#include "experiments/guest/parameters.hpp"

#include <algorithm>

#include "engine/base/check.hpp"

namespace violet {
namespace {

const char* type_name(const ParameterValue& value) {
  static constexpr const char* kNames[] = {"true or false", "an integer", "a number", "a text"};
  return kNames[value.index()];
}

Status check_range(const ParameterSpec& spec, double value) {
  if (value >= spec.least && value <= spec.most) return {};
  return fail(ErrorKind::kUsage, "parameter '{}' is {}, expected {} to {}", spec.name, value,
              spec.least, spec.most);
}

Status check_choice(const ParameterSpec& spec, const std::string& value) {
  const auto& choices = spec.choices;
  if (choices.empty() || std::find(choices.begin(), choices.end(), value) != choices.end()) {
    return {};
  }
  std::string names;
  for (const auto& choice : choices) names += (names.empty() ? "" : ", ") + choice;
  return fail(ErrorKind::kUsage, "parameter '{}' is '{}', expected one of {}", spec.name, value,
              names);
}

Status check_value(const ParameterSpec& spec, const ParameterValue& value) {
  if (value.index() != spec.initial.index()) {
    return fail(ErrorKind::kUsage, "parameter '{}' must be {}", spec.name, type_name(spec.initial));
  }
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    return check_range(spec, static_cast<double>(*integer));
  }
  if (const auto* real = std::get_if<double>(&value)) return check_range(spec, *real);
  if (const auto* text = std::get_if<std::string>(&value)) return check_choice(spec, *text);
  return {};
}

// An integer where a real is declared becomes one.
ParameterValue widened(const ParameterSpec& spec, const ParameterValue& value) {
  const auto* integer = std::get_if<std::int64_t>(&value);
  if (integer == nullptr || !std::holds_alternative<double>(spec.initial)) return value;
  return static_cast<double>(*integer);
}

}  // namespace

Result<ParameterSet> ParameterSet::resolve(std::span<const ParameterSpec> specs,
                                           const ParameterAssignments& assignments) {
  ParameterSet set;
  for (const auto& spec : specs) set.values_.emplace_back(spec.name, spec.initial);
  for (const auto& [name, given] : assignments) {
    std::size_t i = 0;
    while (i < specs.size() && specs[i].name != name) ++i;
    if (i == specs.size()) return fail(ErrorKind::kUsage, "there is no parameter '{}'", name);
    const ParameterValue value = widened(specs[i], given);
    if (auto ok = check_value(specs[i], value); !ok) return tl::unexpected(ok.error());
    set.values_[i].second = value;
  }
  return set;
}

const ParameterValue& ParameterSet::at(std::string_view name) const {
  const auto found = std::find_if(values_.begin(), values_.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  VIOLET_CHECK(found != values_.end());
  return found->second;
}

bool ParameterSet::flag(std::string_view name) const { return std::get<bool>(at(name)); }
std::int64_t ParameterSet::integer(std::string_view name) const {
  return std::get<std::int64_t>(at(name));
}
double ParameterSet::real(std::string_view name) const { return std::get<double>(at(name)); }
const std::string& ParameterSet::text(std::string_view name) const {
  return std::get<std::string>(at(name));
}

}  // namespace violet
