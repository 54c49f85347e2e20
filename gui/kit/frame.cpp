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
    case Mark::kAbove:
      draw_above(painter, box.center() - QPointF(0, 3), entry.colour);
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
  frame.x_ticks = ticks_of(frame.x, x_unit, 56);
  return frame;
}

QBrush hatch(const QColor& colour) {
  QBrush brush(colour, Qt::BDiagPattern);
  return brush;
}

namespace {

constexpr double kMark = 14, kGap = 5, kBetween = 14;

const QString& said(const LegendEntry& entry, bool brief) {
  return brief && !entry.brief.isEmpty() ? entry.brief : entry.text;
}

// What has no room is counted: a line without a name is not told by its colour.
double rest_width(const QFontMetricsF& metrics) {
  return metrics.horizontalAdvance(QStringLiteral("+99"));
}

double width_of(const QFontMetricsF& metrics, const LegendEntry& entry, bool brief) {
  return kMark + kGap + metrics.horizontalAdvance(said(entry, brief)) + kBetween;
}

std::size_t how_many_fit(double width, const std::vector<LegendEntry>& entries, bool brief) {
  const QFontMetricsF metrics(text_font(8));
  double needed = 0;
  std::size_t fit = 0;
  for (const LegendEntry& entry : entries) {
    needed += width_of(metrics, entry, brief);
    const bool last = fit + 1 == entries.size();
    if (needed + (last ? 0 : rest_width(metrics)) > width) break;
    ++fit;
  }
  return fit;
}

// The title that leaves room for the most of the legend; the longer one where that is the same, and something.
QString title_for(const FrameText& text, double width, const QFontMetricsF& metrics) {
  if (text.brief.isEmpty()) return text.title;
  const auto shown = [&](const QString& title) {
    return fit_legend(width - metrics.horizontalAdvance(title) - 24, text.legend).entries;
  };
  const std::size_t full = shown(text.title);
  const bool hides = full == 0 && !text.legend.empty();
  return hides || shown(text.brief) > full ? text.brief : text.title;
}

}  // namespace

LegendFit fit_legend(double width, const std::vector<LegendEntry>& entries) {
  const std::size_t full = how_many_fit(width, entries, false);
  if (full == entries.size()) return {full, false};
  const std::size_t brief = how_many_fit(width, entries, true);
  return brief > full ? LegendFit{brief, true} : LegendFit{full, false};
}

double draw_legend(QPainter& painter, const QRectF& row, const std::vector<LegendEntry>& entries) {
  painter.save();
  painter.setFont(text_font(8));
  painter.setRenderHint(QPainter::Antialiasing);
  const QFontMetricsF metrics(text_font(8));
  const LegendFit fit = fit_legend(row.width(), entries);
  double needed = 0;
  for (std::size_t i = 0; i < fit.entries; ++i) needed += width_of(metrics, entries[i], fit.brief);
  const bool all = fit.entries == entries.size();
  const QString rest = all || rest_width(metrics) > row.width()
                           ? QString()
                           : QStringLiteral("+%1").arg(entries.size() - fit.entries);
  if (!rest.isEmpty()) needed += metrics.horizontalAdvance(rest) + kBetween;
  double at = row.right() - needed + kBetween;
  const double left = entries.empty() ? row.right() : at;
  for (std::size_t i = 0; i < fit.entries; ++i) {
    draw_legend_mark(painter, QRectF(at, row.top(), kMark, row.height()), entries[i]);
    at += kMark + kGap;
    const QString& text = said(entries[i], fit.brief);
    const double width = metrics.horizontalAdvance(text);
    painter.setPen(theme().muted);
    painter.drawText(QRectF(at, row.top(), width + 2, row.height()),
                     Qt::AlignLeft | Qt::AlignVCenter, text);
    at += width + kBetween;
  }
  painter.setPen(theme().muted);
  painter.drawText(QRectF(at, row.top(), metrics.horizontalAdvance(rest) + 2, row.height()),
                   Qt::AlignLeft | Qt::AlignVCenter, rest);
  painter.restore();
  return left;
}

namespace {

struct TitleRow {
  QString text;
  QRectF title, legend;
};
TitleRow title_row(const Frame& frame) {
  const QRectF row(frame.area.left() + 8, frame.area.top(), frame.area.width() - 8 - Frame::kRight,
                   Frame::kTop);
  const QFontMetricsF metrics(text_font(9, true));
  const QString title = title_for(frame.text, row.width(), metrics);
  const double width = std::min(metrics.horizontalAdvance(title) + 16, row.width());
  return {title, QRectF(row.left(), row.top(), width, row.height()),
          row.adjusted(width + 8, 0, 0, 0)};
}

}  // namespace

bool has_room_for_legend(const Frame& frame) {
  const auto& legend = frame.text.legend;
  return fit_legend(title_row(frame).legend.width(), legend).entries == legend.size();
}

void draw_title(QPainter& painter, const Frame& frame) {
  painter.save();
  const TitleRow row = title_row(frame);
  painter.setFont(text_font(9, true));
  painter.setPen(theme().text);
  painter.drawText(
      row.title, Qt::AlignLeft | Qt::AlignVCenter,
      QFontMetricsF(painter.font()).elidedText(row.text, Qt::ElideRight, row.title.width()));
  draw_legend(painter, row.legend, frame.text.legend);
  painter.restore();
}

