#include "gui/compare/plane_view.hpp"

#include <QFontMetricsF>
#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>
#include <QToolTip>
#include <algorithm>
#include <utility>

#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {
namespace {

constexpr double kReach = 10;  // Of the mouse, around a point.

QFont labelFont() { return text_font(9); }

// Circle, square, triangle, diamond, cross: apart without colour.
QPainterPath shapePath(std::size_t shape, const QPointF& at, double r) {
  QPainterPath path;
  switch (shape % 5) {
    case 0:
      path.addEllipse(at, r, r);
      break;
    case 1:
      path.addRect(at.x() - r * 0.9, at.y() - r * 0.9, r * 1.8, r * 1.8);
      break;
    case 2:
      path.addPolygon(QPolygonF({at + QPointF(0, -r * 1.15), at + QPointF(r * 1.1, r * 0.85),
                                 at + QPointF(-r * 1.1, r * 0.85), at + QPointF(0, -r * 1.15)}));
      break;
    case 3:
      path.addPolygon(
          QPolygonF({at + QPointF(0, -r * 1.3), at + QPointF(r * 1.3, 0), at + QPointF(0, r * 1.3),
                     at + QPointF(-r * 1.3, 0), at + QPointF(0, -r * 1.3)}));
      break;
    default:
      path.addRect(at.x() - r * 1.2, at.y() - r * 0.4, r * 2.4, r * 0.8);
      path.addRect(at.x() - r * 0.4, at.y() - r * 1.2, r * 0.8, r * 2.4);
      path.setFillRule(Qt::WindingFill);
      break;
  }
  return path;
}

// `enough`: repetitions that an interval takes.
QString intervalText(const results::Estimate& estimate, std::size_t enough) {
  if (!estimate.interval) {
    return estimate.samples < enough ? QStringLiteral("no interval: too few repetitions")
                                     : QStringLiteral("no interval: a repetition did nothing");
  }
  return QStringLiteral("95 % %1 to %2")
      .arg(countText(estimate.interval->low), countText(estimate.interval->high));
}

}  // namespace

PlaneView::PlaneView(QWidget* parent) : QWidget(parent) {
  setMouseTracking(true);
  setAccessibleName(tr("Protection against performance"));
  connect(&Themes::instance(), &Themes::changed, this, qOverload<>(&QWidget::update));
}

void PlaneView::setPlane(Plane plane) {
  plane_ = std::move(plane);
  if (std::exchange(told_, false)) QToolTip::hideText();  // It was about another plane.
  update();
}

QString PlaneView::injectedText() const {
  std::optional<double> least, most;
  for (const PlanePoint& point : plane_.points) {
    if (!point.injected_percent) return gui::injectedText(std::nullopt);
    least = std::min(least.value_or(*point.injected_percent), *point.injected_percent);
    most = std::max(most.value_or(*point.injected_percent), *point.injected_percent);
  }
  if (least == most) return gui::injectedText(most);
  return tr("%1 to %2 of the time").arg(gui::injectedText(least), gui::injectedText(most));
}

void PlaneView::setCurrent(const std::string& cell_id) {
  current_ = cell_id;
  update();
}

std::size_t PlaneView::shapeOf(const PlanePoint& point) const {
  const auto found = std::find(plane_.placements.begin(), plane_.placements.end(), point.placement);
  return static_cast<std::size_t>(found - plane_.placements.begin());
}

void PlaneView::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  paint(painter, QRectF(rect()));
}

void PlaneView::paint(QPainter& painter, const QRectF& area) const {
  painter.save();
  painter.fillRect(area, theme().panel);
  painter.setRenderHint(QPainter::Antialiasing);
  const PlaneLayout layout = layOutPlane(plane_, area, labelFont());
  if (layout.x_ticks.empty()) {
    painter.restore();
    return;
  }
  paintPlaces(painter, layout);
  paintUnknown(painter, layout);
  paintAxes(painter, layout, area);
  paintFront(painter, layout);
  for (const auto& dot : layout.dots) paintDot(painter, layout, dot);
  painter.setFont(labelFont());
  painter.setPen(theme().text);
  for (const auto& entry : layout.list) {
    painter.drawText(entry.box, Qt::AlignLeft | Qt::AlignVCenter,
                     QFontMetricsF(painter.font())
                         .elidedText(listText(plane_, entry), Qt::ElideRight, entry.box.width()));
  }
  if (layout.unlisted > 0) {
    painter.drawText(layout.more, Qt::AlignLeft | Qt::AlignVCenter,
                     tr("and %1 more: point at them").arg(layout.unlisted));
  }
  painter.restore();
}

