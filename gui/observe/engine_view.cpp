#include "gui/observe/engine_view.hpp"

#include <QPainter>
#include <algorithm>
#include <cmath>
#include <map>

#include "engine/protocol/names.hpp"
#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {

namespace {

constexpr std::size_t kLanes = 6;               // The last one holds the faults.
constexpr double kLabels = Frame::kBottom - 6;  // Below the last one shown.

bool any(const std::vector<Column>& columns) {
  return std::any_of(columns.begin(), columns.end(), [](const Column& c) { return c.known(); });
}
double highest(const std::vector<Column>& columns) {
  double most = 0;
  for (const Column& column : columns) {
    if (column.known()) most = std::max(most, double(column.mean));
  }
  return most;
}

// The same line, but for rounding: one would hide the other.
bool alike(const std::vector<Column>& a, const std::vector<Column>& b) {
  if (a.size() != b.size()) return false;
  double sum = 0, apart = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].known() != b[i].known()) return false;
    if (!a[i].known()) continue;
    sum += double(a[i].mean);
    apart += std::abs(double(a[i].mean) - double(b[i].mean));
  }
  return sum > 0 && apart < 0.05 * sum;
}

// A line upon others leaves room for them to be seen.
QList<qreal> dash_of(std::size_t below) {
  if (below == 0) return {};
  return below == 1 ? QList<qreal>{6, 6} : QList<qreal>{3, 9};
}

// Single events over a pixel each are a fringe: over equal times they are a rate.
constexpr std::uint32_t kRateSteps = 150;

QString reason_text(std::uint8_t reason) {
  switch (reason) {
    case 1:
      return QObject::tr("no domain");
    case 2:
      return QObject::tr("no mapping");
    default:
      return QObject::tr("unknown");
  }
}

}  // namespace

EngineView::EngineView(Session* session, QWidget* parent)
    : ObserveView(session, tr("Engine"), parent), query_([this](Answer answer) {
        answer_ = std::move(answer);
        noteAnswer();
        update();
        emit answered();
      }) {
  setMinimumHeight(130);
  setAccessibleDescription(tr("What the engine's lcores did over time"));
}

void EngineView::ask() {
  query_.ask([trace = cell(), window = session()->window(), columns = columns()] {
    const TimeSteps steps = round_steps(window, kRateSteps);
    EngineColumns rates;
    rates.window = steps.window;
    const auto within = [&](std::vector<Column> EngineColumns::*which) {
      return columns_within(steps, window, [&](TimeWindow part, std::uint32_t count) {
        return trace->engine(part, count).*which;
      });
    };
    rates.kicks_per_s = within(&EngineColumns::kicks_per_s);
    rates.flushes_per_s = within(&EngineColumns::flushes_per_s);
    return Answer{trace->engine(window, columns), std::move(rates), double(steps.length),
                  trace->engine(window, 1), trace->faults(window, kMostFaults)};
  });
}

void EngineView::forget() {
  query_.cancel();
  answer_ = {};
  emit answered();
}

QRectF EngineView::plotRect() const {
  return QRectF(rect()).adjusted(Frame::kLeft, Frame::kTop, -Frame::kRight, -Frame::kBottom);
}

