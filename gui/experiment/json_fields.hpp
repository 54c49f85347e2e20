// A field of a document that the program printed is read as text or number; one that is missing or of
// another type is empty or 0.
//
// Threading: pure functions.
#pragma once

#include <QString>
#include <nlohmann/json_fwd.hpp>

namespace violet::gui {

QString textAt(const nlohmann::json& object, const char* key);
double numberAt(const nlohmann::json& object, const char* key);

}  // namespace violet::gui
