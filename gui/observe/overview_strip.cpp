#include "gui/observe/overview_strip.hpp"

#include <QMouseEvent>
#include <QPainter>
#include <algorithm>
#include <cmath>

#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {

namespace {
constexpr double kGrip = 5;

double highest_of(const std::vector<Column>& columns, float Column::*what) {
  double most = 0;
  for (const Column& column : columns) {
    if (column.known()) most = std::max(most, double(column.*what));
  }
  return most;
}
}  // namespace

OverviewStrip::OverviewStrip(Session* session, QWidget* parent)
    : QWidget(parent), session_(session), query_([this](Overview answer) {
        answer_ = std::move(answer);
        update();
      }) {
  setObjectName(QStringLiteral("overview"));
  setAccessibleName(tr("Overview of the whole run"));
  setFixedHeight(76);
  setMouseTracking(true);
  connect(session, &Session::cellChanged, this, [this] {
    answer_ = {};
    query_.cancel();
    ask();
    update();
  });
  connect(session, &Session::grew, this, &OverviewStrip::ask);
  for (const auto signal :
       {&Session::windowChanged, &Session::cursorChanged, &Session::selectionChanged}) {
    connect(session, signal, this, qOverload<>(&QWidget::update));
  }
  connect(&Themes::instance(), &Themes::changed, this, qOverload<>(&QWidget::update));
}

TimeWindow OverviewStrip::whole() const {
  const auto cell = session_->cell();
  TimeWindow window = cell ? cell->info().whole : TimeWindow{};
  window.to = std::max(window.to, window.from + Session::kShortestWindow);
  return window;
}

void OverviewStrip::ask() {
  const auto cell = session_->cell();
  if (!cell || !isVisible()) return;
  const auto columns = static_cast<std::uint32_t>(std::max(1.0, plot().width()));
  query_.ask([cell, window = whole(), columns] { return cell->overview(window, columns); });
}

QRectF OverviewStrip::plot() const {
  return QRectF(rect()).adjusted(Frame::kLeft, Frame::kTop, -Frame::kRight, -Frame::kBottom);
}

Nanos OverviewStrip::timeAt(double x) const {
  const double share = (x - plot().left()) / std::max(1.0, plot().width());
  return whole().from + static_cast<Nanos>(std::llround(share * double(whole().length())));
}

Frame OverviewStrip::frameOf(const QRectF& area) const {
  const auto trace = session_->cell();
  const QString sampled =
      trace && trace->info().calls_sampled ? tr(", of mappings that stay a sample") : QString();
  FrameText text;
  text.title = tr("Whole run: map and unmap calls (per second)") + sampled;
  text.unit = Unit::kPerSecond;
  if (trace && trace->info().kept_events < trace->info().events) {
    text.legend.push_back({tr("all single events until %1").arg(timeText(trace->info().kept_until)),
                           theme().text, LegendEntry::Mark::kTick});
  }
  text.legend.insert(text.legend.end(),
                     {{tr("calls"), theme().map, LegendEntry::Mark::kLine},
                      {tr("stale pages, own scale"), theme().stale, LegendEntry::Mark::kBox}});
  const double top = axis_top(highest_of(answer_.operations_per_s, &Column::mean), 1);
  return time_frame(area, std::move(text), whole(), Scale{0, top, 0, 0, false});
}

QRectF OverviewStrip::brush() const {
  const Frame frame = frameOf(QRectF(rect()));
  const TimeWindow window = session_->window();
  const double left = frame.x.pixel(double(window.from)), right = frame.x.pixel(double(window.to));
  return QRectF(left, frame.plot.top(), std::max(2.0, right - left), frame.plot.height());
}

void OverviewStrip::paint(QPainter& painter, const QRectF& area) {
  const Frame frame = frameOf(area);
  draw_frame(painter, frame);
  if (!session_->cell()) return;
  paintStale(painter, frame);
  draw_columns(painter, frame, answer_.window, answer_.operations_per_s, theme().map,
               {.spread = false});
  paintKept(painter, frame);
  paintOutside(painter, frame);
  draw_axes(painter, frame);
  if (session_->selectedTime()) draw_selected_time(painter, frame, *session_->selectedTime());
  if (session_->cursor()) draw_cursor(painter, frame, *session_->cursor());
}

// Where the events end that were kept one by one: from there on there is the summary. In words it says so in
// the legend, where it hides nothing.
void OverviewStrip::paintKept(QPainter& painter, const Frame& frame) const {
  const CellInfo info = session_->cell()->info();
  if (info.kept_events >= info.events) return;
  const double x = frame.x.pixel(double(info.kept_until));
  if (x <= frame.plot.left() || x >= frame.plot.right()) return;
  painter.save();
  painter.setPen(QPen(theme().text, 1, Qt::DotLine));
  painter.drawLine(QPointF(x, frame.plot.top()), QPointF(x, frame.plot.bottom()));
  painter.restore();
}

