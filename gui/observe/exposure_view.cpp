#include "gui/observe/exposure_view.hpp"

#include <QPainter>
#include <algorithm>
#include <cmath>

#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"
#include "gui/observe/distribution.hpp"
#include "gui/observe/facts.hpp"

namespace violet::gui {

namespace {
constexpr double kTallExposure = 320;
constexpr double kProbeRow = 14;

// Of fewer windows than that every one is drawn; of more, what they come to over equal times.
constexpr std::uint64_t kSingleWindows = 200;
constexpr std::uint32_t kMeanSteps = 100;
}  // namespace

ExposureView::ExposureView(Session* session, QWidget* parent)
    : ObserveView(session, tr("Exposure"), parent), query_([this](Answer answer) {
        answer_ = std::move(answer.window);
        selected_ = std::move(answer.selected);
        mean_ = std::move(answer.mean);
        mean_step_ns_ = answer.mean_step_ns;
        noteAnswer();
        update();
        emit answered();
      }) {
  setMinimumHeight(100);
  setAccessibleDescription(tr("Pages that are unmapped and still reachable, over time"));
}

void ExposureView::ask() {
  ExposureQuery query{session()->window(), columns(), session()->filter()};
  query.filter.operations.clear();
  query_.ask([trace = cell(), query, selected = session()->selectedTime()] {
    Answer answer;
    answer.window = trace->exposure(query);
    if (answer.window.unmaps && answer.window.unmaps->count >= kSingleWindows) {
      const TimeSteps steps = round_steps(query.window, kMeanSteps);
      answer.mean.query = {steps.window, steps.count, query.filter};
      answer.mean.stale_pages = columns_within(
          steps, query.window, [&trace, &query](TimeWindow part, std::uint32_t count) {
            return trace->exposure({part, count, query.filter}).stale_pages;
          });
      answer.mean_step_ns = double(steps.length);
    }
    answer.selected = selected ? trace->exposure({*selected, 1, query.filter}) : answer.window;
    return answer;
  });
}

void ExposureView::forget() {
  query_.cancel();
  answer_ = selected_ = mean_ = {};
  mean_step_ns_ = 0;
  emit answered();
}

QRectF ExposureView::staleArea(const QRectF& area) {
  if (area.height() < kTallExposure) return area;
  return QRectF(area.left(), area.top(), area.width(), std::floor(area.height() * 0.58));
}

QRectF ExposureView::plotRect() const {
  return staleArea(QRectF(rect()))
      .adjusted(Frame::kLeft, Frame::kTop, -Frame::kRight, -Frame::kBottom);
}

double ExposureView::most() const {
  double high = 0;
  for (const Column& column : answer_.stale_pages) {
    if (column.known()) high = std::max(high, double(column.high));
  }
  return high;
}

QString ExposureView::distributionTitle() const {
  QString title = tr("Time from the return of dma_unmap until nothing reaches the page (log)");
  const ExposureUnmaps none, &unmaps = answer_.unmaps ? *answer_.unmaps : none;
  QString numbers;
  for (const double percent : {50.0, 99.0}) {
    const auto ns = unmaps.percentile(percent);
    if (ns) numbers += tr(", p%1 %2").arg(percent).arg(durationText(*ns));
  }
  if (!numbers.isEmpty()) title += numbers + bucketsNote();
  if (unmaps.count > 0) title += aboutNote(unmaps.resolution, window()) + openNote(unmaps);
  return title;
}

void ExposureView::paint(QPainter& painter, const QRectF& area) {
  paintStale(painter, staleArea(area));
  if (area.height() < kTallExposure) return;
  const QRectF below(area.left(), staleArea(area).bottom(), area.width(),
                     area.bottom() - staleArea(area).bottom());
  const ExposureUnmaps none, &unmaps = answer_.unmaps ? *answer_.unmaps : none;
  draw_distribution(painter, below,
                    {distributionTitle(), unmaps.histogram, unmaps.zero_windows, tr("none"),
                     theme().stale, noWindow()});
  painter.fillRect(QRectF(area.left(), below.top(), area.width(), 1), theme().rule);
}

QString ExposureView::noWindow() const {
  if (!answer_.unmaps) return tr("Not available: ") + QString::fromStdString(answer_.because);
  const QString recorded = countedText(answer_.unmaps->persistent, "unmap");
  if (answer_.unmaps->persistent > 0) {
    return copies() ? tr("No window: buffers were copied, and their slots stay mapped by design "
                         "(%1 recorded)")
                          .arg(recorded)
                    : tr("No window ends: by design the page stays mapped after each (%1)")
                          .arg(recorded);
  }
  const QString where = aboutText(answer_.unmaps->resolution, window());
  if (isLossy(answer_)) return tr("Events were lost: no unmap was seen whole");
  if (answer_.unmaps->open > 0) {
    return tr("No window ended: of %1 %2 none was executed by the end")
        .arg(countedText(answer_.unmaps->open, "unmap"), where);
  }
  return tr("No unmap returned %1").arg(where);
}

// Those that have no window, as it did not end, would be the longest.
QString ExposureView::openNote(const ExposureUnmaps& unmaps) const {
  if (unmaps.open == 0) return {};
  return tr(", without %1 that never ended").arg(countText(double(unmaps.open)));
}

// What the numbers are about, where that is not all of the window.
QString ExposureView::narrowed() const {
  const Filter& filter = answer_.query.filter;
  if (filter.range) return tr(", of the selected addresses");
  return filter.endpoints.empty() ? QString() : tr(", of the selected endpoints");
}

void ExposureView::paintStale(QPainter& painter, const QRectF& area) {
  const Theme& t = theme();
  FrameText text;
  text.title = tr("Exposure: unmapped and still reachable (pages)") + narrowed();
  text.brief = tr("Exposure (stale pages)") + narrowed();
  if (answer_.unmaps) {
    text.title += coarseNote(answer_.unmaps->resolution);
    text.brief += stepsNote(answer_.unmaps->resolution);
  }
  if (most() > 0) {
    QColor pale = t.stale;
    pale.setAlphaF(0.35f);
    const bool mean = mean_step_ns_ > 0;
    const QString line = mean ? tr("mean over %1").arg(durationText(mean_step_ns_)) : tr("pages");
    text.legend = {{line, t.stale, LegendEntry::Mark::kLine, mean ? tr("mean") : QString()},
                   {tr("lowest to highest"), pale, LegendEntry::Mark::kBox, tr("range")}};
  }
  if (answer_.probes && answer_.probes->count > 0) {
    text.legend.push_back(
        {tr("rogue probe read memory"), t.stale, LegendEntry::Mark::kDot, tr("probe hit")});
    text.legend.push_back({tr("denied"), t.muted, LegendEntry::Mark::kTick});
  }
  // Room above the peak for probes and words.
  constexpr double kRoom = kProbeRow + 24;
  const double plot = area.height() - Frame::kTop - Frame::kBottom;
  const double room = kRoom / std::max(kRoom, plot - kRoom);
  const Scale y{0, std::max(1.0, most() * (1 + room)), 0, 0, false};
  const Frame frame = time_frame(area, std::move(text), window(), y);
  paintFramed(painter, frame, [&] {
    paintLevel(painter, frame);
    paintProbes(painter, frame);
  });
  paintVerdict(painter, frame);
}

// Zero is a result, and drawn as one: a broad calm line. Where nothing becomes unreachable, there is nothing to
// count, and no column.
void ExposureView::paintLevel(QPainter& painter, const Frame& frame) const {
  const auto& columns = answer_.stale_pages;
  if (most() > 0) {
    draw_columns(painter, frame, answer_.query.window, columns, theme().stale, {.line = false});
    const ExposureColumns& line = mean_step_ns_ > 0 ? mean_ : answer_;
    draw_columns(painter, frame, line.query.window, line.stale_pages, theme().stale,
                 {.spread = false, .width = 1.6});
    return;
  }
  const double step =
      double(answer_.query.window.length()) / std::max<double>(1, double(columns.size()));
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const double left = frame.x.pixel(double(answer_.query.window.from) + double(i) * step);
    const double right = frame.x.pixel(double(answer_.query.window.from) + double(i + 1) * step);
    if (columns[i].gap)
      draw_gap(painter, QRectF(left, frame.plot.top(), right - left, frame.plot.height()));
    if (columns[i].gap || !columns[i].known()) continue;
    painter.fillRect(QRectF(left, frame.plot.bottom() - 4, right - left + 0.5, 4), theme().good);
  }
}

