#include "gui/explain/ink.hpp"

#include <algorithm>
#include <cmath>

#include "gui/kit/theme.hpp"

namespace violet::gui {
namespace {

double linear(double share) {
  return share <= 0.04045 ? share / 12.92 : std::pow((share + 0.055) / 1.055, 2.4);
}

double luminance(const QColor& colour) {
  return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) +
         0.0722 * linear(colour.blueF());
}

}  // namespace

double contrast(const QColor& one, const QColor& other) {
  const double a = luminance(one);
  const double b = luminance(other);
  return (std::max(a, b) + 0.05) / (std::min(a, b) + 0.05);
}

QColor ink(const QColor& colour) {
  constexpr double kWanted = 5.6;  // Tinted rows take a fifth of it.
  constexpr int kSteps = 40;
  QColor now = colour;
  for (int i = 0; i < kSteps && contrast(now, theme().panel) < kWanted; ++i) {
    now = theme().dark ? now.lighter(104) : now.darker(104);
  }
  return now;
}

}  // namespace violet::gui
