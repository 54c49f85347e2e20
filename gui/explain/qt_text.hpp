// The lessons' texts as Qt takes them.
//
// Threading: pure functions.
#pragma once

#include <QString>
#include <string>

namespace violet::gui {

inline QString qt(const std::string& text) { return QString::fromStdString(text); }

}  // namespace violet::gui
