// A plane layout places the points of the protection-performance plane and their labels.
//
//      1.0 |   o off |                     |        |
//          |         |        o lazy       |        |
//          | o strict|                     |        |
//          +---------+---------------------+--------+
//             zero     0.1   1   10   100    always     not available
//
// Threading: a plain value.
// Invariants: No label overlaps another, a mark, or the edge; one that finds no place is left out,
// and its point still has its tool tip. A place that no point needs takes no room.
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
    QRectF label;         // Null: left out.
    bool leader = false;  // The label lies apart and needs a line to its point.
  };
  QRectF plot;
  QRectF zero, stale, always, missing;  // The places, left to right; null: not needed.
  Scale x, y;
  std::vector<Tick> x_ticks, y_ticks;
  std::vector<Dot> dots;
};

PlaneLayout layOutPlane(const Plane& plane, const QRectF& area, const QFont& font);

}  // namespace violet::gui
