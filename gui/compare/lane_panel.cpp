#include "gui/compare/lane_panel.hpp"

#include <QFontMetricsF>
#include <QPainter>
#include <QPainterPath>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {
namespace {

constexpr double kMostDecades = 1e6;  // A log row shows no more.
constexpr double kZeroRow = 14;       // Below a log scale: the place of zero.
constexpr double kNoteRow = 16;       // Above the lines: what is not drawn, and why; a legend.

struct Span {
  double left, right;
};
Span span_of(const Frame& frame, const LaneColumns& columns, std::size_t column,
             std::size_t count) {
  const double step = double(columns.window.length()) / double(count);
  const double from = double(columns.window.from) + double(column) * step;
  return {frame.x.pixel(from), frame.x.pixel(from + step)};
}

// "strict samecore exit_ns=0" without the words that all lanes have; all of it where there is no other.
QString apartName(const std::vector<Lane>& lanes, std::size_t lane) {
  QStringList words;
  for (const QString& word : lanes[lane].name.split(QLatin1Char(' '))) {
    const bool shared = std::all_of(lanes.begin(), lanes.end(), [&word](const Lane& other) {
      return other.name.split(QLatin1Char(' ')).contains(word);
    });
    const bool of_run = word.contains(QLatin1Char('(')) || word.contains(QLatin1Char(')'));
    if (!shared || of_run) words << word;
  }
  return words.isEmpty() ? lanes[lane].name : words.join(QLatin1Char(' '));
}

}  // namespace

LanePanel::LanePanel(CompareModel& model, LaneRow row, QWidget* parent)
    : TimePanel(parent), model_(model), row_(row) {
  setAccessibleName(title());
  connect(&model_, &CompareModel::columnsChanged, this, qOverload<>(&QWidget::update));
  connect(&model_, &CompareModel::differencesChanged, this, qOverload<>(&QWidget::update));
  connect(&model_, &CompareModel::divergencesChanged, this, qOverload<>(&QWidget::update));
  connect(&model_, &CompareModel::lanesChanged, this, qOverload<>(&QWidget::update));
}

bool LanePanel::anyDrawn() const {
  for (std::size_t lane = 0; lane < model_.lanes().size(); ++lane) {
    if (columnsOf(lane) != nullptr) return true;
  }
  return false;
}

QString LanePanel::title() const {
  switch (row_) {
    case LaneRow::kThroughput:
      return tr("Operations per second%1%2").arg(stepsText(" over %1"), samplesText()) +
             (logarithmic() ? tr(" (log)") : QString());
    case LaneRow::kLatency: {
      const QString what = model_.latency() == Operation::kMap
                               ? tr("Map latency, 99th percentile")
                               : tr("Unmap latency, 99th percentile");
      return what + stepsText(" per %1") + sampledText() + bucketsNote() + tr(" (log)");
    }
    default:
      return tr("Stale pages%1 (unmapped, still reachable)").arg(stepsText(" over %1"));
  }
}

std::optional<double> LanePanel::widestNoise(LaneRow row) const {
  std::optional<double> widest;
  for (std::size_t lane = 1; lane < model_.lanes().size(); ++lane) {
    const auto noise = model_.noise(row, lane);
    if (noise) widest = std::max(widest.value_or(0), *noise);
  }
  return widest;
}

bool LanePanel::anyNoise() const {
  for (std::size_t row = 0; row < kLaneRows; ++row) {
    if (widestNoise(static_cast<LaneRow>(row))) return true;
  }
  return false;
}

// What each value is of: lanes with fewer samples or calls need longer steps.
QString LanePanel::stepsText(const char* form) const {
  double least = 0, most = 0;
  for (const LaneColumns::Columns& lane : model_.columns().lanes) {
    const double step = lane.step_ns[static_cast<std::size_t>(row_)];
    if (step <= 0) continue;
    least = least == 0 ? step : std::min(least, step);
    most = std::max(most, step);
  }
  if (most == 0) return {};
  const QString from = durationText(least), to = durationText(most);
  return tr(form).arg(from == to ? to : tr("%1 to %2").arg(from, to));
}

// A rate lies between two samples of a counter, which may be further apart than its steps.
QString LanePanel::samplesText() const {
  double apart = 0, step = 0;
  for (const LaneColumns::Columns& lane : model_.columns().lanes) {
    apart = std::max(apart, lane.samples_apart_ns);
    step = std::max(step, lane.step_ns[static_cast<std::size_t>(row_)]);
  }
  return apart > step ? tr(", samples up to %1 apart").arg(durationText(apart)) : QString();
}

