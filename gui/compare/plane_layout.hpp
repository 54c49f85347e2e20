// A plane layout places the points of the protection-performance plane and their labels.
//
//      1.0 |   o off |                     |        |
//          |         |        o lazy       |        |
//          | o strict|                     |        |
//          +---------+---------------------+--------+
//             zero     0.1   1   10   100    always     not available
//
// Threading: a plain value.
// Invariants: No label overlaps another, a mark, or the edge. A point whose name finds no place has a number,
// and its name is in the list below; in a crowd without room for numbers the list alone has it. Across a place without an axis (all but the stale one) x has no meaning: its
// points are side by side so that they stay apart. A point without a throughput lies in a strip of its own below
// the axis, and not at zero. A place that no point needs takes no room.
#pragma once

#include <QFont>
#include <QRectF>
#include <vector>

#include "experiments/query/plane.hpp"
#include "gui/kit/axis.hpp"

namespace violet::gui {
using namespace query;

struct PlaneLayout {
  struct Dot {
    std::size_t index = 0;  // Among the plane's points.
    QPointF at;
    QRectF bars;          // What the 95 % intervals span; null where there are none.
    QRectF label;         // Of the name, or of the number. Null: no room for either.
    int number = 0;       // From 1: the name is in the list. 0: the label has it.
    bool leader = false;  // The label lies apart and needs a line to its point.
  };
  struct ListEntry {
    std::size_t index = 0;  // Among the plane's points.
    int number = 0;
    QRectF box;  // Null: beyond what the list has room for; see `unlisted`.
  };
  QRectF plot;
  QRectF zero, stale, always, missing;  // The places, left to right; null: not needed.
  QRectF unknown;  // Below all of them: points whose throughput is not known. Null: there are none.
  Scale x, y;
  std::vector<Tick> x_ticks, y_ticks;
  std::vector<Dot> dots;
  std::vector<ListEntry> list;  // Below the plot.
  int unlisted = 0;             // Names that the list has no room for,
  QRectF more;                  // and where it says so.
};

QString listText(const Plane& plane, const PlaneLayout::ListEntry& entry);
PlaneLayout layOutPlane(const Plane& plane, const QRectF& area, const QFont& font);

}  // namespace violet::gui
