#include "gui/kit/frame.hpp"

#include <QBrush>
#include <QFontMetricsF>
#include <QPainter>
#include <QPainterPath>
#include <algorithm>
#include <cmath>

#include "gui/kit/theme.hpp"

namespace violet::gui {

namespace {

constexpr double kTickSpacingX = 92, kTickSpacingY = 26;

Frame basic_frame(const QRectF& area, FrameText text, Scale y, bool x_labels, double left) {
  Frame frame;
  frame.text = std::move(text);
  frame.area = area;
  const double bottom = x_labels ? Frame::kBottom : 6;
  frame.plot = area.adjusted(left, Frame::kTop, -Frame::kRight, -bottom);
  frame.plot.setWidth(std::max(1.0, frame.plot.width()));
  frame.plot.setHeight(std::max(1.0, frame.plot.height()));
  frame.y = y;
  frame.y.from_px = frame.plot.bottom();
  frame.y.to_px = frame.plot.top();
  frame.y_ticks = ticks_of(frame.y, frame.text.unit, kTickSpacingY);
  return frame;
}

QPen thin(const QColor& colour) {
  QPen pen(colour);
  pen.setWidthF(1);
  return pen;
}

double crisp(double at) { return std::floor(at) + 0.5; }

void draw_legend_mark(QPainter& painter, const QRectF& box, const LegendEntry& entry) {
  using Mark = LegendEntry::Mark;
  QPen pen(entry.colour, 2);
  if (entry.mark == Mark::kDashed) pen.setDashPattern({2, 1.5});
  if (entry.mark == Mark::kDotted) pen.setDashPattern({0.8, 1.2});
  painter.setPen(pen);
  painter.setBrush(Qt::NoBrush);
  const QRectF square(box.left() + 1, box.center().y() - 4, 9, 9);
  switch (entry.mark) {
    case Mark::kLine:
    case Mark::kDashed:
    case Mark::kDotted:
      painter.drawLine(QPointF(box.left(), box.center().y()),
                       QPointF(box.right(), box.center().y()));
      break;
    case Mark::kBox:
      painter.fillRect(square, entry.colour);
      break;
    case Mark::kHatch:
      painter.fillRect(square, hatch(entry.colour));
      painter.setPen(thin(entry.colour));
      painter.drawRect(square);
      break;
    case Mark::kOutline:
      painter.setPen(thin(entry.colour));
      painter.drawRect(square);
      break;
    case Mark::kDot:
      painter.setPen(Qt::NoPen);
      painter.setBrush(entry.colour);
      painter.drawEllipse(box.center(), 3.5, 3.5);
      break;
    case Mark::kTick:
      painter.setPen(QPen(entry.colour, 1));
      painter.drawLine(QPointF(box.center().x(), box.center().y() - 4),
                       QPointF(box.center().x(), box.center().y() + 4));
      break;
  }
}

}  // namespace

Frame time_frame(const QRectF& area, FrameText text, TimeWindow window, Scale y, bool x_labels) {
  Frame frame = basic_frame(area, std::move(text), y, x_labels, Frame::kLeft);
  frame.x = {static_cast<double>(window.from), static_cast<double>(window.to), frame.plot.left(),
             frame.plot.right()};
  TimeTicks ticks = time_ticks(window, frame.plot.width(), kTickSpacingX);
  frame.x_ticks = std::move(ticks.ticks);
  frame.x_base = std::move(ticks.base);
  if (!x_labels) {
    for (Tick& tick : frame.x_ticks) tick.label.clear();
    frame.x_base.clear();
  }
  return frame;
}

Frame value_frame(const QRectF& area, FrameText text, Scale x, Unit x_unit, Scale y, double left) {
  Frame frame = basic_frame(area, std::move(text), y, true, left);
  frame.x = x;
  frame.x.from_px = frame.plot.left();
  frame.x.to_px = frame.plot.right();
  frame.x_ticks = ticks_of(frame.x, x_unit, 64);
  return frame;
}

QBrush hatch(const QColor& colour) {
  QBrush brush(colour, Qt::BDiagPattern);
  return brush;
}

double draw_legend(QPainter& painter, const QRectF& row, const std::vector<LegendEntry>& entries) {
  painter.save();
  painter.setFont(text_font(8));
  painter.setRenderHint(QPainter::Antialiasing);
  const QFontMetricsF metrics(painter.font());
  constexpr double kMark = 14, kGap = 5, kBetween = 14;
  double needed = 0;
  std::size_t fit = 0;
  for (const LegendEntry& entry : entries) {
    const double width = kMark + kGap + metrics.horizontalAdvance(entry.text) + kBetween;
    if (needed + width > row.width()) break;
    needed += width;
    ++fit;
  }
  double at = row.right() - needed + kBetween;
  const double left = fit == 0 ? row.right() : at;
  for (std::size_t i = 0; i < fit; ++i) {
    draw_legend_mark(painter, QRectF(at, row.top(), kMark, row.height()), entries[i]);
    at += kMark + kGap;
    const double width = metrics.horizontalAdvance(entries[i].text);
    painter.setPen(theme().muted);
    painter.drawText(QRectF(at, row.top(), width + 2, row.height()),
                     Qt::AlignLeft | Qt::AlignVCenter, entries[i].text);
    at += width + kBetween;
  }
  painter.restore();
  return left;
}

void draw_title(QPainter& painter, const Frame& frame) {
  painter.save();
  const QRectF row(frame.area.left() + 8, frame.area.top(), frame.area.width() - 8 - Frame::kRight,
                   Frame::kTop);
  painter.setFont(text_font(9, true));
  const QFontMetricsF metrics(painter.font());
  const double wanted = metrics.horizontalAdvance(frame.text.title) + 16;
  const double title_width = std::min(wanted, row.width());
  painter.setPen(theme().text);
  painter.drawText(QRectF(row.left(), row.top(), title_width, row.height()),
                   Qt::AlignLeft | Qt::AlignVCenter,
                   metrics.elidedText(frame.text.title, Qt::ElideRight, title_width));
  draw_legend(painter, row.adjusted(title_width + 8, 0, 0, 0), frame.text.legend);
  painter.restore();
}

namespace {

void draw_y_labels(QPainter& painter, const Frame& frame) {
  const QFontMetricsF metrics(painter.font());
  for (const Tick& tick : frame.y_ticks) {
    const double y = crisp(frame.y.pixel(tick.at));
    painter.setPen(thin(theme().grid));
    painter.drawLine(QPointF(frame.plot.left(), y), QPointF(frame.plot.right(), y));
    if (tick.label.isEmpty()) continue;
    // A label at the edge moves inside instead of being cut.
    const double centre =
        std::clamp(y, frame.area.top() + Frame::kTop + 2, frame.area.bottom() - 6);
    painter.setPen(theme().muted);
    painter.drawText(QRectF(frame.area.left() + 2, centre - metrics.height() / 2,
                            frame.plot.left() - frame.area.left() - 8, metrics.height()),
                     Qt::AlignRight | Qt::AlignVCenter, tick.label);
  }
}

void draw_x_labels(QPainter& painter, const Frame& frame) {
  const QFontMetricsF metrics(painter.font());
  const QRectF row(frame.area.left(), frame.plot.bottom() + 3, frame.area.width(),
                   metrics.height());
  double taken = frame.area.left();
  if (!frame.x_base.isEmpty()) {
    painter.setPen(theme().muted);
    painter.drawText(row.adjusted(6, 0, 0, 0), Qt::AlignLeft | Qt::AlignTop, frame.x_base);
    taken += 6 + metrics.horizontalAdvance(frame.x_base) + 6;
  }
  for (const Tick& tick : frame.x_ticks) {
    const double x = crisp(frame.x.pixel(tick.at));
    painter.setPen(thin(theme().grid));
    painter.drawLine(QPointF(x, frame.plot.top()), QPointF(x, frame.plot.bottom()));
    if (tick.label.isEmpty()) continue;
    const double width = metrics.horizontalAdvance(tick.label) + 2;
    const double left = std::min(x - width / 2, frame.area.right() - width - 2);
    if (left < taken) continue;
    taken = left + width + 4;
    painter.setPen(theme().muted);
    painter.drawText(QRectF(left, row.top(), width, row.height()), Qt::AlignCenter, tick.label);
  }
}

}  // namespace

void draw_frame(QPainter& painter, const Frame& frame) {
  painter.save();
  painter.fillRect(frame.area, theme().panel);
  painter.setFont(number_font(8));
  draw_y_labels(painter, frame);
  draw_x_labels(painter, frame);
  painter.restore();
  draw_title(painter, frame);
}

void draw_axes(QPainter& painter, const Frame& frame) {
  painter.save();
  painter.setPen(thin(theme().rule));
  const double left = crisp(frame.plot.left() - 1), bottom = crisp(frame.plot.bottom());
  painter.drawLine(QPointF(left, frame.plot.top()), QPointF(left, bottom));
  painter.drawLine(QPointF(left, bottom), QPointF(frame.plot.right(), bottom));
  painter.restore();
}

void draw_columns(QPainter& painter, const Frame& frame, TimeWindow window,
                  const std::vector<Column>& columns, const QColor& colour, ColumnStyle style) {
  if (columns.empty() || window.length() <= 0) return;
  painter.save();
  painter.setClipRect(frame.plot.adjusted(0, -1, 0, 2));
  painter.setRenderHint(QPainter::Antialiasing);
  const double step = static_cast<double>(window.length()) / static_cast<double>(columns.size());
  const auto x_of = [&](double i) {
    return frame.x.pixel(static_cast<double>(window.from) + i * step);
  };
  QColor pale = colour;
  pale.setAlphaF(0.28f);
  QPainterPath line;
  bool pen_down = false;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Column& column = columns[i];
    const double left = x_of(double(i)), right = x_of(double(i) + 1);
    if (column.gap)
      draw_gap(painter, QRectF(left, frame.plot.top(), right - left, frame.plot.height()));
    if (!column.known()) {
      pen_down = pen_down && style.between == Between::kHeld && !column.gap;
      if (pen_down) line.lineTo(right, line.currentPosition().y());
      continue;
    }
    const double mean = frame.y.pixel(double(column.mean));
    const double high = frame.y.pixel(double(column.high));
    const double low = frame.y.pixel(double(column.low));
    if (style.spread && std::abs(high - low) > 0.5)
      painter.fillRect(QRectF(left, high, right - left, low - high), pale);
    // Steps: a column's mean holds for the whole column.
    if (pen_down)
      line.lineTo(left, mean);
    else
      line.moveTo(left, mean);
    line.lineTo(right, mean);
    pen_down = true;
  }
  QPen pen(colour, style.width, Qt::SolidLine, Qt::FlatCap);
  if (!style.dash.isEmpty()) pen.setDashPattern(style.dash);
  painter.setPen(pen);
  painter.setBrush(Qt::NoBrush);
  if (style.line) painter.drawPath(line);
  painter.restore();
}