// From the bottom, over half of the height, to a scale of its own: where it was, not how much.
void OverviewStrip::paintStale(QPainter& painter, const Frame& frame) const {
  const double most = highest_of(answer_.stale_pages, &Column::high);
  if (most <= 0 || answer_.window.length() <= 0) return;
  QColor colour = theme().stale;
  colour.setAlphaF(0.75f);
  const double step = double(answer_.window.length()) / double(answer_.stale_pages.size());
  for (std::size_t i = 0; i < answer_.stale_pages.size(); ++i) {
    const Column& column = answer_.stale_pages[i];
    if (!column.known() || column.high <= 0) continue;
    const double left = frame.x.pixel(double(answer_.window.from) + double(i) * step);
    const double right = frame.x.pixel(double(answer_.window.from) + double(i + 1) * step);
    const double height = std::max(1.0, double(column.high) / most * frame.plot.height() / 2);
    painter.fillRect(QRectF(left, frame.plot.bottom() - height, right - left, height), colour);
  }
}

void OverviewStrip::paintOutside(QPainter& painter, const Frame& frame) const {
  const TimeWindow window = session_->window();
  const double left =
      std::clamp(frame.x.pixel(double(window.from)), frame.plot.left(), frame.plot.right());
  const double right = std::clamp(frame.x.pixel(double(window.to)), left, frame.plot.right());
  QColor veil = theme().panel;
  veil.setAlphaF(0.62f);
  const QRectF plot = frame.plot;
  painter.fillRect(QRectF(plot.left(), plot.top(), left - plot.left(), plot.height()), veil);
  painter.fillRect(QRectF(right, plot.top(), plot.right() - right, plot.height()), veil);
  painter.setPen(QPen(theme().accent, 1));
  painter.drawRect(
      QRectF(left, plot.top() + 0.5, std::max(2.0, right - left) - 1, plot.height() - 1));
  painter.setBrush(Qt::NoBrush);
  for (const double x : {left, right - 3}) {
    painter.fillRect(QRectF(x, plot.center().y() - 6, 3, 12), theme().accent);
  }
}

void OverviewStrip::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  paint(painter, QRectF(rect()));
}
void OverviewStrip::resizeEvent(QResizeEvent*) { ask(); }
void OverviewStrip::showEvent(QShowEvent*) { ask(); }

OverviewStrip::Grip OverviewStrip::gripAt(double x) const {
  const QRectF now = brush();
  if (std::abs(x - now.left()) <= kGrip) return Grip::kLeft;
  if (std::abs(x - now.right()) <= kGrip) return Grip::kRight;
  return x > now.left() && x < now.right() ? Grip::kMove : Grip::kNew;
}

void OverviewStrip::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton || !session_->cell()) return;
  pressed_ = event->position().x();
  pressed_window_ = session_->window();
  grip_ = gripAt(pressed_);
  // A brush over everything cannot be moved: a drag draws a new one.
  if (grip_ == Grip::kMove && pressed_window_ == whole()) grip_ = Grip::kNew;
}

void OverviewStrip::mouseMoveEvent(QMouseEvent* event) {
  const double x = event->position().x();
  if (grip_ == Grip::kNone) {
    const Grip over = gripAt(x);
    setCursor(over == Grip::kLeft || over == Grip::kRight ? Qt::SizeHorCursor
              : over == Grip::kMove                       ? Qt::OpenHandCursor
                                                          : Qt::CrossCursor);
    return;
  }
  session_->setFollowing(false);
  const Nanos by = timeAt(x) - timeAt(pressed_);
  const TimeWindow was = pressed_window_;
  switch (grip_) {
    case Grip::kMove:
      return session_->setWindow({was.from + by, was.to + by});
    case Grip::kLeft:
      return session_->setWindow({std::min(was.from + by, was.to - 1), was.to});
    case Grip::kRight:
      return session_->setWindow({was.from, std::max(was.to + by, was.from + 1)});
    case Grip::kNew:
      if (std::abs(x - pressed_) < 3) return;
      return session_->setWindow({timeAt(std::min(x, pressed_)), timeAt(std::max(x, pressed_))});
    case Grip::kNone:
      return;
  }
}

void OverviewStrip::mouseReleaseEvent(QMouseEvent* event) {
  const Grip was = grip_;
  grip_ = Grip::kNone;
  if (was != Grip::kNew || std::abs(event->position().x() - pressed_) >= 3) return;
  const Nanos half = session_->window().length() / 2, at = timeAt(pressed_);
  session_->setFollowing(false);
  session_->setWindow({at - half, at + half});
}

void OverviewStrip::wheelEvent(QWheelEvent* event) {
  session_->zoom(std::pow(0.8, event->angleDelta().y() / 120.0));
  event->accept();
}

}  // namespace violet::gui
