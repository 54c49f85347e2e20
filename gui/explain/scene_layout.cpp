#include "gui/explain/scene_layout.hpp"

#include <QLineF>
#include <algorithm>
#include <cmath>

namespace violet::gui {
namespace {

using lessons::Part;

constexpr int kColumns = 4;

// The share of a box's height at which its horizontal ways leave and arrive.
constexpr double kForth = 0.4;
constexpr double kBack = 0.62;

bool is_below(const QRectF& one, const QRectF& other) { return one.top() >= other.bottom(); }

QPolygonF across(const QRectF& from, const QRectF& to) {
  const bool right = to.left() >= from.right();
  const double top = std::max(from.top(), to.top());
  const double height = std::min(from.bottom(), to.bottom()) - top;
  const double y = top + height * (right ? kForth : kBack);
  return QPolygonF(
      {QPointF(right ? from.right() : from.left(), y), QPointF(right ? to.left() : to.right(), y)});
}

QPolygonF straight_down(const QRectF& from, const QRectF& to) {
  const bool down = is_below(to, from);
  const double x = from.left() + from.width() * (down ? kForth : kBack);
  return QPolygonF(
      {QPointF(x, down ? from.bottom() : from.top()), QPointF(x, down ? to.top() : to.bottom())});
}

// The engine to the lower IOTLB: past the upper one, in the gap to its right.
QPolygonF around(const QRectF& from, const QRectF& to, double gap) {
  const double x = from.right() + gap * 0.3;
  const double start = from.bottom() - from.height() * 0.15;
  return QPolygonF({QPointF(from.right(), start), QPointF(x, start), QPointF(x, to.center().y()),
                    QPointF(to.right(), to.center().y())});
}

bool side_by_side(const QRectF& one, const QRectF& other) {
  return one.top() < other.bottom() && other.top() < one.bottom();
}

}  // namespace

SceneLayout scene_layout(const QRectF& area, bool with_disk, bool with_scores) {
  SceneLayout layout;
  layout.area = area;
  layout.gap = std::clamp(area.width() * 0.075, 40.0, 180.0);
  const double row_gap = std::clamp(area.height() * 0.07, 24.0, 64.0);
  const double width = (area.width() - (kColumns - 1) * layout.gap) / kColumns;
  // Two endpoints need more of the height than one.
  const double share = with_disk && !with_scores ? 0.44 : 0.5;
  const double height = (area.height() - row_gap) * share;
  const double lower_height = area.height() - row_gap - height;
  const double lower = area.top() + height + row_gap;
  const auto column = [&](int index) { return area.left() + index * (width + layout.gap); };
  const auto put = [&](Part part, int at, double top, double tall) {
    layout.boxes[static_cast<std::size_t>(part)] = QRectF(column(at), top, width, tall);
  };
  put(Part::kDriver, 0, area.top(), height);
  put(Part::kQueue, 1, area.top(), height);
  put(Part::kEngine, 2, area.top(), height);
  put(Part::kStore, 3, area.top(), with_scores ? height : area.height());
  if (with_scores) {
    layout.score_board = QRectF(area.left(), lower, area.width(), lower_height);
    return layout;
  }
  put(Part::kMemory, 0, lower, lower_height);
  const double space = with_disk ? 12 : 0;
  const double tall = with_disk ? (lower_height - space) / 2 : lower_height;
  put(Part::kNic, 1, lower, tall);
  put(Part::kNicIotlb, 2, lower, tall);
  if (with_disk) {
    put(Part::kDisk, 1, lower + tall + space, tall);
    put(Part::kDiskIotlb, 2, lower + tall + space, tall);
  }
  return layout;
}

QPolygonF way_between(const SceneLayout& layout, Part from, Part to) {
  const QRectF& start = layout.box(from);
  const QRectF& end = layout.box(to);
  if (start.isEmpty() || end.isEmpty() || from == to) return {};
  if (side_by_side(start, end)) return across(start, end);
  if (from == Part::kEngine && to == Part::kDiskIotlb) return around(start, end, layout.gap);
  return straight_down(start, end);
}

QPointF point_on(const QPolygonF& way, double share) {
  double length = 0;
  for (int i = 1; i < way.size(); ++i) length += QLineF(way[i - 1], way[i]).length();
  double left = std::clamp(share, 0.0, 1.0) * length;
  for (int i = 1; i < way.size(); ++i) {
    const QLineF part(way[i - 1], way[i]);
    if (left <= part.length() && part.length() > 0) return part.pointAt(left / part.length());
    left -= part.length();
  }
  return way.isEmpty() ? QPointF() : way.last();
}

}  // namespace violet::gui
