// A heat map shows counts as colours: cividis (even to the eye, safe for the colour-blind),
// logarithmic when counts span decades. On paper white the map runs the other way, so that more is
// always further from the background.
//
// Threading: functions with `dark` are pure; the others look at the current theme and belong to
// the main thread.
// Invariants: A count of zero is transparent: the background shows through and means "nothing".
#pragma once

#include <QColor>
#include <QImage>
#include <QRectF>
#include <QString>
#include <cstdint>
#include <functional>
#include <span>

class QPainter;

namespace violet::gui {

struct HeatScale {
  double most = 1;  // Count that has the last colour; >= 1.
  bool log = true;

  double share(double count) const;  // 0..1, for counts > 0.
  // For the largest of `counts`, rounded up to a round number so that live pictures do not flicker.
  static HeatScale of(std::span<const std::uint32_t> counts);
};

// 0..1, the part of the map that stands off the background in the current theme.
QRgb heat_colour(double share);
QRgb heat_colour(double share, bool dark);  // The same for threads that draw pictures ahead.

// `at(column, row)` is the count; row 0 is drawn at the bottom. May run on any thread.
QImage heat_image(int columns, int rows, const HeatScale& scale,
                  const std::function<std::uint32_t(int column, int row)>& at, bool dark);

// A bar with its ends labelled: "1 ▆▆▆▆ 2 k unit". Right-aligned in `row`; returns its left end.
double draw_heat_legend(QPainter& painter, const QRectF& row, const HeatScale& scale,
                        const QString& unit);

}  // namespace violet::gui