// Lanes of whose calls there is a sample only.
QString LanePanel::sampledText() const {
  QStringList names;
  for (const Lane& lane : model_.lanes()) {
    if (lane.trace && lane.trace->info().calls_sampled) names << lane.name;
  }
  return names.isEmpty() ? QString() : tr(", of %1 a sample").arg(names.join(tr(" and ")));
}

const std::vector<Column>* LanePanel::columnsOf(std::size_t lane) const {
  const auto& lanes = model_.columns().lanes;
  if (lane >= lanes.size()) return nullptr;
  const auto& columns = lanes[lane].rows[static_cast<std::size_t>(row_)];
  return columns.empty() ? nullptr : &columns;
}

QColor LanePanel::colourOf(std::size_t lane) const {
  return theme().of_strategy(model_.lanes()[lane].strategy);
}

// Lanes of one strategy share its colour and differ in their strokes.
Qt::PenStyle LanePanel::styleOf(std::size_t lane) const {
  static constexpr Qt::PenStyle kStyles[] = {Qt::SolidLine, Qt::DashLine, Qt::DotLine};
  std::size_t same = 0;
  for (std::size_t i = 0; i < lane; ++i) same += colourOf(i) == colourOf(lane) ? 1 : 0;
  return kStyles[std::min<std::size_t>(same, 2)];
}

// Strategies that are far apart share a row on a logarithmic scale only.
bool LanePanel::logarithmic() const {
  if (row_ != LaneRow::kThroughput) return row_ == LaneRow::kLatency;
  constexpr double kFarApart = 8;
  double least = INFINITY, most = 0;
  for (std::size_t lane = 0; lane < model_.lanes().size(); ++lane) {
    double sum = 0, known = 0;
    for (const double value : valuesOf(lane)) {
      if (std::isnan(value)) continue;
      sum += value;
      ++known;
    }
    if (known == 0) continue;
    const double mean = sum / known;
    least = std::min(least, mean);
    most = std::max(most, mean);
  }
  return least > 0 && most > kFarApart * least;
}

Scale LanePanel::scale() const {
  double least = INFINITY, most = 0;
  for (std::size_t lane = 0; lane < model_.lanes().size(); ++lane) {
    for (const double value : valuesOf(lane)) {
      if (std::isnan(value)) continue;
      most = std::max(most, value);
      if (value > 0) least = std::min(least, value);
    }
  }
  Scale scale;
  scale.log = logarithmic();
  if (!scale.log) {
    scale.high = most > 0 ? most * 1.08 : 1;
    if (row_ == LaneRow::kStale)
      scale.high = std::max(scale.high, 1.08);  // A whole page has its tick.
  } else if (most <= 0) {
    scale = {10, 10000, 0, 1, true};
  } else {
    scale.low = std::pow(10, std::floor(std::log10(std::max(least, most / kMostDecades))));
    scale.high = std::max(most * 1.3, scale.low * 10);
  }
  return scale;
}

// "off, direct: not available, because ..."; lanes of one reason are said together.
QString LanePanel::because() const {
  const auto& lanes = model_.columns().lanes;
  std::vector<std::pair<QString, QStringList>> reasons;
  for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
    const QString& why = lanes[lane].because[static_cast<std::size_t>(row_)];
    if (why.isEmpty() || columnsOf(lane) != nullptr) continue;
    const auto known = std::find_if(reasons.begin(), reasons.end(),
                                    [&why](const auto& one) { return one.first == why; });
    const auto reason = known != reasons.end() ? known : reasons.insert(reasons.end(), {why, {}});
    reason->second << model_.lanes()[lane].name;
  }
  QStringList texts;
  for (const auto& [why, names] : reasons)
    texts << tr("%1: not available, because %2").arg(names.join(QStringLiteral(", ")), why);
  return texts.join(QStringLiteral("; "));
}

FrameText LanePanel::frameText() const {
  FrameText text;
  text.title = title();
  text.unit = row_ == LaneRow::kThroughput ? Unit::kPerSecond
              : row_ == LaneRow::kLatency  ? Unit::kNanoseconds
                                           : Unit::kCount;
  // Below, where names leave it room.
  if (row_ == LaneRow::kStale && anyNoise()) {
    text.legend.push_back({tr("noise"), theme().muted, LegendEntry::Mark::kBox});
  }
  if (row_ != LaneRow::kThroughput) return text;
  text.brief = tr("Operations/s%1%2").arg(stepsText(" over %1"), samplesText()) +
               (logarithmic() ? tr(" (log)") : QString());
  for (std::size_t i = 0; i < model_.lanes().size(); ++i) {
    const auto mark = styleOf(i) == Qt::SolidLine  ? LegendEntry::Mark::kLine
                      : styleOf(i) == Qt::DashLine ? LegendEntry::Mark::kDashed
                                                   : LegendEntry::Mark::kDotted;
    const Lane& lane = model_.lanes()[i];
    const bool named = lane.repetitions > 1;
    const auto with = [&](const char* form, const QString& whom) {
      return named ? tr(form).arg(whom).arg(lane.repetition + 1).arg(lane.repetitions) : whom;
    };
    QString name = with("%1, rep. %2/%3", lane.name);
    QString brief = with("%1 #%2/%3", apartName(model_.lanes(), i));
    if (!lane.standing.isEmpty()) {
      name = tr("%1, %2").arg(name, lane.standing);
      brief += QStringLiteral(" !");
    }
    text.legend.push_back({i == 0 ? tr("%1 (baseline)").arg(name) : name, colourOf(i), mark,
                           i == 0 ? tr("%1 (base)").arg(brief) : brief});
  }
  return text;
}

