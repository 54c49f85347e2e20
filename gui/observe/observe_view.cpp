#include "gui/observe/observe_view.hpp"

#include <QPainter>
#include <algorithm>

#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {

ObserveView::ObserveView(Session* session, const QString& name, QWidget* parent)
    : TimePanel(parent), session_(session) {
  setAccessibleName(name);
  setObjectName(name);
  connect(this, &TimePanel::windowWanted, session_, [this](TimeWindow wanted) {
    session_->setFollowing(session_->following() && wanted.to >= window().to);
    session_->setWindow(wanted);
  });
  connect(this, &TimePanel::cursorWanted, session_, &Session::setCursor);
  connect(this, &TimePanel::fitWanted, session_, &Session::fit);
  connect(this, &TimePanel::timeSelected, session_,
          [this](std::optional<TimeWindow> time) { session_->select(time, session_->filter()); });
  connect(session_, &Session::windowChanged, this, [this] {
    setWindow(session_->window());
    refresh();
  });
  connect(session_, &Session::cursorChanged, this, [this] { setCursor(session_->cursor()); });
  connect(session_, &Session::selectionChanged, this, [this] {
    setSelectedTime(session_->selectedTime());
    refresh();
  });
  connect(session_, &Session::cellChanged, this, [this] {
    dropAnswer();
    setWindow(session_->window());
    refresh();
    update();
  });
  connect(session_, &Session::grew, this, &ObserveView::refresh);
  connect(&Themes::instance(), &Themes::changed, this, &ObserveView::refresh);
  setWindow(session_->window());
}

std::uint32_t ObserveView::columns() const {
  return static_cast<std::uint32_t>(std::max(1.0, plotRect().width() * density()));
}

double ObserveView::density() const { return std::max(density_, devicePixelRatioF()); }

QString ObserveView::stepsNote(const Resolution& resolution) const {
  if (!session_->cell()) return {};
  return resolutionNote(resolution, window(), double(window().length()) / columns());
}

QString ObserveView::coarseNote(const Resolution& resolution) const {
  const auto trace = session_->cell();
  if (!trace) return {};
  const QString note = stepsNote(resolution);
  const CellInfo info = trace->info();
  const bool behind = info.kept_events < info.events && window().to > info.kept_until;
  if (note.isEmpty() || !behind) return note;
  return note + tr(": of all lcores single events go until %1").arg(timeText(info.kept_until));
}

QString ObserveView::sampledNote() const {
  const auto trace = session_->cell();
  if (!trace || !trace->info().calls_sampled) return {};
  return tr(", of mappings that stay a sample");
}

void ObserveView::paintGaps(QPainter& painter, const Frame& frame, TimeWindow drawn,
                            const std::vector<bool>& gap) {
  const double left = frame.x.pixel(double(drawn.from)), right = frame.x.pixel(double(drawn.to));
  const double step = (right - left) / std::max<double>(1, double(gap.size()));
  for (std::size_t i = 0; i < gap.size(); ++i) {
    const double from = left + double(i) * step;
    if (gap[i]) draw_gap(painter, QRectF(from, frame.plot.top(), step, frame.plot.height()));
  }
}

std::size_t ObserveView::columnAt(TimeWindow drawn, std::size_t count, Nanos at) {
  const double share = double(at - drawn.from) / std::max(1.0, double(drawn.length()));
  return static_cast<std::size_t>(std::clamp(share * double(count), 0.0, double(count) - 1));
}

ObserveView::Ask ObserveView::present() const {
  const auto trace = session_->cell();
  if (!trace) return {};
  return {trace.get(),
          trace->version(),
          session_->window(),
          session_->selectedTime(),
          session_->filter(),
          size(),
          density(),
          theme().dark,
          extra()};
}

// What was asked has been forgotten, of whichever cell it was.
void ObserveView::dropAnswer() {
  has_answer_ = false;
  forget();
  asked_ = {};
  emit waits();
}

void ObserveView::refresh() {
  if (!session_->cell()) return;
  const Ask now = present();
  if (!isVisible()) {
    if (has_answer_ && now != asked_) dropAnswer();
    return;
  }
  if (now == asked_) return;
  asked_ = now;
  ask();
  if (!has_answer_) emit waits();
}

void ObserveView::resizeEvent(QResizeEvent* event) {
  TimePanel::resizeEvent(event);
  refresh();
}

void ObserveView::showEvent(QShowEvent* event) {
  TimePanel::showEvent(event);
  refresh();
}

void ObserveView::beginFrame(QPainter& painter, const Frame& frame) const {
  draw_frame(painter, frame);
  painter.save();
  painter.setClipRect(frame.plot);
}

void ObserveView::endFrame(QPainter& painter, const Frame& frame) const {
  painter.restore();
  if (selectedTime()) draw_selected_time(painter, frame, *selectedTime());
  draw_axes(painter, frame);
  if (cursor()) draw_cursor(painter, frame, *cursor());
}

}  // namespace violet::gui