void draw_gap(QPainter& painter, const QRectF& where) {
  QColor colour = theme().muted;
  colour.setAlphaF(0.5f);
  painter.fillRect(where, hatch(colour));
}

void draw_cursor(QPainter& painter, const Frame& frame, Nanos at) {
  const double x = crisp(frame.x.pixel(static_cast<double>(at)));
  if (x < frame.plot.left() || x > frame.plot.right()) return;
  painter.save();
  QColor colour = theme().accent;
  painter.setPen(thin(colour));
  painter.drawLine(QPointF(x, frame.plot.top()), QPointF(x, frame.plot.bottom()));
  painter.restore();
}

void draw_selected_time(QPainter& painter, const Frame& frame, TimeWindow time) {
  const double left = std::max(frame.plot.left(), frame.x.pixel(static_cast<double>(time.from)));
  const double right = std::min(frame.plot.right(), frame.x.pixel(static_cast<double>(time.to)));
  if (right <= left) return;
  painter.save();
  QColor pale = theme().accent;
  pale.setAlphaF(0.13f);
  painter.fillRect(QRectF(left, frame.plot.top(), right - left, frame.plot.height()), pale);
  painter.setPen(thin(theme().accent));
  for (const double x : {crisp(left), crisp(right) - 1}) {
    painter.drawLine(QPointF(x, frame.plot.top()), QPointF(x, frame.plot.bottom()));
  }
  painter.restore();
}

void draw_note(QPainter& painter, const QRectF& area, const QString& text) {
  painter.save();
  painter.setFont(text_font(10));
  painter.setPen(theme().muted);
  painter.drawText(area.adjusted(8, 4, -8, -4), Qt::AlignCenter | Qt::TextWordWrap, text);
  painter.restore();
}

}  // namespace violet::gui