void PlaneView::paintPlaces(QPainter& painter, const PlaneLayout& layout) const {
  painter.setFont(text_font(8));
  const struct {
    const QRectF* place;
    QString text;
  } places[] = {{&layout.zero, tr("none")},
                {&layout.always, tr("always\nreachable")},
                {&layout.missing, tr("not\navailable")}};
  for (const auto& one : places) {
    if (one.place->isNull()) continue;
    painter.fillRect(one.place->adjusted(1, 0, -1, 0), theme().raised);
    painter.setPen(theme().muted);
    painter.drawText(QRectF(one.place->left(), one.place->bottom() + 4, one.place->width(), 28),
                     Qt::AlignHCenter | Qt::AlignTop, one.text);
    // Its points are side by side, and that is all.
    painter.drawText(QRectF(one.place->left(), one.place->top() + 2, one.place->width(), 14),
                     Qt::AlignHCenter | Qt::AlignTop, tr("no x scale"));
  }
}

// Below the axis: no throughput is another thing than none.
void PlaneView::paintUnknown(QPainter& painter, const PlaneLayout& layout) const {
  if (layout.unknown.isNull()) return;
  painter.fillRect(layout.unknown, theme().raised);
  painter.setPen(theme().rule);
  painter.drawLine(layout.unknown.topLeft(), layout.unknown.topRight());
  painter.setFont(text_font(8));
  painter.setPen(theme().muted);
  painter.drawText(
      QRectF(layout.unknown.left() - 50, layout.unknown.top(), 46, layout.unknown.height()),
      Qt::AlignRight | Qt::AlignVCenter, tr("not\nknown"));
}

void PlaneView::paintAxes(QPainter& painter, const PlaneLayout& layout, const QRectF& area) const {
  painter.setFont(text_font(10, true));
  painter.setPen(theme().text);
  painter.drawText(QRectF(area.left() + 8, area.top() + 6, area.width() - 16, 18),
                   Qt::AlignLeft | Qt::AlignVCenter, tr("Protection against performance"));
  paintShapes(painter, QRectF(area.left() + 8, area.top() + 26, area.width() - 16, 18));
  painter.setFont(number_font(8));
  painter.setRenderHint(QPainter::Antialiasing, false);
  for (const Tick& tick : layout.y_ticks) {
    const double y = layout.y.pixel(tick.at);
    painter.setPen(theme().grid);
    painter.drawLine(QPointF(layout.plot.left(), y), QPointF(layout.plot.right(), y));
    painter.setPen(theme().muted);
    painter.drawText(QRectF(area.left() + 20, y - 8, layout.plot.left() - area.left() - 26, 16),
                     Qt::AlignRight | Qt::AlignVCenter, tick.label);
  }
  for (const Tick& tick : layout.x_ticks) {
    const double x = layout.x.pixel(tick.at);
    painter.setPen(theme().grid);
    painter.drawLine(QPointF(x, layout.plot.top()), QPointF(x, layout.plot.bottom()));
    painter.setPen(theme().muted);
    painter.drawText(QRectF(x - 30, layout.plot.bottom() + 4, 60, 14),
                     Qt::AlignHCenter | Qt::AlignTop, tick.label);
  }
  painter.setPen(theme().rule);
  painter.drawRect(layout.plot);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setFont(text_font(9));
  painter.setPen(theme().text);
  const QRectF below(layout.plot.left(), layout.plot.bottom() + 34, layout.plot.width(), 18);
  QString x_title = tr("← safer · mean stale pages: unmapped, still reachable (log)");
  if (QFontMetricsF(painter.font()).horizontalAdvance(x_title) > below.width()) {
    x_title = tr("← safer · mean stale pages (log)");
  }
  painter.drawText(below, Qt::AlignHCenter | Qt::AlignVCenter, x_title);
  painter.save();
  painter.translate(area.left() + 14, layout.plot.center().y());
  painter.rotate(-90);
  const QString reference = QString::fromStdString(plane_.reference);
  const QString what =
      plane_.reference_is_off
          ? tr("throughput relative to %1").arg(reference)
          : tr("throughput relative to %1, whose median is the highest").arg(reference);
  const QString y_title =
      (layout.y.log ? tr("%1 (log) · faster →") : tr("%1 · faster →")).arg(what);
  const double room = layout.plot.height();  // Above and below it there are other words.
  const QFontMetricsF metrics(painter.font());
  const QString brief = (layout.y.log ? tr("%1 (log) · faster →") : tr("%1 · faster →"))
                            .arg(plane_.reference_is_off ? tr("relative to off")
                                                         : tr("relative to the highest median"));
  const bool fits = metrics.horizontalAdvance(y_title) <= room;
  painter.drawText(QRectF(-room / 2, -9, room, 18), Qt::AlignCenter,
                   metrics.elidedText(fits ? y_title : brief, Qt::ElideRight, room));
  painter.restore();
}