bool ExposureView::copies() const {
  return cell() && cell()->info().stays == CellInfo::Stays::kPool;
}

void ExposureView::paintProbes(QPainter& painter, const Frame& frame) const {
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  const double y = frame.plot.top() + kProbeRow / 2;
  for (const ExposureProbe& probe : answer_.shown_probes) {
    const double x = frame.x.pixel(double(probe.at));
    if (probe.reached) {
      painter.setPen(Qt::NoPen);
      painter.setBrush(theme().stale);
      painter.drawEllipse(QPointF(x, y), 2.5, 2.5);
    } else {
      painter.setPen(QPen(theme().muted, 1));
      painter.drawLine(QPointF(x, y - 3), QPointF(x, y + 3));
    }
  }
  painter.restore();
}

// What the picture says, for those who see it for the first time.
ExposureView::Verdict ExposureView::verdict(const QFontMetricsF& metrics, double room) const {
  const Theme& t = theme();
  if (cell()->info().stays == CellInfo::Stays::kBuffers) {
    return {tr("Not counted: ") + QString::fromStdString(answer_.because), t.muted, true};
  }
  if (!answer_.unmaps || !answer_.pages) {
    return {tr("Not available: ") + QString::fromStdString(answer_.because), t.muted, true};
  }
  const ExposureUnmaps& unmaps = *answer_.unmaps;
  return answer_.pages->peak_stale == 0 ? zeroVerdict(unmaps) : staleVerdict(metrics, room);
}

