#include "gui/experiment/json_fields.hpp"

#include <nlohmann/json.hpp>

namespace violet::gui {

using nlohmann::json;

QString textAt(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? QString::fromStdString(at->get<std::string>())
                                               : QString();
}

double numberAt(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_number() ? at->get<double>() : 0;
}

}  // namespace violet::gui
