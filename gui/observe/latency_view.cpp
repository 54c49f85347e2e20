#include "gui/observe/latency_view.hpp"

#include <QFontMetricsF>
#include <QPainter>
#include <QPainterPath>
#include <algorithm>
#include <cmath>

#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"
#include "gui/observe/facts.hpp"

namespace violet::gui {

namespace {
constexpr double kTallLatency = 340;  // For a distribution below.

QString lineName(const PercentileLine& line) { return QStringLiteral("p%1").arg(line.percent); }

bool isKnown(const PercentileLine& line) {
  return std::any_of(line.steps.begin(), line.steps.end(),
                     [](const Column& step) { return step.known(); });
}

QImage heat_of(const LatencyGrid& grid, const ShownBins& bins, const HeatScale& scale, bool dark) {
  const int columns = static_cast<int>(grid.query.columns);
  const int rows = static_cast<int>(bins.last - bins.first + 1);
  return heat_image(
      columns, rows, scale,
      [&](int column, int row) {
        return grid.counts[static_cast<std::size_t>(column) * LatencyBins::kCount + bins.first +
                           static_cast<std::size_t>(row)];
      },
      dark);
}
}  // namespace

LatencyView::LatencyView(Session* session, QWidget* parent)
    : ObserveView(session, tr("Latency"), parent), query_([this](Answer answer) {
        answer_ = std::move(answer);
        noteAnswer();
        update();
        emit answered();
      }) {
  setMinimumHeight(110);
  setAccessibleDescription(tr("Latency of operations over time"));
}

QString LatencyView::operationText(Operation operation) {
  switch (operation) {
    case Operation::kMap:
      return tr("map");
    case Operation::kUnmap:
      return tr("unmap");
    case Operation::kTranslate:
      return tr("translate");
    case Operation::kFault:
      return tr("fault");
    case Operation::kCount:
      break;
  }
  return {};
}

void LatencyView::setOperation(Operation operation) {
  if (operation == operation_) return;
  operation_ = operation;
  expireAnswer();
  refresh();
  update();
  emit operationChanged();
}

LatencyView::Answer LatencyView::answer(const CellQueries& trace, const LatencyQuery& query,
                                        std::optional<TimeWindow> selected, bool dark) {
  Answer result;
  result.grid = trace.latency(query);
  result.selected = result.grid;
  if (selected) {
    LatencyQuery narrow = query;
    narrow.window = *selected;
    narrow.columns = 1;
    result.selected = trace.latency(narrow);
  }
  const auto bins = shown_bins(result.grid.histogram);
  if (!bins) return result;
  result.bins = *bins;
  result.scale = HeatScale::of(result.grid.counts);
  result.image = heat_of(result.grid, *bins, result.scale, dark);
  result.above = above_of(result.grid, *bins);
  return result;
}

std::vector<LatencyView::Above> LatencyView::above_of(const LatencyGrid& grid,
                                                      const ShownBins& bins) {
  std::vector<Above> above;
  if (bins.beyond == 0) return above;
  for (std::size_t column = 0; column < grid.query.columns; ++column) {
    Above one{column};
    for (std::size_t bin = bins.last + 1; bin < LatencyBins::kCount; ++bin) {
      const std::uint32_t calls = grid.counts[column * LatencyBins::kCount + bin];
      one.count += calls;
      if (calls > 0) one.bin = bin;
    }
    if (one.count > 0) above.push_back(one);
  }
  std::stable_sort(above.begin(), above.end(),
                   [](const Above& a, const Above& b) { return a.bin > b.bin; });
  return above;
}

void LatencyView::ask() {
  // Cells of two pixels: one call in a thousand is still seen.
  const auto cells = static_cast<std::uint32_t>(plotRect().width() / 2);
  LatencyQuery query{session()->window(), operation_, std::max(1u, cells), session()->filter()};
  query.filter.operations.clear();
  query_.ask([trace = cell(), query, selected = session()->selectedTime(), dark = theme().dark] {
    return answer(*trace, query, selected, dark);
  });
}

void LatencyView::forget() {
  query_.cancel();
  answer_ = {};
  emit answered();
}

QRectF LatencyView::heatArea(const QRectF& area) {
  if (area.height() < kTallLatency) return area;
  return QRectF(area.left(), area.top(), area.width(), std::floor(area.height() * 0.6));
}

QRectF LatencyView::plotRect() const {
  return heatArea(QRectF(rect()))
      .adjusted(Frame::kLeft, Frame::kTop, -Frame::kRight, -Frame::kBottom);
}

// The lines that are drawn, each with its step.
std::vector<LegendEntry> LatencyView::legend() const {
  constexpr LegendEntry::Mark kMarks[] = {LegendEntry::Mark::kLine, LegendEntry::Mark::kDashed,
                                          LegendEntry::Mark::kDotted};
  std::vector<LegendEntry> entries;
  if (answer_.bins.beyond > 0) {
    entries.push_back({tr("%1 of %2 or more")
                           .arg(countText(double(answer_.bins.beyond)),
                                durationText(LatencyBins::low(answer_.bins.last + 1))),
                       theme().text, LegendEntry::Mark::kAbove,
                       tr("%1 above").arg(countText(double(answer_.bins.beyond)))});
  }
  for (std::size_t i = 0; i < answer_.grid.lines.size(); ++i) {
    const PercentileLine& line = answer_.grid.lines[i];
    if (!isKnown(line)) continue;
    entries.push_back({tr("%1 / %2").arg(lineName(line), durationText(line.step_ns())),
                       theme().text, kMarks[i], lineName(line)});
  }
  return entries;
}

QString LatencyView::whatIsSelected() const {
  const Filter& filter = session()->filter();
  const bool time = session()->selectedTime().has_value();
  QStringList parts;
  if (time) parts << tr("time");
  if (filter.range) parts << tr("addresses");
  if (!filter.endpoints.empty()) parts << tr("endpoints");
  if (parts.isEmpty()) return tr("window");
  const QString what = tr("selected %1").arg(parts.join(tr(" and ")));
  return time ? what : tr("window, %1").arg(what);
}

Frame LatencyView::frameOf(const QRectF& area) const {
  FrameText text;
  text.title = tr("Latency of %1 calls (log)").arg(operationText(operation_));
  const QString notes = sampledNote() + coarseNote(answer_.grid.resolution);
  text.brief = text.title + sampledNote() + stepsNote(answer_.grid.resolution);
  text.title += bucketsNote() + notes;
  text.unit = Unit::kNanoseconds;
  text.legend = legend();
  const bool some = answer_.grid.count > 0;
  const Scale y{some ? LatencyBins::low(answer_.bins.first) : 100,
                some ? LatencyBins::low(answer_.bins.last + 1) : 100000, 0, 0, true};
  return time_frame(area, std::move(text), window(), y);
}

QString LatencyView::distributionTitle() const {
  const LatencyGrid& shown = answer_.selected;
  QString numbers;
  if (shown.count > 0) numbers = tr(": n %1").arg(countText(double(shown.count)));
  bool some = false;
  for (const PercentileLine& line : shown.lines) {
    const auto ns = shown.percentile(line.percent);
    if (!ns) continue;
    numbers += QStringLiteral(", %1 %2").arg(lineName(line), durationText(*ns));
    some = true;
  }
  if (some) numbers += bucketsNote() + clockNote(shown);
  if (shown.count > 0) numbers += aboutNote(shown.resolution, shown.query.window);
  return tr("Latency of %1 in the %2%3").arg(operationText(operation_), whatIsSelected(), numbers);
}

void LatencyView::paint(QPainter& painter, const QRectF& area) {
  paintHeat(painter, heatArea(area));
  if (area.height() < kTallLatency) return;
  const QRectF below(area.left(), heatArea(area).bottom(), area.width(),
                     area.bottom() - heatArea(area).bottom());
  const LatencyGrid& shown = answer_.selected;
  draw_distribution(painter, below,
                    {distributionTitle(),
                     shown.histogram,
                     0,
                     {},
                     theme().of(operation_),
                     shown.count == 0 && isLossy(shown) ? tr("events were lost")
                                                        : QString::fromStdString(shown.because)});
  painter.fillRect(QRectF(area.left(), below.top(), area.width(), 1), theme().rule);
}

// Of lost calls nobody knows whether there were any, nor whether they were timed.
QString LatencyView::nothing() const {
  const LatencyGrid& grid = answer_.grid;
  const QString what = operationText(operation_);
  if (isLossy(grid)) return tr("Not known: events were lost here, and no %1 was seen").arg(what);
  if (grid.because.empty()) return tr("No %1 %2").arg(what, aboutText(grid.resolution, window()));
  return tr("Not available: ") + QString::fromStdString(grid.because);
}

void LatencyView::paintHeat(QPainter& painter, const QRectF& area) {
  Frame frame = frameOf(area);
  const FrameText text = frame.text;
  frame.text = {};
  frame.text.unit = text.unit;
  const LatencyGrid& grid = answer_.grid;
  paintFramed(painter, frame, [&] {
    if (grid.count == 0) {
      paintGaps(painter, frame, grid.query.window, grid.gap);
      if (!busy() && cell()) draw_note(painter, frame.plot, nothing());
      return;
    }
    const TimeWindow drawn = grid.query.window;
    const double left = frame.x.pixel(double(drawn.from)), right = frame.x.pixel(double(drawn.to));
    painter.drawImage(QRectF(left, frame.plot.top(), right - left, frame.plot.height()),
                      answer_.image);
    paintGaps(painter, frame, drawn, grid.gap);
    paintLine(painter, frame, grid.lines[2], 1.2, Qt::DotLine);
    paintLine(painter, frame, grid.lines[1], 1.2, Qt::DashLine);
    paintLine(painter, frame, grid.lines[0], 1.6, Qt::SolidLine);
    paintAbove(painter, frame);
  });
  const QRectF row(area.left(), area.top(), area.width() - Frame::kRight, Frame::kTop);
  Frame title = frame;
  title.text = text;
  title.area.setRight(grid.count == 0 ? row.right()
                                      : draw_heat_legend(painter, row, answer_.scale, tr("calls")));
  draw_title(painter, title);
}

// Below the upper edge; the longest have their value beside them.
void LatencyView::paintAbove(QPainter& painter, const Frame& frame) const {
  const TimeWindow drawn = answer_.grid.query.window;
  const double step = double(drawn.length()) / std::max(1u, answer_.grid.query.columns);
  painter.save();
  painter.setFont(text_font(8));
  const QFontMetricsF metrics(painter.font());
  const double top = frame.plot.top() + 1;
  std::vector<QRectF> taken;
  for (const Above& above : answer_.above) {
    const double x = frame.x.pixel(double(drawn.from) + (double(above.column) + 0.5) * step);
    draw_above(painter, {x, top}, theme().text);
    taken.emplace_back(x - 4, top, 8, 7);
  }
  for (const Above& above : answer_.above) {
    const double x = frame.x.pixel(double(drawn.from) + (double(above.column) + 0.5) * step);
    const QString says = QStringLiteral("\u2265 ") + durationText(LatencyBins::low(above.bin));
    QRectF box(x + 7, top - 2, metrics.horizontalAdvance(says) + 4, metrics.height());
    if (box.right() > frame.plot.right()) box.moveRight(x - 7);
    const bool free = std::none_of(taken.begin(), taken.end(), [&box](const QRectF& other) {
      return other.intersects(box.adjusted(-2, 0, 2, 0));
    });
    if (!free || box.left() < frame.plot.left()) continue;
    QColor behind = theme().panel;
    behind.setAlphaF(0.8f);
    painter.fillRect(box, behind);
    painter.setPen(theme().text);
    painter.drawText(box, Qt::AlignCenter, says);
    taken.push_back(box);
  }
  painter.restore();
}

void LatencyView::paintLine(QPainter& painter, const Frame& frame, const PercentileLine& line,
                            double width, Qt::PenStyle style) const {
  const auto& columns = line.steps;
  const double step = line.step_ns();
  QPainterPath path;
  bool down = false;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!columns[i].known()) {
      down = false;
      continue;
    }
    const double left = frame.x.pixel(double(line.window.from) + double(i) * step);
    const double right = frame.x.pixel(double(line.window.from) + double(i + 1) * step);
    const double y = frame.y.pixel(double(columns[i].mean));
    if (!down)
      path.moveTo(left, y);
    else if (y != path.currentPosition().y())
      path.lineTo(left, y);
    path.lineTo(right, y);
    down = true;
  }
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  QColor halo = theme().panel;
  halo.setAlphaF(0.7f);
  painter.setPen(QPen(halo, width + 2));
  painter.setBrush(Qt::NoBrush);
  painter.drawPath(path);
  painter.setPen(QPen(theme().text, width, style));
  painter.drawPath(path);
  painter.restore();
}

