// A frame surrounds every plot: a title that says what is plotted and in which unit, a legend, the
// two axes with grid and ticks. It is plain drawing, so that screen, PNG, PDF and SVG show the
// same.
//
//     Title (unit)                    legend
//     100 |....................................
//      50 |....................................
//       0 +------+------+------+------+-------
//         1.20 s  1.21 s  1.22 s
//
// Threading: the main thread.
// Invariants: Labels never overlap. A legend that does not fit is said briefly; then the title is; then it loses
// its last entries, and counts them, never half a word.
#pragma once

#include <QBrush>
#include <QColor>
#include <QList>
#include <QRectF>
#include <QString>
#include <vector>

#include "gui/kit/axis.hpp"

class QPainter;

namespace violet::gui {

struct LegendEntry {
  enum class Mark { kLine, kDashed, kDotted, kBox, kHatch, kOutline, kDot, kTick, kAbove };
  QString text;
  QColor colour;
  Mark mark = Mark::kLine;
  QString brief = {};  // Said instead where the legend has no room; empty: there is no shorter way.
};

struct FrameText {
  QString title;  // "Unmapped pages that a device can still reach (pages)"
  std::vector<LegendEntry> legend;
  Unit unit = Unit::kCount;  // Of the y axis.
  QString brief = {};        // A shorter title, for where the legend would lose entries.
};

struct Frame {
  static constexpr double kLeft = 96;  // Room for the y labels,
  static constexpr double kRight = 12;
  static constexpr double kTop = 24;     // the title,
  static constexpr double kBottom = 22;  // and the x labels; 4 without.

  FrameText text;
  QRectF area;
  QRectF plot;
  Scale x, y;
  std::vector<Tick> x_ticks, y_ticks;
  QString x_base;  // What the labels of the time axis count from.
};

// y grows upwards; `y` gives low, high and log only.
Frame time_frame(const QRectF& area, FrameText text, TimeWindow window, Scale y,
                 bool x_labels = true);
// `left`: room for the y labels.
Frame value_frame(const QRectF& area, FrameText text, Scale x, Unit x_unit, Scale y,
                  double left = Frame::kLeft);

// The labels of both axes where they are drawn, in the font of frames: those that would touch
// another are left out, the ends of an axis last.
struct AxisLabel {
  QRectF box;
  QString text;
};
std::vector<AxisLabel> axis_labels(const Frame& frame);

// Background, grid and labels; then the content; then draw_axes() on top of it.
void draw_frame(QPainter& painter, const Frame& frame);
void draw_title(QPainter& painter, const Frame& frame);
void draw_axes(QPainter& painter, const Frame& frame);
// How many of the entries have room in that width, and whether they are said briefly for it.
struct LegendFit {
  std::size_t entries = 0;
  bool brief = false;
};
LegendFit fit_legend(double width, const std::vector<LegendEntry>& entries);
// Whether all of the frame's legend has room beside its title.
bool has_room_for_legend(const Frame& frame);
// From right to left in `row`; returns the left end of what was drawn.
double draw_legend(QPainter& painter, const QRectF& row, const std::vector<LegendEntry>& entries);

// Columns of which nothing is known are left open: no line crosses them.
struct ColumnStyle {
  bool spread = true;  // A pale band from low to high,
  bool line = true;    // and a line through the means.
  double width = 1.4;
  QList<qreal> dash = {};
};
void draw_columns(QPainter& painter, const Frame& frame, TimeWindow window,
                  const std::vector<Column>& columns, const QColor& colour, ColumnStyle style = {});
// A triangle below the upper edge of a plot: something lies above the axis here.
void draw_above(QPainter& painter, const QPointF& tip, const QColor& colour);
// Where events were lost: hatched over the full height.
void draw_gap(QPainter& painter, const QRectF& where);
// The cursor all views share, and a selected range.
void draw_cursor(QPainter& painter, const Frame& frame, Nanos at);
void draw_outline(QPainter& painter, const QRectF& around);
void draw_selected_time(QPainter& painter, const Frame& frame, TimeWindow time);
// A word in the middle: "not available, because ...".
void draw_note(QPainter& painter, const QRectF& area, const QString& text);

QBrush hatch(const QColor& colour);

}  // namespace violet::gui
