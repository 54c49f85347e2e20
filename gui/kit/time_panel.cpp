#include "gui/kit/time_panel.hpp"

#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "gui/kit/theme.hpp"

namespace violet::gui {

TimePanel::TimePanel(QWidget* parent) : QWidget(parent) {
  setMouseTracking(true);
  setFocusPolicy(Qt::ClickFocus);
  setMinimumSize(160, 72);
  setAttribute(Qt::WA_OpaquePaintEvent);
  connect(&Themes::instance(), &Themes::changed, this, qOverload<>(&QWidget::update));
}

void TimePanel::setWindow(TimeWindow window) {
  if (window == window_) return;
  window_ = window;
  if (told_) QToolTip::hideText();  // It was about what has moved away.
  told_ = false;
  update();
}

void TimePanel::setCursor(std::optional<Nanos> at) {
  if (at == cursor_) return;
  cursor_ = at;
  update();
}

void TimePanel::setSelectedTime(std::optional<TimeWindow> time) {
  if (time == selected_) return;
  selected_ = time;
  update();
}

QRectF TimePanel::plotRect() const {
  return QRectF(rect()).adjusted(Frame::kLeft, Frame::kTop, -Frame::kRight, -Frame::kBottom);
}

QString TimePanel::describe(const QPointF&) const { return {}; }
bool TimePanel::wheelOnY(double, const QPointF&) { return false; }
void TimePanel::panY(double) {}
void TimePanel::selectY(const QRectF&) {}

Nanos TimePanel::timeAt(double x) const {
  const QRectF plot = plotRect();
  const double share = (x - plot.left()) / std::max(1.0, plot.width());
  return window_.from + static_cast<Nanos>(std::llround(share * double(window_.length())));
}

void TimePanel::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  paint(painter, QRectF(rect()));
  if (drag_ == Drag::kSelect) paintDrag(painter);
}

// Corner by corner: operator& says that a box without height meets nothing.
QRectF TimePanel::dragBox(const QPointF& to) const {
  const QRectF plot = plotRect();
  const auto inside = [&plot](const QPointF& at) {
    return QPointF(std::clamp(at.x(), plot.left(), plot.right()),
                   std::clamp(at.y(), plot.top(), plot.bottom()));
  };
  return QRectF(inside(pressed_), inside(to)).normalized();
}

void TimePanel::paintDrag(QPainter& painter) const {
  QColor pale = theme().accent;
  pale.setAlphaF(0.2f);
  const QRectF plot = plotRect();
  QRectF box = dragBox(last_);
  if (box.height() < 8) box = QRectF(box.left(), plot.top(), box.width(), plot.height());
  painter.fillRect(box, pale);
  painter.setPen(theme().accent);
  painter.drawRect(box);
}

void TimePanel::wheelEvent(QWheelEvent* event) {
  const double steps = event->angleDelta().y() / 120.0;
  const double aside = event->angleDelta().x() / 120.0;
  event->accept();
  if (window_.length() <= 0) return;
  const double length = double(window_.length());
  if (steps == 0 || event->modifiers().testFlag(Qt::ShiftModifier)) {
    const auto by = static_cast<Nanos>(-(aside != 0 ? aside : steps) * 0.1 * length);
    emit windowWanted({window_.from + by, window_.to + by});
    return;
  }
  if (event->modifiers().testFlag(Qt::ControlModifier) && wheelOnY(steps, event->position()))
    return;
  const double factor = std::pow(0.8, steps);
  const QRectF plot = plotRect();
  const double anchor = std::clamp((event->position().x() - plot.left()) / plot.width(), 0.0, 1.0);
  const double at = double(window_.from) + anchor * length;
  const auto from = static_cast<Nanos>(std::floor(at - anchor * length * factor));
  emit windowWanted({from, from + static_cast<Nanos>(std::ceil(length * factor))});
}

void TimePanel::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton && event->button() != Qt::RightButton) return;
  setFocus(Qt::MouseFocusReason);
  const bool select =
      event->button() == Qt::RightButton || event->modifiers().testFlag(Qt::ShiftModifier);
  drag_ = select ? Drag::kSelect : Drag::kPan;
  pressed_ = last_ = event->position();
  pressed_window_ = window_;
  moved_ = false;
}

void TimePanel::dragTo(const QPointF& at) {
  if (!moved_ && (at - pressed_).manhattanLength() < 4) return;
  moved_ = true;
  if (drag_ == Drag::kPan) {
    const double per_pixel = double(pressed_window_.length()) / std::max(1.0, plotRect().width());
    const auto by = static_cast<Nanos>(std::llround((pressed_.x() - at.x()) * per_pixel));
    emit windowWanted({pressed_window_.from + by, pressed_window_.to + by});
    panY(at.y() - last_.y());
  }
  last_ = at;
  update();
}

void TimePanel::mouseMoveEvent(QMouseEvent* event) {
  if (drag_ != Drag::kNone) return dragTo(event->position());
  const bool inside = plotRect().adjusted(0, -2, 1, 2).contains(event->position());
  emit cursorWanted(inside ? std::optional(timeAt(event->position().x())) : std::nullopt);
  const QString says = inside ? describe(event->position()) : QString();
  told_ = !says.isEmpty();
  if (says.isEmpty())
    QToolTip::hideText();
  else
    QToolTip::showText(event->globalPosition().toPoint() + QPoint(12, 12), says, this);
}

void TimePanel::mouseReleaseEvent(QMouseEvent* event) {
  const Drag was = drag_;
  drag_ = Drag::kNone;
  if (was == Drag::kNone) return;
  update();
  if (!moved_) {
    if (was == Drag::kPan) emit clicked(event->position());
    return;
  }
  if (was != Drag::kSelect) return;
  const QRectF box = dragBox(event->position());
  if (box.width() < 2) return;
  selectY(box.height() < 8 ? QRectF() : box);
  emit timeSelected(TimeWindow{timeAt(box.left()), timeAt(box.right())});
}

void TimePanel::mouseDoubleClickEvent(QMouseEvent*) { emit fitWanted(); }

void TimePanel::leaveEvent(QEvent*) { emit cursorWanted(std::nullopt); }

}  // namespace violet::gui