QString LatencyView::describe(const QPointF& at) const {
  const LatencyGrid& grid = answer_.grid;
  const Nanos time = timeAt(at.x());
  if (grid.gap.empty() || !grid.query.window.contains(time)) return {};
  const bool lost = grid.gap[columnAt(grid.query.window, grid.gap.size(), time)];
  if (grid.count == 0) {
    return lost ? timeText(time) + tr("\nevents were lost here: calls are not known") : QString();
  }
  const Frame frame = frameOf(heatArea(QRectF(rect())));
  const std::size_t column = columnAt(grid.query.window, grid.query.columns, time);
  const std::size_t bin = LatencyBins::of(frame.y.value(at.y()));
  QString says = timeText(time);
  if (grid.resolution.bin) {
    says += tr("\nin the %1 around it")
                .arg(durationText(double(grid.query.window.length()) / grid.query.columns));
  }
  if (lost) says += tr("\nevents were lost here; seen were:");
  says += tr("\n%1 to %2: %3")
              .arg(durationText(LatencyBins::low(bin)), durationText(LatencyBins::low(bin + 1)),
                   countedText(grid.counts[column * LatencyBins::kCount + bin], "call"));
  const auto above = std::find_if(answer_.above.begin(), answer_.above.end(),
                                  [column](const Above& one) { return one.column == column; });
  if (above != answer_.above.end()) {
    says += tr("\nabove the axis: %1, the longest %2 to %3")
                .arg(countedText(above->count, "call"), durationText(LatencyBins::low(above->bin)),
                     durationText(LatencyBins::low(above->bin + 1)));
  }
  for (const PercentileLine& line : grid.lines) {
    const Column* step = line.at(time);
    if (step == nullptr || !step->known()) continue;
    says += tr("\n%1 of %2: %3%4")
                .arg(lineName(line), durationText(line.step_ns()), durationText(double(step->mean)),
                     bucketsNote());
  }
  return says;
}

}  // namespace violet::gui
