#include "gui/observe/churn_view.hpp"

#include <QFontMetricsF>
#include <QPainter>
#include <algorithm>
#include <cmath>

#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"
#include "gui/observe/address_ticks.hpp"

namespace violet::gui {

ChurnView::ChurnView(Session* session, QWidget* parent)
    : ObserveView(session, tr("Churn"), parent),
      query_([this](ChurnPicture picture) {
        picture_ = std::move(picture);
        update();
      }),
      ranges_([this](UsedRanges used) {
        const ChurnAxis before = axis_;
        axis_.setUsed(used.ranges);
        if (!(axis_ == before)) changed();
      }),
      page_([this](std::optional<PageAt> found) {
        if (found) this->session()->setPage(Iova{found->page}, found->at);
      }) {
  setMinimumHeight(150);
  setAccessibleDescription(tr("Mapping operations by address and time"));
  connect(this, &TimePanel::clicked, this, &ChurnView::pick);
  connect(session, &Session::pageChanged, this, qOverload<>(&QWidget::update));
}

void ChurnView::ask() {
  if (ranges_version_ != cell()->version()) {
    ranges_version_ = cell()->version();
    ranges_.ask([trace = cell()] { return trace->used_ranges(); });
  }
  ChurnAsk ask;
  ask.window = session()->window();
  ask.bands = axis_.bands();
  // Each pixel takes sixteen bytes and some time: a large screen of many dots gets fewer than it has.
  constexpr double kMostPixels = 4e6;
  const QSizeF plot = plotRect().size();
  ask.density = std::clamp(std::sqrt(kMostPixels / std::max(1.0, plot.width() * plot.height())),
                           1.0, density());
  ask.columns = static_cast<int>(std::max(1.0, plot.width() * ask.density));
  ask.height = static_cast<int>(std::max(1.0, plot.height() * ask.density));
  ask.filter = session()->filter();
  ask.colour = colour_;
  ask.live = paintsGround();
  ask.stale = stale_;
  ask.dark = theme().dark;
  query_.ask([trace = cell(), ask = std::move(ask)] { return draw_churn(*trace, ask); });
}

void ChurnView::forget() {
  axis_ = ChurnAxis();
  picture_ = {};
  query_.cancel();
  ranges_.cancel();
  ranges_version_ = ~std::uint64_t{0};
  ++changes_;
}

void ChurnView::changed() {
  ++changes_;
  refresh();
  update();
}

void ChurnView::zoomAddresses(double factor, double anchor) {
  axis_.zoom(static_cast<long double>(factor), anchor);
  changed();
}
void ChurnView::panAddresses(double share) {
  axis_.pan(share);
  changed();
}
void ChurnView::fitAddresses() {
  axis_.fit();
  changed();
}
void ChurnView::showWholeSpace() {
  axis_.setLinear(true);
  axis_.showAll();
  changed();
}
void ChurnView::showRange(const IovaRange& range) {
  axis_.show(range);
  changed();
}
void ChurnView::setLinear(bool on) {
  axis_.setLinear(on);
  changed();
}
void ChurnView::setColour(ChurnColour colour) {
  colour_ = colour;
  changed();
}
void ChurnView::setShowsLive(bool on) {
  live_ = on;
  changed();
}
void ChurnView::setShowsStale(bool on) {
  stale_ = on;
  changed();
}

bool ChurnView::wheelOnY(double steps, const QPointF& at) {
  const QRectF plot = plotRect();
  zoomAddresses(std::pow(0.75, steps),
                std::clamp((plot.bottom() - at.y()) / plot.height(), 0.0, 1.0));
  return true;
}

void ChurnView::panY(double pixels) {
  if (pixels != 0) panAddresses(pixels / plotRect().height());
}

void ChurnView::selectY(const QRectF& selected) {
  Filter filter = session()->filter();
  filter.range.reset();
  const QRectF plot = plotRect();
  if (!selected.isNull()) {
    const auto low = axis_.address((plot.bottom() - selected.bottom()) / plot.height());
    const auto high = axis_.address((plot.bottom() - selected.top()) / plot.height());
    if (low && high && *low < *high) filter.range = IovaRange{{*low & ~0xfffull}, {*high | 0xfff}};
  }
  session()->select(session()->selectedTime(), filter);
}

// A pixel may stand for many pages: the first operation in it says which one was meant.
void ChurnView::pick(const QPointF& at) {
  const QRectF plot = plotRect();
  if (!cell() || !plot.contains(at) || picture_.grids.empty()) return;
  const auto point = churn_point(picture_, at.x() - plot.left(), plot.bottom() - at.y());
  const auto address = axis_.address((plot.bottom() - at.y()) / plot.height());
  if (!point || !address) return;
  const Nanos from = timeAt(std::floor(at.x())),
              to = std::max(timeAt(std::floor(at.x()) + 1), from + 1);
  Filter filter;
  filter.range = churn_row(picture_.grids[point->band].query, point->row);
  page_.ask([trace = cell(), filter, window = TimeWindow{from, to}, page = *address & ~0xfffull] {
    const auto lines = trace->events(window, filter, 0, 1);
    const auto used = lines.empty() ? std::nullopt : addresses_of(lines.front().event);
    if (!used) return std::optional(PageAt{page, window.from});
    return std::optional(PageAt{used->first.value & ~0xfffull, lines.front().at});
  });
}

// From a sample of calls no time mapped follows: what stays would look unmapped, and a map whose unmap is not in the
// sample would look mapped.
bool ChurnView::paintsGround() const { return live_ && !(cell() && cell()->info().calls_sampled); }

FrameText ChurnView::frameText() const {
  const Theme& t = theme();
  FrameText text;
  text.title = colour_ == ChurnColour::kReuses
                   ? tr("Churn: maps of pages used before, by IOVA (hex)")
                   : tr("Churn: map and unmap calls by IOVA (hex)");
  // How fine it is comes before what a reader of this panel knows.
  const QString coarse = coarseNote(picture_.resolution);
  text.brief = colour_ == ChurnColour::kReuses ? tr("Churn, reuses by IOVA (hex)")
                                               : tr("Churn by IOVA (hex)");
  if (!coarse.isEmpty()) text.title = text.brief;
  QString notes = sampledNote();
  if (picture_.raised) notes += tr(", rows raised to be seen");
  QColor ground = t.map;
  ground.setAlphaF(0.4f);
  // The alarm first: a narrow panel has room for one.
  const bool counted = !cell() || cell()->info().stays != CellInfo::Stays::kBuffers;
  const bool sampled = cell() && cell()->info().calls_sampled;
  if (!counted) {
    notes += tr(", what was mapped stays reachable by design and is not drawn");
  } else if (sampled) {
    notes += tr(", what stays mapped is not drawn");
  }
  if (counted && stale_) {
    text.legend.push_back(
        {tr("unmapped, still reachable"), t.stale, LegendEntry::Mark::kHatch, tr("stale")});
  }
  if (paintsGround())
    text.legend.push_back({tr("mapped"), ground, LegendEntry::Mark::kBox, QString()});
  text.title += coarse + notes;
  text.brief += stepsNote(picture_.resolution) + notes;
  return text;
}

void ChurnView::paint(QPainter& painter, const QRectF& area) {
  Frame frame = time_frame(area, {}, window(), Scale{0, 1, 0, 0, false});
  frame.y_ticks.clear();
  draw_frame(painter, frame);
  frame.text = frameText();
  const QRectF row(area.left(), area.top(), area.width() - Frame::kRight, Frame::kTop);
  const double left = picture_.grids.empty()
                          ? row.right()
                          : draw_heat_legend(painter, row, picture_.scale, tr("calls in a cell"));
  Frame title = frame;
  title.area.setRight(left);
  draw_title(painter, title);
  painter.save();
  painter.setClipRect(frame.plot);
  paintPicture(painter, frame);
  paintOutlines(painter, frame);
  paintMarks(painter, frame);
  painter.restore();
  paintBands(painter, frame);
  if (selectedTime()) draw_selected_time(painter, frame, *selectedTime());
  draw_axes(painter, frame);
  if (cursor()) draw_cursor(painter, frame, *cursor());
}

// That nothing was mapped is known of a cell that has ended and was seen whole; why is not.
QString ChurnView::nothing() const {
  const CellInfo info = cell()->info();
  if (info.lossy()) return tr("Not known: events were lost, and no mapping was seen so far");
  if (info.live) return tr("No mapping so far in this cell");
  return tr("Nothing was mapped in this cell");
}

void ChurnView::paintPicture(QPainter& painter, const Frame& frame) const {
  if (picture_.grids.empty()) {
    if (cell() && !busy() && axis_.empty()) draw_note(painter, frame.plot, nothing());
    return;
  }
  const TimeWindow drawn = picture_.ask.window;
  const double left = frame.x.pixel(double(drawn.from)), right = frame.x.pixel(double(drawn.to));
  paintGaps(painter, frame, drawn, picture_.gap);
  painter.drawImage(QRectF(left, frame.plot.top(), right - left, frame.plot.height()),
                    picture_.image);
}

// Edges of what is mapped, once pages are tall enough to have edges.
void ChurnView::paintOutlines(QPainter& painter, const Frame& frame) const {
  if (!paintsGround()) return;
  painter.setPen(QPen(theme().map, 1));
  for (std::size_t b = 0; b < picture_.grids.size(); ++b) {
    const ChurnGrid& grid = picture_.grids[b];
    const ChurnAxis::Band& band = picture_.ask.bands[b];
    const double row_height = (band.to - band.from) * frame.plot.height() / grid.query.rows;
    if (row_height < 5) continue;
    const TimeWindow drawn = grid.query.window;
    const double left = frame.x.pixel(double(drawn.from));
    const double step = (frame.x.pixel(double(drawn.to)) - left) / grid.query.columns;
    for (std::uint32_t row = 0; row < grid.query.rows; ++row) {
      const std::size_t start = std::size_t{row} * grid.query.columns;
      const auto mapped = [&grid, start](std::uint32_t column) {
        return known_share(grid, grid.live, start + column).value_or(0) > 0;
      };
      const double bottom = std::floor(yOf(frame.plot, band.from) - row * row_height) + 0.5;
      for (std::uint32_t x = 0; x < grid.query.columns;) {
        std::uint32_t end = x;
        while (end < grid.query.columns && mapped(end)) ++end;
        if (end > x) {
          const double from = left + x * step, to = left + end * step;
          painter.drawRect(QRectF(from, bottom - std::floor(row_height) + 1, to - from,
                                  std::floor(row_height) - 2));
        }
        x = std::max(end, x + 1);
      }
    }
  }
}

// The chosen page and the selected addresses.
void ChurnView::paintMarks(QPainter& painter, const Frame& frame) const {
  if (const auto& range = session()->filter().range) {
    const auto low = axis_.place(range->first.value), high = axis_.place(range->last.value);
    if (low && high) {
      const double top = yOf(frame.plot, *high), bottom = yOf(frame.plot, *low);
      draw_outline(painter,
                   QRectF(frame.plot.left(), top, frame.plot.width(), std::max(3.0, bottom - top)));
    }
  }
  const auto page = session()->page();
  if (!page) return;
  const auto low = axis_.place(page->value), high = axis_.place(page->value | 0xfff);
  if (!low || !high) return;
  const double y = yOf(frame.plot, *high), height = std::max(1.0, yOf(frame.plot, *low) - y);
  painter.setPen(QPen(theme().accent, 1, Qt::DotLine));
  painter.drawLine(QPointF(frame.plot.left(), y), QPointF(frame.plot.right(), y));
  painter.drawLine(QPointF(frame.plot.left(), y + height), QPointF(frame.plot.right(), y + height));
}

void ChurnView::paintBands(QPainter& painter, const Frame& frame) const {
  painter.save();
  painter.setFont(number_font(8));
  const QFontMetricsF metrics(painter.font());
  double taken = frame.plot.bottom() + metrics.height();  // Labels from the bottom upwards.
  const auto bands = axis_.bands();
  for (std::size_t i = 0; i < bands.size(); ++i) {
    const ChurnAxis::Band& band = bands[i];
    if (i > 0) {
      const QRectF gap(frame.plot.left(), yOf(frame.plot, band.from), frame.plot.width(),
                       (band.from - bands[i - 1].to) * frame.plot.height());
      painter.fillRect(gap, theme().window);
      painter.setPen(QPen(theme().rule, 1, Qt::DotLine));
      painter.drawLine(gap.topLeft(), gap.topRight());
      painter.drawLine(gap.bottomLeft(), gap.bottomRight());
    }
    const double height = (band.to - band.from) * frame.plot.height();
    for (const std::uint64_t address : address_ticks(band.range, height, metrics.height() + 8)) {
      const auto place = axis_.place(address);
      if (!place || *place < -0.001 || *place > 1) continue;
      const double y = yOf(frame.plot, *place);
      const double centre =
          std::clamp(y, frame.plot.top() + metrics.height() / 2 - 4, frame.plot.bottom() - 4);
      if (centre + metrics.height() / 2 > taken) continue;
      taken = centre - metrics.height() / 2 - 1;
      painter.setPen(theme().rule);
      painter.drawLine(QPointF(frame.plot.left() - 4, y), QPointF(frame.plot.left() - 1, y));
      painter.setPen(theme().muted);
      const double room = frame.plot.left() - frame.area.left() - 10;
      const QString label = fitting_address(address, room, [&metrics](const QString& text) {
        return metrics.horizontalAdvance(text);
      });
      painter.drawText(
          QRectF(frame.area.left() + 2, centre - metrics.height() / 2, room, metrics.height()),
          Qt::AlignRight | Qt::AlignVCenter, label);
    }
  }
  painter.restore();
}

QString ChurnView::describe(const QPointF& at) const {
  const QRectF plot = plotRect();
  if (picture_.grids.empty()) return {};
  const auto found = churn_point(picture_, at.x() - plot.left(), plot.bottom() - at.y());
  if (!found) return {};
  const ChurnGrid& grid = picture_.grids[found->band];
  QString says = timeText(timeAt(at.x()));
  const double pixel = double(picture_.ask.window.length()) / std::max(1, picture_.ask.columns);
  if (double(found->time.length()) > 1.5 * pixel) {
    says += tr("\nin the %1 around it").arg(durationText(double(found->time.length())));
  }
  says += QLatin1Char('\n') + addressText(found->range.first.value);
  if (found->range.size_minus_one() >= ChurnAxis::kPage) {
    says += tr(" and %1 after it").arg(bytesText(double(found->range.size_minus_one()) + 1));
  }
  const auto live = known_share(grid, grid.live, found->index);
  const auto stale = known_share(grid, grid.stale, found->index);
  if (!live || !stale) {
    return says + tr("\nevents were lost here: what was mapped is not known\nseen: %1")
                      .arg(countedText(grid.operations[found->index], "call"));
  }
  says += tr("\n%1; of a page that was mapped before: %2")
              .arg(countedText(grid.operations[found->index], "call"))
              .arg(grid.reuses[found->index]);
  if (cell() && cell()->info().calls_sampled)
    return says + tr("\nof a sample of the calls, from which no time mapped follows");
  if (*live > 0) says += tr("\nmapped for %1 of the time").arg(percentText(*live));
  if (*stale > 0)
    says += tr("\nunmapped and still reachable for %1 of the time").arg(percentText(*stale));
  return says;
}

}  // namespace violet::gui
