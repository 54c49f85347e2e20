#include "gui/observe/latency_view.hpp"

#include <QPainter>
#include <QPainterPath>
#include <algorithm>
#include <cmath>

#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {

namespace {
constexpr double kTallLatency = 340;  // For a distribution below.

// Of `counts` operations, with the place inside the bin taken as even.
double percentile_of(const TimeHistogram& counts, std::uint64_t count, double percent) {
  const double rank = percent / 100 * double(count);
  double seen = 0;
  for (std::size_t bin = 0; bin < LatencyBins::kCount; ++bin) {
    const double here = double(counts[bin]);
    if (here > 0 && seen + here >= rank) {
      const double low = LatencyBins::low(bin), high = LatencyBins::low(bin + 1);
      return low * std::pow(high / low, (rank - seen) / here);
    }
    seen += here;
  }
  return LatencyBins::low(LatencyBins::kCount);
}

struct Piece {
  TimeHistogram sum{};
  std::uint64_t count = 0;
  std::uint32_t from = 0;
};

void close_piece(const Piece& piece, std::uint32_t end, double percent, std::vector<Column>& line) {
  const auto ns = static_cast<float>(percentile_of(piece.sum, piece.count, percent));
  for (std::uint32_t x = piece.from; x < end; ++x) {
    line[x].count = piece.count;
    line[x].low = line[x].mean = line[x].high = ns;
  }
}

// The higher the percentile, the more operations it takes to know it: a step of the line spans as many
// columns as hold `wanted` of them, and at least `pixels`. What is left over joins the last step.
std::vector<Column> percentile_line(const LatencyGrid& grid, double percent, std::uint64_t wanted,
                                    std::uint32_t pixels) {
  const std::uint32_t columns = grid.query.columns;
  std::vector<Column> line(columns);
  Piece piece;
  std::optional<Piece> last;
  const auto close = [&](std::uint32_t end, bool gap) {
    const bool enough = piece.count >= wanted && end - piece.from >= pixels;
    if (enough) {
      close_piece(piece, end, percent, line);
      last = piece;
      piece = {};
      piece.from = end;
    } else if (gap && last && piece.count > 0) {
      for (std::size_t bin = 0; bin < piece.sum.size(); ++bin) last->sum[bin] += piece.sum[bin];
      last->count += piece.count;
      close_piece(*last, end, percent, line);
    }
    if (!gap) return;
    last.reset();
    piece = {};
  };
  for (std::uint32_t x = 0; x < columns; ++x) {
    if (grid.gap[x]) {
      close(x, true);
      line[x].gap = true;
      piece.from = x + 1;
      continue;
    }
    for (std::size_t bin = 0; bin < LatencyBins::kCount; ++bin) {
      const std::uint32_t count = grid.counts[std::size_t{x} * LatencyBins::kCount + bin];
      piece.sum[bin] += count;
      piece.count += count;
    }
    close(x + 1, false);
  }
  close(columns, true);
  return line;
}

QImage heat_of(const LatencyGrid& grid, BinRange bins, const HeatScale& scale, bool dark) {
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
  const auto bins = used_bins(result.grid.histogram);
  if (!bins) return result;
  result.bins = *bins;
  result.scale = HeatScale::of(result.grid.counts);
  result.p50 = percentile_line(result.grid, 50, 20, 2);
  result.p99 = percentile_line(result.grid, 99, 300, 4);
  result.p999 = percentile_line(result.grid, 99.9, 3000, 8);
  result.image = heat_of(result.grid, *bins, result.scale, dark);
  return result;
}

void LatencyView::ask() {
  // Cells of two pixels: one call in a thousand is still seen.
  LatencyQuery query{session()->window(), operation_, std::max(1u, columns() / 2),
                     session()->filter()};
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

Frame LatencyView::frameOf(const QRectF& area) const {
  FrameText text;
  text.title =
      tr("Latency of %1 calls (log)").arg(operationText(operation_)) + sampledNote() + keptNote();
  text.unit = Unit::kNanoseconds;
  const QColor line = theme().text;
  text.legend = {{QStringLiteral("p50"), line, LegendEntry::Mark::kLine},
                 {QStringLiteral("p99"), line, LegendEntry::Mark::kDashed},
                 {QStringLiteral("p99.9"), line, LegendEntry::Mark::kDotted}};
  const bool some = answer_.grid.count > 0;
  const Scale y{some ? LatencyBins::low(answer_.bins.first) : 100,
                some ? LatencyBins::low(answer_.bins.last + 1) : 100000, 0, 0, true};
  return time_frame(area, std::move(text), window(), y);
}

void LatencyView::paint(QPainter& painter, const QRectF& area) {
  paintHeat(painter, heatArea(area));
  if (area.height() < kTallLatency) return;
  const QRectF below(area.left(), heatArea(area).bottom(), area.width(),
                     area.bottom() - heatArea(area).bottom());
  const LatencyGrid& shown = answer_.selected;
  const QString where = session()->selectedTime() ? tr("selection") : tr("window");
  const QString numbers =
      shown.count == 0
          ? QString()
          : tr(": n %1, p50 %2, p99 %3, p99.9 %4")
                .arg(countText(double(shown.count)), durationText(shown.percentile(50)),
                     durationText(shown.percentile(99)), durationText(shown.percentile(99.9)));
  draw_distribution(painter, below,
                    {tr("Latency of %1 in the %2%3").arg(operationText(operation_), where, numbers),
                     shown.histogram,
                     0,
                     {},
                     theme().of(operation_),
                     QString::fromStdString(shown.because)});
  painter.fillRect(QRectF(area.left(), below.top(), area.width(), 1), theme().rule);
}

void LatencyView::paintHeat(QPainter& painter, const QRectF& area) {
  Frame frame = frameOf(area);
  const FrameText text = frame.text;
  frame.text = {};
  frame.text.unit = text.unit;
  const LatencyGrid& grid = answer_.grid;
  paintFramed(painter, frame, [&] {
    if (grid.count == 0) {
      if (!busy() && cell()) {
        draw_note(painter, frame.plot,
                  grid.because.empty()
                      ? tr("No %1 in this window").arg(operationText(operation_))
                      : tr("Not available: ") + QString::fromStdString(grid.because));
      }
      return;
    }
    const TimeWindow drawn = grid.query.window;
    const double left = frame.x.pixel(double(drawn.from)), right = frame.x.pixel(double(drawn.to));
    painter.drawImage(QRectF(left, frame.plot.top(), right - left, frame.plot.height()),
                      answer_.image);
    const double step = (right - left) / std::max<double>(1, double(grid.gap.size()));
    for (std::size_t i = 0; i < grid.gap.size(); ++i) {
      if (grid.gap[i]) {
        draw_gap(painter,
                 QRectF(left + double(i) * step, frame.plot.top(), step, frame.plot.height()));
      }
    }
    paintLine(painter, frame, answer_.p999, 1.2, Qt::DotLine);
    paintLine(painter, frame, answer_.p99, 1.2, Qt::DashLine);
    paintLine(painter, frame, answer_.p50, 1.6, Qt::SolidLine);
  });
  const QRectF row(area.left(), area.top(), area.width() - Frame::kRight, Frame::kTop);
  Frame title = frame;
  title.text = text;
  title.area.setRight(grid.count == 0 ? row.right()
                                      : draw_heat_legend(painter, row, answer_.scale, tr("calls")));
  draw_title(painter, title);
}

void LatencyView::paintLine(QPainter& painter, const Frame& frame,
                            const std::vector<Column>& columns, double width,
                            Qt::PenStyle style) const {
  const TimeWindow drawn = answer_.grid.query.window;
  const double step = double(drawn.length()) / std::max<double>(1, double(columns.size()));
  QPainterPath path;
  bool down = false;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].count == 0) {
      down = false;
      continue;
    }
    const double left = frame.x.pixel(double(drawn.from) + double(i) * step);
    const double right = frame.x.pixel(double(drawn.from) + double(i + 1) * step);
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
  if (grid.count == 0 || !(grid.query.window == window())) return {};
  const Frame frame = frameOf(heatArea(QRectF(rect())));
  const double ns = frame.y.value(at.y());
  const double share = (at.x() - frame.plot.left()) / std::max(1.0, frame.plot.width());
  const auto column = static_cast<std::size_t>(
      std::clamp(share * double(grid.query.columns), 0.0, double(grid.query.columns) - 1));
  const std::size_t bin = LatencyBins::of(ns);
  QString says = timeText(timeAt(at.x()));
  says += tr("\n%1 to %2: %3 calls")
              .arg(durationText(LatencyBins::low(bin)), durationText(LatencyBins::low(bin + 1)))
              .arg(grid.counts[column * LatencyBins::kCount + bin]);
  const auto line = [&](const char* name, const std::vector<Column>& columns) {
    if (columns[column].count == 0) return;
    says += QStringLiteral("\n%1 %2 (%3 ns)")
                .arg(QString::fromLatin1(name), durationText(double(columns[column].mean)))
                .arg(double(columns[column].mean), 0, 'f', 0);
  };
  line("p50", answer_.p50);
  line("p99", answer_.p99);
  line("p99.9", answer_.p999);
  return says;
}

}  // namespace violet::gui
