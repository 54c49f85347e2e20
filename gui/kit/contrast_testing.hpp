// The contrast of two colours decides whether one can be read on the other (WCAG 2).
//
// Threading: pure functions.
#pragma once

#include <QColor>
#include <algorithm>
#include <cmath>

namespace violet::gui {

inline double luminance(const QColor& colour) {
  const auto part = [](double c) {
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * part(double(colour.redF())) + 0.7152 * part(double(colour.greenF())) +
         0.0722 * part(double(colour.blueF()));
}

// 1 to 21.
inline double contrast(const QColor& a, const QColor& b) {
  const double light = std::max(luminance(a), luminance(b)),
               dark = std::min(luminance(a), luminance(b));
  return (light + 0.05) / (dark + 0.05);
}

}  // namespace violet::gui
