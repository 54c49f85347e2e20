// A coloured text carries a colour of the theme into a label with rich text.
//
// Threading: pure.
#pragma once

#include <QColor>
#include <QString>

namespace violet::gui {

inline QString coloured(const QString& text, const QColor& colour) {
  return QStringLiteral("<span style='color:%1; white-space:pre-wrap'>%2</span>")
      .arg(colour.name(), text.toHtmlEscaped());
}

}  // namespace violet::gui
