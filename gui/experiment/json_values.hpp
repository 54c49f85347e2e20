// Values of the program's JSON lines, with a fallback where one is missing or of another type. Internal to this room.
//
// Threading: pure functions.
#pragma once

#include <QString>
#include <nlohmann/json.hpp>

namespace violet::gui {

using nlohmann::json;

inline QString textAt(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? QString::fromStdString(at->get<std::string>())
                                               : QString();
}

inline double numberAt(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_number() ? at->get<double>() : 0;
}

}  // namespace violet::gui
