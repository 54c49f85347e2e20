// A scene layout places the boxes of the picture and the ways along which things travel between
// them.
//
//     driver -- virtqueues -- engine -- domain store        Score boards take the lower row.
//       |                       |            |
//     memory -- NIC ---- IOTLB of NIC -------+
//           \-- disk --- IOTLB of disk ------+
//
// Threading: pure functions.
// Invariants: Boxes do not overlap, and ways keep to the gaps between them.
#pragma once

#include <QPolygonF>
#include <QRectF>
#include <array>

#include "experiments/lessons/picture.hpp"

namespace violet::gui {

struct SceneLayout {
  QRectF area;
  double gap = 0;
  std::array<QRectF, lessons::kPartCount> boxes;  // Empty: not shown.
  QRectF score_board;                             // Empty: none.

  const QRectF& box(lessons::Part part) const { return boxes[static_cast<std::size_t>(part)]; }
  bool shows(lessons::Part part) const { return !box(part).isEmpty(); }
};

SceneLayout scene_layout(const QRectF& area, bool with_disk, bool with_scores);
// From the edge of one box to the edge of another; empty when one of them is not shown.
QPolygonF way_between(const SceneLayout& layout, lessons::Part from, lessons::Part to);
// A point on it, share 0..1 of its length.
QPointF point_on(const QPolygonF& way, double share);

}  // namespace violet::gui