// A zero is said of the time that was counted, which may be longer than the window.
ExposureView::Verdict ExposureView::zeroVerdict(const ExposureUnmaps& unmaps) const {
  const Theme& t = theme();
  const QString where = aboutText(unmaps.resolution, window());
  if (isLossy(answer_) && unmaps.count == 0)
    return {tr("Events were lost: no unmap was seen whole"), t.muted, true};
  if (isLossy(answer_)) {
    return {tr("Zero in %1 seen whole").arg(countedText(unmaps.count, "unmap")), t.good, true};
  }
  if (unmaps.count == 0 && copies() && unmaps.persistent > 0) {
    return {tr("Zero: buffers were copied; the device reaches the pool alone, which stays mapped"),
            t.good, true};
  }
  if (unmaps.count == 0) return {tr("No page was unmapped %1").arg(where), t.muted, true};
  const bool around = where != tr("in this window");
  const QString which = around ? where + QLatin1Char(' ') : QString();
  if (unmaps.count == 1)
    return {tr("Zero: the unmap %1returned after its page was unreachable").arg(which), t.good,
            true};
  QString says = tr("Zero: each of %1 unmaps %2returned after its page was unreachable")
                     .arg(countText(double(unmaps.count)), which);
  if (copies() && unmaps.persistent > 0) says += tr("; the other buffers were copied");
  return {says, t.good, true};
}

// What matters first stays when there is no room for the rest.
ExposureView::Verdict ExposureView::staleVerdict(const QFontMetricsF& metrics, double room) const {
  const ExposurePages& pages = *answer_.pages;
  const QString where = aboutText(pages.resolution, window());
  QString first =
      tr("stale: mean %1, peak %2").arg(countText(pages.mean_stale), countText(pages.peak_stale));
  if (where != tr("in this window")) first = where + QStringLiteral(": ") + first;
  if (isLossy(answer_)) first += tr(", where no event was lost");
  std::vector<QString> clauses{first};
  if (answer_.probes && answer_.probes->hits > 0) {
    clauses.push_back(tr("%1 of %2 of unmapped pages read memory")
                          .arg(countText(double(answer_.probes->hits)),
                               countedText(answer_.probes->count, "probe")));
  }
  const ExposureUnmaps& unmaps = *answer_.unmaps;
  if (unmaps.count == 0 && unmaps.open > 0)
    clauses.push_back(tr("none of %1 was executed").arg(countedText(unmaps.open, "unmap")));
  const auto median = unmaps.percentile(50), high = unmaps.percentile(99);
  if (median && high) {
    clauses.push_back(
        tr("reachable for p50 %1, p99 %2%3")
            .arg(durationText(*median), durationText(*high), bucketsNote() + openNote(unmaps)));
  }
  QString says = clauses[0];
  for (std::size_t i = 1; i < clauses.size(); ++i) {
    const QString longer = says + QStringLiteral("; ") + clauses[i];
    if (metrics.horizontalAdvance(longer) > room) break;
    says = longer;
  }
  return {says, theme().text, false};
}

QString ExposureView::verdictText() const {
  return cell() ? verdict(QFontMetricsF(text_font(9)), width()).text : QString();
}

void ExposureView::paintVerdict(QPainter& painter, const Frame& frame) const {
  if (answer_.query.window.length() <= 0 || !cell()) return;
  const Verdict says =
      verdict(QFontMetricsF(text_font(9), painter.device()), frame.plot.width() - 24);
  painter.save();
  painter.setFont(text_font(says.in_the_middle ? 10.5 : 9));
  const QFontMetricsF metrics(painter.font(), painter.device());
  const double width = std::min(metrics.horizontalAdvance(says.text) + 16, frame.plot.width() - 8);
  const double height = metrics.height() + 4;
  QRectF box(frame.plot.right() - width - 4, frame.plot.top() + kProbeRow + 2, width, height);
  if (says.in_the_middle) box.moveCenter(frame.plot.center());
  QColor back = theme().panel;
  back.setAlphaF(0.85f);
  painter.fillRect(box, back);
  painter.setPen(says.colour);
  painter.drawText(box, Qt::AlignCenter, metrics.elidedText(says.text, Qt::ElideRight, width - 6));
  painter.restore();
}

QString ExposureView::describe(const QPointF& at) const {
  const auto columns = answer_.stale_pages.size();
  const Nanos time = timeAt(at.x());
  if (columns == 0 || !answer_.query.window.contains(time)) return {};
  const Column& column = answer_.stale_pages[columnAt(answer_.query.window, columns, time)];
  QString says = timeText(time);
  if (column.gap && !column.known())
    return says + tr("\nevents were lost here: stale pages are not known");
  if (!column.known()) return says;
  const Resolution& resolution = answer_.pages->resolution;
  if (resolution.bin &&
      double(*resolution.bin) > double(answer_.query.window.length()) / double(columns)) {
    says += tr("\nin the %1 around it:").arg(durationText(double(*resolution.bin)));
  }
  if (column.gap) says += tr("\nevents were lost here; of the rest:");
  return says + tr("\nstale pages: %1 on average, %2 to %3")
                    .arg(double(column.mean), 0, 'g', 3)
                    .arg(double(column.low), 0, 'g', 6)
                    .arg(double(column.high), 0, 'g', 6);
}

}  // namespace violet::gui