// Which shape is which placement, and what the line means.
void PlaneView::paintShapes(QPainter& painter, const QRectF& row) const {
  painter.setFont(text_font(9));
  const QFontMetricsF metrics(painter.font());
  double x = row.left();
  const auto entry = [&](const QString& text, auto&& mark) {
    const double width = metrics.horizontalAdvance(text) + 30;
    if (x + width > row.right()) return;
    mark(QPointF(x + 8, row.center().y()));
    painter.setPen(theme().muted);
    painter.drawText(QRectF(x + 20, row.top(), width, row.height()), Qt::AlignVCenter, text);
    x += width + 4;
  };
  for (std::size_t i = 0; i < plane_.placements.size(); ++i) {
    if (plane_.placements[i].empty()) continue;
    entry(QString::fromStdString(plane_.placements[i]), [&](const QPointF& at) {
      painter.setPen(QPen(theme().text, 1.2));
      painter.setBrush(Qt::NoBrush);
      painter.drawPath(shapePath(i, at, 5));
    });
  }
  entry(tr("Pareto front"), [&](const QPointF& at) {
    painter.setPen(QPen(theme().accent, 1.5, Qt::DashLine));
    painter.drawLine(at - QPointF(8, 0), at + QPointF(8, 0));
  });
}

// A staircase: above and left of it there is nothing in this run.
void PlaneView::paintFront(QPainter& painter, const PlaneLayout& layout) const {
  std::vector<QPointF> corners;
  for (const auto& dot : layout.dots) {
    if (plane_.points[dot.index].front) corners.push_back(dot.at);
  }
  if (corners.empty()) return;
  std::sort(corners.begin(), corners.end(),
            [](const QPointF& a, const QPointF& b) { return a.x() < b.x(); });
  QPainterPath path(corners.front());
  for (std::size_t i = 1; i < corners.size(); ++i) {
    path.lineTo(corners[i].x(), corners[i - 1].y());
    path.lineTo(corners[i]);
  }
  path.lineTo(layout.stale.right(), corners.back().y());
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(theme().accent, 1.5, Qt::DashLine));
  painter.drawPath(path);
}