std::vector<EngineView::Lane> EngineView::lanes() const {
  const Theme& t = theme();
  const EngineColumns &e = answer_.engine, &w = answer_.whole;
  std::vector<Lane> lanes(kLanes - 1);
  lanes[0] = {tr("Useful polls of all polls (%)"),
              Unit::kShare,
              0.05,
              {},
              tr("Not available: the run recorded no polls here")};
  // Run by kicks, the engine looks only when it is called: its polls say nothing about its load.
  const bool polled = cell() && cell()->info().placement != "samecore";
  if (!polled)
    lanes[0].missing = tr("Not available: without a core of its own the engine runs on kicks");
  for (std::size_t i = 0; polled && i < e.lcores.size(); ++i) {
    const EngineColumns::Lcore& lcore = e.lcores[i];
    lanes[0].series.push_back(
        {tr("lcore %1 %2").arg(lcore.number).arg(QString::fromStdString(lcore.role)),
         t.strategies[i % t.strategies.size()], &lcore.utilisation,
         i < w.lcores.size() ? &w.lcores[i].utilisation : nullptr});
  }
  if (session()->filter().range || !session()->filter().endpoints.empty()) {
    lanes[0].title += tr(", of all addresses and endpoints: the engine is not divided by them");
  }
  lanes[4] = {tr("Queue depth (requests in flight)"),
              Unit::kCount,
              1,
              {{tr("depth"), t.strategies[0], &e.queue_depth, &w.queue_depth}},
              tr("Not available: the run recorded no queue depth here")};
  const QColor colours[] = {t.copy, t.muted, t.map, t.unmap, t.fault};
  lanes[1] = {tr("Requests by type (per second)"),
              Unit::kPerSecond,
              1,
              {},
              tr("Not available: the run recorded no count of requests here")};
  for (const std::size_t i :
       {std::size_t{2}, std::size_t{3}, std::size_t{0}, std::size_t{1}, std::size_t{4}}) {
    if (i == 2 || i == 3 || highest(e.requests_per_s[i]) > 0) {
      lanes[1].series.push_back(
          {QString::fromLatin1(protocol::to_text(static_cast<protocol::Type>(i + 1))), colours[i],
           &e.requests_per_s[i], &w.requests_per_s[i]});
    }
  }
  lanes[2] = {tr("IOTLB (lookups per second)"),
              Unit::kPerSecond,
              1,
              {{tr("hits"), t.translate, &e.hits_per_s, &w.hits_per_s},
               {tr("misses"), t.fault, &e.misses_per_s, &w.misses_per_s}},
              tr("Not available: the run recorded no lookups here")};
  const EngineColumns& rates = answer_.rates;
  const QString over = answer_.rate_step_ns > 0
                           ? tr("; kicks, flushes over %1").arg(durationText(answer_.rate_step_ns))
                           : QString();
  lanes[3] = {tr("Invalidations and kicks (per second%1)").arg(over),
              Unit::kPerSecond,
              1,
              {{tr("invalidations"), t.unmap, &e.invalidations_per_s, &w.invalidations_per_s},
               {tr("grace periods"), t.translate, &e.grace_periods_per_s, &w.grace_periods_per_s},
               {tr("requests that waited"), t.copy, &e.parked_per_s, &w.parked_per_s},
               {tr("kicks"), t.map, &rates.kicks_per_s, &w.kicks_per_s, &rates.window},
               {tr("flushes"), t.fault, &rates.flushes_per_s, &w.flushes_per_s, &rates.window}},
              tr("Not available: the run recorded none of these here")};
  return lanes;
}

// The first ones where there is no room for all.
std::size_t EngineView::shownLanes(double height) {
  constexpr double kLeast = 46;
  return std::clamp(static_cast<std::size_t>((height - kLabels) / kLeast), std::size_t{2}, kLanes);
}

void EngineView::paint(QPainter& painter, const QRectF& area) {
  painter.fillRect(area, theme().panel);
  const std::size_t shown = shownLanes(area.height());
  const double height = std::floor((area.height() - kLabels) / double(shown));
  const auto all = lanes();
  for (std::size_t i = 0; i < shown; ++i) {
    QRectF lane(area.left(), area.top() + double(i) * height, area.width(), height);
    const bool last = i + 1 == shown;
    if (last) lane.setBottom(area.bottom());
    i < all.size() ? paintLane(painter, lane, all[i], last) : paintFaults(painter, lane);
    if (!last)
      painter.fillRect(QRectF(area.left(), lane.bottom() - 1, area.width(), 1), theme().grid);
  }
  if (shown == kLanes) return;
  painter.setFont(text_font(8));
  painter.setPen(theme().muted);
  painter.drawText(QRectF(area.left() + 8, area.bottom() - kLabels, Frame::kLeft, kLabels),
                   Qt::AlignLeft | Qt::AlignVCenter, tr("4: %1 more").arg(kLanes - shown));
}

void EngineView::paintLane(QPainter& painter, const QRectF& area, const Lane& lane,
                           bool x_labels) const {
  FrameText text;
  text.title = lane.title;
  text.unit = lane.unit;
  double most = 0;
  bool some = false;
  for (std::size_t i = 0; i < lane.series.size(); ++i) {
    const Series& series = lane.series[i];
    most = std::max(most, highest(*series.columns));
    some = some || any(*series.columns);
    if (series.columns->empty()) continue;
    using Mark = LegendEntry::Mark;
    const auto mean = series.mean();
    const QString value = mean ? QLatin1Char(' ') + unit_text(lane.unit, *mean) : QString();
    text.legend.push_back(
        {series.name + value, series.colour, twins(lane, i) > 0 ? Mark::kDashed : Mark::kLine});
  }
  double top = axis_top(most, lane.least_top);
  if (lane.unit == Unit::kShare) top = std::min(1.0, top);
  const Frame frame =
      time_frame(area, std::move(text), window(), Scale{0, top, 0, 0, false}, x_labels);
  paintFramed(painter, frame, [&] {
    if (!some) {
      if (!busy() && cell()) draw_note(painter, frame.plot, lane.missing);
      return;
    }
    for (std::size_t i = 0; i < lane.series.size(); ++i) {
      const Series& series = lane.series[i];
      draw_columns(painter, frame, windowOf(series), *series.columns, series.colour,
                   {false, true, 1.5, dash_of(twins(lane, i))});
    }
  });
}

