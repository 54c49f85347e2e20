#include "gui/compare/plane_layout.hpp"

#include <QFontMetricsF>
#include <algorithm>
#include <cmath>

namespace violet::gui {
namespace {

constexpr double kLeft = 88, kRight = 12, kTop = 52, kBottom = 56;
constexpr double kPlace = 84, kMark = 7;
constexpr double kLabelHeight = 15, kUnknown = 34, kStillRow = 20;
constexpr double kListEdge = 10, kListGap = 4, kMostList = 0.3;
constexpr double kNear = 18;  // A label this close needs no line to its point.

bool uses(const Plane& plane, PlanePoint::Place place) {
  return std::any_of(plane.points.begin(), plane.points.end(),
                     [place](const PlanePoint& point) { return point.place == place; });
}

double low(const results::Estimate& estimate) {
  return estimate.interval ? std::min(estimate.value, estimate.interval->low) : estimate.value;
}
double high(const results::Estimate& estimate) {
  return estimate.interval ? std::max(estimate.value, estimate.interval->high) : estimate.value;
}

void layOutPlaces(const Plane& plane, PlaneLayout& layout) {
  double left = layout.plot.left(), right = layout.plot.right();
  const auto column = [&layout](double x) {
    return QRectF(x, layout.plot.top(), kPlace, layout.plot.height());
  };
  if (uses(plane, PlanePoint::Place::kMissing)) layout.missing = column(right -= kPlace);
  if (uses(plane, PlanePoint::Place::kAlways)) layout.always = column(right -= kPlace);
  layout.zero = column(left);  // Always: zero is what protection means.
  left += kPlace;
  layout.stale = QRectF(left, layout.plot.top(), std::max(1.0, right - left), layout.plot.height());
}

void scaleX(const Plane& plane, PlaneLayout& layout) {
  double least = INFINITY, most = 0;
  for (const PlanePoint& point : plane.points) {
    if (point.place != PlanePoint::Place::kStale) continue;
    least = std::min(least, std::max(low(point.stale), point.stale.value / 100));
    most = std::max(most, high(point.stale));
  }
  if (most <= 0)
    least = 0.1, most = 10;  // Nothing was stale; the axis still shows where it would be.
  const double from = std::pow(10, std::floor(std::log10(least * 0.8)));
  const double to = std::pow(10, std::ceil(std::log10(most * 1.25)));
  layout.x = {from, std::max(to, from * 10), layout.stale.left(), layout.stale.right(), true};
  layout.x_ticks = log_ticks(layout.x, Unit::kCount, 52);
}

// Linear from zero, or logarithmic where strategies are so far apart that the slow ones would be one heap.
void scaleY(const Plane& plane, PlaneLayout& layout) {
  constexpr double kFarApart = 8;
  double least = INFINITY, most = 1;
  for (const PlanePoint& point : plane.points) {
    if (!point.relative) continue;
    most = std::max(most, high(*point.relative));
    if (point.relative->value > 0) least = std::min(least, point.relative->value);
  }
  const double foot = layout.unknown.isNull() ? layout.plot.bottom() : layout.unknown.top();
  layout.y = {0, most * 1.08, foot, layout.plot.top(), false};
  if (least * kFarApart < most) {
    layout.y.low = least * 0.5;
    layout.y.high = most * 1.3;
    layout.y.log = true;
  }
  const bool still = std::any_of(
      plane.points.begin(), plane.points.end(),
      [](const PlanePoint& point) { return point.relative && point.relative->value <= 0; });
  if (layout.y.log && still) {
    layout.y.zero_px = foot - kMark;
    layout.y.from_px -= kStillRow;
  }
  layout.y_ticks = ticks_of(layout.y, Unit::kShare, layout.y.log ? 24 : 72);
  if (layout.y.zero_px) {
    layout.y_ticks.insert(layout.y_ticks.begin(), {0, unit_text(Unit::kShare, 0)});
  }
}

// Points in one of the places without an axis are spread, so that those of equal throughput stay apart.
double spreadX(const QRectF& place, std::size_t index, std::size_t count) {
  const double share = (static_cast<double>(index) + 1) / (static_cast<double>(count) + 1);
  return place.left() + place.width() * share;
}

std::vector<PlaneLayout::Dot> placeDots(const Plane& plane, const PlaneLayout& layout) {
  std::vector<PlaneLayout::Dot> dots;
  std::size_t seen[4] = {}, count[4] = {};
  for (const PlanePoint& point : plane.points) ++count[static_cast<std::size_t>(point.place)];
  for (std::size_t i = 0; i < plane.points.size(); ++i) {
    const PlanePoint& point = plane.points[i];
    const auto place = static_cast<std::size_t>(point.place);
    const QRectF* places[] = {&layout.zero, &layout.stale, &layout.always, &layout.missing};
    const bool stale = point.place == PlanePoint::Place::kStale;
    const double x = stale ? layout.x.pixel(point.stale.value)
                           : spreadX(*places[place], seen[place]++, count[place]);
    const double y =
        point.relative ? layout.y.pixel(point.relative->value) : layout.unknown.center().y();
    QRectF bars(QPointF(x, y), QSizeF(0, 0));
    if (point.relative) {
      bars.setTop(layout.y.pixel(high(*point.relative)));
      const double least = low(*point.relative);
      bars.setBottom(layout.y.pixel(least > 0 ? std::max(least, layout.y.low) : 0));
    }
    if (stale) {
      bars.setLeft(
          std::max(layout.stale.left(), layout.x.pixel(std::max(low(point.stale), layout.x.low))));
      bars.setRight(layout.x.pixel(high(point.stale)));
    }
    dots.push_back({i, {x, y}, bars, {}, false});
  }
  return dots;
}

// Places around a point, the nearest first.
std::vector<QRectF> candidates(const QPointF& at, double width) {
  std::vector<QRectF> boxes;
  for (const double far : {0.0, 14.0, 28.0, 44.0, 62.0}) {
    const double d = kMark + 3 + far;
    const double up = at.y() - d - kLabelHeight, down = at.y() + d;
    if (far == 0) {
      boxes.push_back({at.x() + d, at.y() - kLabelHeight / 2, width, kLabelHeight});
      boxes.push_back({at.x() - d - width, at.y() - kLabelHeight / 2, width, kLabelHeight});
    }
    if (far > 0) boxes.push_back({at.x() + d, at.y() - kLabelHeight / 2, width, kLabelHeight});
    for (const double x : {at.x() - width / 2, at.x() + d * 0.6, at.x() - d * 0.6 - width}) {
      boxes.push_back({x, up, width, kLabelHeight});
      boxes.push_back({x, down, width, kLabelHeight});
    }
  }
  return boxes;
}

void placeLabels(const Plane& plane, const QFont& font, PlaneLayout& layout) {
  const QFontMetricsF metrics(font);
  std::vector<QRectF> taken;
  for (const auto& dot : layout.dots) {
    taken.emplace_back(dot.at.x() - kMark, dot.at.y() - kMark, 2 * kMark, 2 * kMark);
    if (dot.bars.width() > 1)
      taken.emplace_back(dot.bars.left(), dot.at.y() - 2, dot.bars.width(), 4);
    if (dot.bars.height() > 1)
      taken.emplace_back(dot.at.x() - 2, dot.bars.top(), 4, dot.bars.height());
  }
  // What is written at the head of places without an axis.
  for (const QRectF* place : {&layout.zero, &layout.always, &layout.missing}) {
    if (!place->isNull()) taken.emplace_back(place->left(), place->top(), place->width(), 16);
  }
  // Those on the front first: they are what the plane is about.
  std::vector<PlaneLayout::Dot*> order;
  for (auto& dot : layout.dots) order.push_back(&dot);
  std::stable_sort(order.begin(), order.end(), [&plane](const auto* a, const auto* b) {
    return plane.points[a->index].front > plane.points[b->index].front;
  });
  const auto place = [&](PlaneLayout::Dot& dot, const QString& text) {
    const double width = metrics.horizontalAdvance(text) + 4;
    for (const QRectF& box : candidates(dot.at, width)) {
      const bool free = std::none_of(taken.begin(), taken.end(), [&box](const QRectF& other) {
        return other.intersects(box.adjusted(-1, -1, 1, 1));
      });
      if (!free || !layout.plot.adjusted(2, -12, -2, 0).contains(box)) continue;
      dot.label = box;
      dot.leader = !box.adjusted(-kNear, -kNear, kNear, kNear).contains(dot.at);
      taken.push_back(box);
      return true;
    }
    return false;
  };
  int number = 0;
  for (auto* dot : order) {
    if (place(*dot, QString::fromStdString(plane.points[dot->index].name))) continue;
    dot->number = ++number;
    place(*dot, QString::number(number));
  }
}

// "1 lazy-percpu samecore   2 strict": in rows across `area`, of `most` height and a row for how many more there
// are; returns their height.
double placeList(const Plane& plane, const QRectF& area, double most, const QFont& font,
                 PlaneLayout& layout) {
  const QFontMetricsF metrics(font);
  layout.list.clear();
  for (const auto& dot : layout.dots) {
    if (dot.number > 0) layout.list.push_back({dot.index, dot.number, {}});
  }
  std::sort(layout.list.begin(), layout.list.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  double x = area.left() + kListEdge, y = area.top();
  for (auto& entry : layout.list) {
    const double width = metrics.horizontalAdvance(listText(plane, entry)) + 14;
    if (x > area.left() + kListEdge && x + width > area.right()) {
      x = area.left() + kListEdge;
      y += kLabelHeight;
    }
    if (y + kLabelHeight - area.top() > most) {
      ++layout.unlisted;
      continue;
    }
    entry.box = QRectF(x, y, std::min(width, area.right() - x), kLabelHeight);
    x += width;
  }
  if (layout.unlisted > 0) {
    layout.more = QRectF(area.left() + kListEdge, y, area.width() - kListEdge, kLabelHeight);
  }
  return layout.list.empty() ? 0 : y + kLabelHeight - area.top();
}

PlaneLayout layOutAbove(const Plane& plane, const QRectF& area, const QFont& font) {
  PlaneLayout layout;
  layout.plot = area.adjusted(kLeft, kTop, -kRight, -kBottom);
  if (layout.plot.width() < 2 * kPlace || layout.plot.height() < 40) return layout;
  const bool unknown = std::any_of(plane.points.begin(), plane.points.end(),
                                   [](const PlanePoint& point) { return !point.relative; });
  if (unknown) {
    layout.unknown =
        QRectF(layout.plot.left(), layout.plot.bottom() - kUnknown, layout.plot.width(), kUnknown);
  }
  layOutPlaces(plane, layout);
  scaleX(plane, layout);
  scaleY(plane, layout);
  layout.dots = placeDots(plane, layout);
  placeLabels(plane, font, layout);
  return layout;
}

}  // namespace

QString listText(const Plane& plane, const PlaneLayout::ListEntry& entry) {
  return QStringLiteral("%1 %2")
      .arg(entry.number)
      .arg(QString::fromStdString(plane.points[entry.index].name));
}

PlaneLayout layOutPlane(const Plane& plane, const QRectF& area, const QFont& font) {
  double below = 0;
  // With room for a list the plot is lower, and the list may become longer.
  for (int turn = 0; turn < 4; ++turn) {
    PlaneLayout layout = layOutAbove(plane, area.adjusted(0, 0, 0, -below), font);
    const QRectF room(area.left(), area.bottom() - below, area.width(), below);
    const double wanted = placeList(plane, room, area.height() * kMostList, font, layout);
    if (wanted <= below || turn == 3) return layout;
    below = wanted + kListGap;
  }
  return {};
}

}  // namespace violet::gui