namespace {

// From the ends to the middle: a plot that is too low for three labels still says where it ends.
std::vector<std::size_t> ends_first(std::size_t count) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < (count + 1) / 2; ++i) {
    order.push_back(i);
    if (count - 1 - i != i) order.push_back(count - 1 - i);
  }
  return order;
}

bool touches(const std::vector<AxisLabel>& labels, const QRectF& box) {
  return std::any_of(labels.begin(), labels.end(),
                     [&box](const AxisLabel& other) { return other.box.intersects(box); });
}

void place_y_labels(const Frame& frame, const QFontMetricsF& metrics,
                    std::vector<AxisLabel>& labels) {
  // A label at the edge moves inside instead of being cut, or of reaching into the row below.
  const double half = metrics.height() / 2;
  const double lowest = std::min(frame.plot.bottom() + 3, frame.area.bottom()) - half;
  const double highest = std::min(lowest, frame.area.top() + Frame::kTop + 2);
  for (const std::size_t i : ends_first(frame.y_ticks.size())) {
    const Tick& tick = frame.y_ticks[i];
    if (tick.label.isEmpty()) continue;
    const double centre = std::clamp(crisp(frame.y.pixel(tick.at)), highest, lowest);
    const double right = frame.plot.left() - 6;
    const double width =
        std::min(metrics.horizontalAdvance(tick.label) + 1, right - frame.area.left() - 2);
    const QRectF box(right - width, centre - half, width, 2 * half);
    if (!touches(labels, box.adjusted(0, 1, 0, -1))) labels.push_back({box, tick.label});
  }
}

void place_x_labels(const Frame& frame, const QFontMetricsF& metrics,
                    std::vector<AxisLabel>& labels) {
  const double top = frame.plot.bottom() + 3;
  if (!frame.x_base.isEmpty()) {
    labels.push_back({QRectF(frame.area.left() + 6, top,
                             metrics.horizontalAdvance(frame.x_base) + 2, metrics.height()),
                      frame.x_base});
  }
  for (const Tick& tick : frame.x_ticks) {
    if (tick.label.isEmpty()) continue;
    const double width = metrics.horizontalAdvance(tick.label) + 2;
    const double left = std::clamp(crisp(frame.x.pixel(tick.at)) - width / 2, frame.area.left(),
                                   std::max(frame.area.left(), frame.area.right() - width - 2));
    const QRectF box(left, top, width, metrics.height());
    if (!touches(labels, box.adjusted(-4, 1, 4, -1))) labels.push_back({box, tick.label});
  }
}

void draw_grid(QPainter& painter, const Frame& frame) {
  painter.setPen(thin(theme().grid));
  for (const Tick& tick : frame.y_ticks) {
    const double y = crisp(frame.y.pixel(tick.at));
    painter.drawLine(QPointF(frame.plot.left(), y), QPointF(frame.plot.right(), y));
  }
  for (const Tick& tick : frame.x_ticks) {
    const double x = crisp(frame.x.pixel(tick.at));
    painter.drawLine(QPointF(x, frame.plot.top()), QPointF(x, frame.plot.bottom()));
  }
}

}  // namespace

std::vector<AxisLabel> axis_labels(const Frame& frame) {
  const QFontMetricsF metrics(number_font(8));
  std::vector<AxisLabel> labels;
  place_y_labels(frame, metrics, labels);
  place_x_labels(frame, metrics, labels);
  return labels;
}

void draw_frame(QPainter& painter, const Frame& frame) {
  painter.save();
  painter.fillRect(frame.area, theme().panel);
  painter.setFont(number_font(8));
  draw_grid(painter, frame);
  painter.setPen(theme().muted);
  for (const AxisLabel& label : axis_labels(frame)) {
    painter.drawText(label.box, Qt::AlignCenter, label.text);
  }
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
      pen_down = false;
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

void draw_above(QPainter& painter, const QPointF& tip, const QColor& colour) {
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  painter.setBrush(colour);
  painter.drawPolygon(QPolygonF({tip, tip + QPointF(-4, 6), tip + QPointF(4, 6)}));
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

// Nothing inside it is covered: colours are numbers there.
void draw_outline(QPainter& painter, const QRectF& around) {
  painter.save();
  painter.setBrush(Qt::NoBrush);
  QPen pen(theme().accent, 2);
  pen.setJoinStyle(Qt::MiterJoin);
  painter.setPen(pen);
  painter.drawRect(around.adjusted(1, 1, -1, -1));
  painter.restore();
}

void draw_selected_time(QPainter& painter, const Frame& frame, TimeWindow time) {
  const double left = std::max(frame.plot.left(), frame.x.pixel(static_cast<double>(time.from)));
  const double right = std::min(frame.plot.right(), frame.x.pixel(static_cast<double>(time.to)));
  if (right <= left) return;
  draw_outline(painter, QRectF(left, frame.plot.top(), right - left, frame.plot.height()));
}

void draw_note(QPainter& painter, const QRectF& area, const QString& text) {
  painter.save();
  painter.setFont(text_font(10));
  painter.setPen(theme().muted);
  painter.drawText(area.adjusted(8, 4, -8, -4), Qt::AlignCenter | Qt::TextWordWrap, text);
  painter.restore();
}

}  // namespace violet::gui