// How many series before it it lies upon.
std::size_t EngineView::twins(const Lane& lane, std::size_t index) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < index; ++i)
    count += alike(*lane.series[i].columns, *lane.series[index].columns);
  return count;
}

std::optional<double> EngineView::Series::mean() const {
  if (whole == nullptr || whole->empty() || !whole->front().known()) return {};
  return double(whole->front().mean);
}

std::vector<QString> EngineView::numbers() const {
  std::vector<QString> texts;
  for (const Lane& lane : lanes()) {
    for (const Series& series : lane.series) {
      if (const auto mean = series.mean())
        texts.push_back(series.name + QLatin1Char(' ') + unit_text(lane.unit, *mean));
    }
  }
  return texts;
}

QString EngineView::noFaults() const {
  return answer_.faults.because.empty()
             ? tr("No faults in this window (probes of a rogue endpoint report none)")
             : tr("No fault was seen here: %1").arg(qt(answer_.faults.because));
}

// A row for each endpoint that faulted; the mark's shape is the reason.
void EngineView::paintFaults(QPainter& painter, const QRectF& area) const {
  std::map<std::uint32_t, std::size_t> rows;
  const FaultLines& faults = answer_.faults;
  for (const FaultLine& fault : faults.lines) rows[fault.endpoint] = 0;
  std::size_t next = 0;
  for (auto& row : rows) row.second = next++;
  FrameText text;
  text.title = tr("Faults by endpoint");
  if (!faults.because.empty()) text.title += tr(" (%1)").arg(qt(faults.because));
  text.legend = {{tr("no mapping"), theme().fault, LegendEntry::Mark::kDot},
                 {tr("no domain"), theme().fault, LegendEntry::Mark::kOutline}};
  Frame frame = time_frame(area, std::move(text), window(),
                           Scale{0, std::max<double>(1, double(rows.size())), 0, 0, false});
  frame.y_ticks.clear();
  for (const auto& [endpoint, row] : rows) {
    frame.y_ticks.push_back({double(row) + 0.5, QStringLiteral("0x%1").arg(endpoint, 0, 16)});
  }
  paintFramed(painter, frame, [&] {
    if (faults.lines.empty()) {
      if (!busy() && cell()) draw_note(painter, frame.plot, noFaults());
      return;
    }
    painter.setRenderHint(QPainter::Antialiasing);
    for (const FaultLine& fault : faults.lines) {
      const QPointF at(frame.x.pixel(double(fault.at)),
                       frame.y.pixel(double(rows[fault.endpoint]) + 0.5));
      painter.setPen(QPen(theme().fault, 1));
      painter.setBrush(fault.reason == 2 ? QBrush(theme().fault) : QBrush(Qt::NoBrush));
      if (fault.reason == 1)
        painter.drawRect(QRectF(at.x() - 3, at.y() - 3, 6, 6));
      else
        painter.drawEllipse(at, 2.5, 2.5);
    }
  });
}

std::size_t EngineView::laneAt(double y) const {
  const std::size_t shown = shownLanes(this->height());
  const double height = std::floor((this->height() - kLabels) / double(shown));
  return std::min(static_cast<std::size_t>(std::max(0.0, y / height)), shown - 1);
}

QString EngineView::describe(const QPointF& at) const {
  const Nanos time = timeAt(at.x());
  if (!answer_.engine.window.contains(time)) return {};
  QString says = timeText(time);
  const std::size_t number = laneAt(at.y());
  if (number + 1 == kLanes) {
    const auto& faults = answer_.faults.lines;
    const auto near = std::min_element(faults.begin(), faults.end(),
                                       [time](const FaultLine& a, const FaultLine& b) {
                                         return std::abs(a.at - time) < std::abs(b.at - time);
                                       });
    if (near == faults.end()) return {};
    return tr("%1\nendpoint 0x%2, %3\n%4")
        .arg(timeText(near->at))
        .arg(near->endpoint, 0, 16)
        .arg(reason_text(near->reason), addressText(near->address));
  }
  const auto all = lanes();
  bool lost = false, some = false;
  for (const Series& series : all[number].series) {
    if (series.columns->empty()) continue;
    const Column& column =
        (*series.columns)[columnAt(windowOf(series), series.columns->size(), time)];
    lost |= column.gap;
    some |= column.known();
    if (!column.known()) continue;
    says += QStringLiteral("\n%1 %2").arg(series.name,
                                          unit_text(all[number].unit, double(column.mean)));
  }
  if (!some) return says + tr("\nnot known: the run took no sample around this time");
  if (lost) says += tr("\nevents were lost here; the numbers are of what was seen");
  return says;
}

}  // namespace violet::gui