Frame LanePanel::frameOf(const QRectF& area) const {
  Frame frame = time_frame(area, frameText(), window(), scale(), lowest());
  if (!because().isEmpty()) frame.y.to_px += kNoteRow;
  if (!has_room_for_legend(frame)) frame.y.to_px += kNoteRow;
  if (frame.y.log && anyZero()) {
    frame.y.zero_px = frame.y.from_px - 3;
    frame.y.from_px -= kZeroRow;
  }
  frame.y_ticks = ticks_of(frame.y, frame.text.unit, 26);
  if (frame.y.zero_px) frame.y_ticks.insert(frame.y_ticks.begin(), {0, QStringLiteral("0")});
  // Ticks are of what is drawn: without lines there is no scale, and without any trace no time.
  if (!anyDrawn()) frame.y_ticks.clear();
  const auto& lanes = model_.lanes();
  const bool timed = model_.session().cell() ||
                     std::any_of(lanes.begin(), lanes.end(),
                                 [](const Lane& lane) { return lane.trace != nullptr; });
  if (!timed) {
    frame.x_ticks.clear();
    frame.x_base.clear();
  }
  return frame;
}

void LanePanel::paint(QPainter& painter, const QRectF& area) {
  painter.fillRect(area, theme().panel);
  const Frame frame = frameOf(area);
  Frame titled = frame;
  const bool beside = has_room_for_legend(frame);
  if (!beside) titled.text.legend.clear();
  draw_frame(painter, titled);
  painter.save();
  painter.setClipRect(frame.plot);
  painter.setRenderHint(QPainter::Antialiasing);
  paintNoise(painter, frame);
  for (std::size_t i = 1; i < model_.lanes().size(); ++i) paintDifference(painter, frame, i);
  for (std::size_t i = 0; i < model_.lanes().size(); ++i) paintLane(painter, frame, i);
  painter.restore();
  paintDivergence(painter, frame);
  paintWhy(painter, frame);
  if (!beside) draw_legend(painter, legendRow(frame), frame.text.legend);
  draw_axes(painter, frame);
  if (cursor()) draw_cursor(painter, frame, *cursor());
}

// Below the words about what is not drawn.
QRectF LanePanel::legendRow(const Frame& frame) const {
  const double above = because().isEmpty() ? 0 : kNoteRow;
  return {frame.plot.left() + 4, frame.plot.top() + above, frame.plot.width() - 8, kNoteRow};
}

bool LanePanel::anyZero() const {
  for (std::size_t lane = 0; lane < model_.lanes().size(); ++lane) {
    const std::vector<double> values = valuesOf(lane);
    if (std::find(values.begin(), values.end(), 0) != values.end()) return true;
  }
  return false;
}

// What is not drawn and why: in a row that no line crosses, or where there is no line, in full.
void LanePanel::paintWhy(QPainter& painter, const Frame& frame) const {
  const QString why = because();
  if (why.isEmpty()) return;
  if (!anyDrawn()) return draw_note(painter, frame.plot, why);
  painter.save();
  painter.setFont(text_font(9));
  painter.setPen(theme().muted);
  const QRectF row(frame.plot.left() + 4, frame.plot.top(), frame.plot.width() - 8, kNoteRow);
  painter.drawText(row, Qt::AlignRight | Qt::AlignVCenter,
                   QFontMetricsF(painter.font()).elidedText(why, Qt::ElideRight, row.width()));
  painter.restore();
}

// What is drawn in each column, NaN where nothing is known.
std::vector<double> LanePanel::valuesOf(std::size_t lane) const {
  std::vector<double> values;
  const auto* columns = columnsOf(lane);
  if (columns == nullptr) return values;
  constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
  for (const Column& column : *columns) {
    const bool known = column.known() && !column.gap;
    values.push_back(known ? static_cast<double>(column.mean) : kNothing);
  }
  return values;
}