void PlaneView::paintDot(QPainter& painter, const PlaneLayout&, const PlaneLayout::Dot& dot) const {
  const PlanePoint& point = plane_.points[dot.index];
  const QColor colour = theme().of_strategy(QString::fromStdString(point.strategy));
  painter.setPen(QPen(colour, 1.4));
  painter.setBrush(Qt::NoBrush);
  if (dot.bars.height() > 1) {
    painter.drawLine(QPointF(dot.at.x(), dot.bars.top()), QPointF(dot.at.x(), dot.bars.bottom()));
  }
  if (dot.bars.width() > 1) {
    painter.drawLine(QPointF(dot.bars.left(), dot.at.y()), QPointF(dot.bars.right(), dot.at.y()));
  }
  if (current_ == point.cell_id) {
    painter.setPen(QPen(theme().accent, 2));
    painter.drawEllipse(dot.at, 10, 10);
  }
  const bool missing = point.place == PlanePoint::Place::kMissing || !point.relative;
  painter.setPen(QPen(missing ? colour : theme().panel, missing ? 1.6 : 1));
  painter.setBrush(missing ? QBrush(theme().panel) : QBrush(colour));
  painter.drawPath(shapePath(shapeOf(point), dot.at, 5.5));
  if (dot.label.isNull()) return;
  if (dot.leader) {
    painter.setPen(QPen(theme().muted, 0.8));
    const QPointF to(std::clamp(dot.at.x(), dot.label.left(), dot.label.right()),
                     std::clamp(dot.at.y(), dot.label.top(), dot.label.bottom()));
    painter.drawLine(to, dot.at);
  }
  QColor behind = theme().panel;  // Lines that pass under a label step back.
  behind.setAlphaF(0.75f);
  painter.fillRect(dot.label, behind);
  painter.setFont(labelFont());
  painter.setPen(theme().text);
  painter.drawText(
      dot.label, Qt::AlignCenter,
      dot.number > 0 ? QString::number(dot.number) : QString::fromStdString(point.name));
}

// ---- the mouse

int PlaneView::pointAt(const QPointF& at) const {
  const PlaneLayout layout = layOutPlane(plane_, QRectF(rect()), labelFont());
  for (const auto& entry : layout.list) {
    if (entry.box.contains(at)) return static_cast<int>(entry.index);
  }
  int nearest = -1;
  double best = kReach;
  for (const auto& dot : layout.dots) {
    const QPointF away = dot.at - at;
    const double distance = std::hypot(away.x(), away.y());
    if (dot.label.contains(at)) return static_cast<int>(dot.index);
    if (distance > best) continue;
    best = distance;
    nearest = static_cast<int>(dot.index);
  }
  return nearest;
}

QString PlaneView::describe(int index) const {
  if (index < 0) return {};
  const PlanePoint& point = plane_.points[static_cast<std::size_t>(index)];
  QStringList lines{QString::fromStdString(point.name)};
  switch (point.place) {
    case PlanePoint::Place::kZero:
      lines << tr("no stale page at any time");
      break;
    case PlanePoint::Place::kStale:
      lines << tr("stale pages: %1 on average (%2)")
                   .arg(countText(point.stale.value),
                        intervalText(point.stale, plane_.enough_for_interval));
      break;
    case PlanePoint::Place::kAlways:
      lines << tr("unmapping ends nothing: the guest's pages stay reachable");
      break;
    case PlanePoint::Place::kMissing:
      lines << tr("exposure not available, because %1").arg(QString::fromStdString(point.because));
      break;
  }
  if (point.relative) {
    lines << tr("%1 times the throughput of %2 (%3)")
                 .arg(countText(point.relative->value), QString::fromStdString(plane_.reference),
                      intervalText(*point.relative, results::kFewestForInterval));
  } else {
    lines << tr("throughput not available, because %1").arg(QString::fromStdString(point.because));
  }
  lines << tr("injected: %1 of the measured time").arg(gui::injectedText(point.injected_percent));
  if (point.front) lines << tr("on the Pareto front");
  lines << tr("click to open it in Observe");
  return lines.join(QLatin1Char('\n'));
}

void PlaneView::mouseMoveEvent(QMouseEvent* event) {
  const int point = pointAt(event->position());
  setCursor(point >= 0 ? Qt::PointingHandCursor : Qt::ArrowCursor);
  told_ = point >= 0;
  if (point < 0) return QToolTip::hideText();
  QToolTip::showText(event->globalPosition().toPoint() + QPoint(12, 12), describe(point), this);
}

void PlaneView::mousePressEvent(QMouseEvent* event) {
  const int point = pointAt(event->position());
  if (point < 0) return;
  emit cellPicked(QString::fromStdString(plane_.points[static_cast<std::size_t>(point)].cell_id));
}

}  // namespace violet::gui