// Steps: a column's value holds for the whole column.
void LanePanel::paintLane(QPainter& painter, const Frame& frame, std::size_t lane) const {
  const std::vector<double> values = valuesOf(lane);
  QPainterPath path;
  bool open = false;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool was_open = std::exchange(open, !std::isnan(values[i]));
    if (!open) continue;
    const Span span = span_of(frame, model_.columns(), i, values.size());
    const double y = frame.y.pixel(values[i]);
    if (was_open) {
      path.lineTo(span.left, y);
    } else {
      path.moveTo(span.left, y);
    }
    path.lineTo(span.right, y);
  }
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(colourOf(lane), 1.5, styleOf(lane)));
  painter.drawPath(path);
}

void LanePanel::paintNoise(QPainter& painter, const Frame& frame) const {
  const auto noise = widestNoise(row_);
  if (!noise) return;
  const std::vector<double> values = valuesOf(0);
  QColor pale = theme().muted;
  pale.setAlphaF(0.25f);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) continue;
    const Span span = span_of(frame, model_.columns(), i, values.size());
    const double top = frame.y.pixel(values[i] * (1 + *noise));
    const double bottom = frame.y.pixel(values[i] / (1 + *noise));
    painter.fillRect(QRectF(QPointF(span.left, top), QPointF(span.right, bottom)), pale);
  }
}

// From the edge of the noise band to the contender: what is left when noise is taken away. Where the noise is not
// known, nothing is said to differ.
void LanePanel::paintDifference(QPainter& painter, const Frame& frame, std::size_t lane) const {
  const std::vector<double> base = valuesOf(0), mine = valuesOf(lane);
  const auto known = model_.noise(row_, lane);
  if (!known || base.size() != mine.size()) return;
  const double noise = *known;
  QColor pale = colourOf(lane);
  pale.setAlphaF(0.13f);
  for (std::size_t i = 0; i < base.size(); ++i) {
    if (std::isnan(base[i]) || std::isnan(mine[i])) continue;
    const double edge = mine[i] > base[i] ? base[i] * (1 + noise) : base[i] / (1 + noise);
    if ((mine[i] > base[i]) != (mine[i] > edge)) continue;  // Inside the band.
    const Span span = span_of(frame, model_.columns(), i, base.size());
    const double y0 = frame.y.pixel(edge), y1 = frame.y.pixel(mine[i]);
    painter.fillRect(
        QRectF(QPointF(span.left, std::min(y0, y1)), QPointF(span.right, std::max(y0, y1))), pale);
  }
}

void LanePanel::paintDivergence(QPainter& painter, const Frame& frame) const {
  const auto& found = model_.divergences();
  for (std::size_t i = 0; i < found.size() && i + 1 < model_.lanes().size(); ++i) {
    if (found[i].kind != Divergence::Kind::kDiffers) continue;
    const Lane& lane = model_.lanes()[i + 1];
    const auto at = static_cast<double>(found[i].second->at - lane.origin);
    if (at < frame.x.low || at > frame.x.high) continue;
    const double x = frame.x.pixel(at);
    painter.setPen(QPen(theme().bad, 1, Qt::DashLine));
    painter.drawLine(QPointF(x, frame.plot.top()), QPointF(x, frame.plot.bottom()));
    painter.setPen(Qt::NoPen);
    painter.setBrush(theme().bad);
    painter.drawPolygon(QPolygonF(
        {{x, frame.plot.top() + 9}, {x - 5, frame.plot.top()}, {x + 5, frame.plot.top()}}));
  }
}

QString LanePanel::describe(const QPointF& at) const {
  if (!anyDrawn()) return because();
  const Nanos time = timeAt(at.x());
  const TimeWindow drawn = model_.columns().window;
  QStringList lines{timeText(time)};
  for (std::size_t lane = 0; lane < model_.lanes().size(); ++lane) {
    const auto* columns = columnsOf(lane);
    if (columns == nullptr) continue;
    const auto size = static_cast<double>(columns->size());
    const double share = double(time - drawn.from) / std::max(1.0, double(drawn.length()));
    const auto index = static_cast<std::size_t>(std::clamp(share * size, 0.0, size - 1));
    const Column& column = (*columns)[index];
    const bool over = time >= model_.lanes()[lane].length;
    const QString value = column.gap                     ? tr("events were lost")
                          : !column.known() && over      ? tr("measuring had ended")
                          : !column.known()              ? tr("not known here")
                          : row_ == LaneRow::kThroughput ? rateText(column.mean)
                          : row_ == LaneRow::kLatency    ? durationText(column.mean)
                                                         : countText(column.mean);
    lines << QStringLiteral("%1: %2").arg(model_.lanes()[lane].shownName(), value);
  }
  return lines.join(QLatin1Char('\n'));
}

}  // namespace violet::gui
