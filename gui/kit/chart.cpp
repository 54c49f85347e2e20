#include "gui/kit/chart.hpp"

#include <QPicture>

#include "gui/kit/theme.hpp"

namespace violet::gui {

UnitTicker::UnitTicker(Unit unit, double spacing_px, QCPAxis* axis)
    : unit_(unit), spacing_px_(spacing_px), axis_(axis) {}

void UnitTicker::generate(const QCPRange& range, const QLocale&, QChar, int, QVector<double>& ticks,
                          QVector<double>* sub_ticks, QVector<QString>* labels) {
  const QRect rect = axis_->axisRect()->rect();
  const bool across = axis_->orientation() == Qt::Horizontal;
  Scale scale{range.lower, range.upper, 0, double(across ? rect.width() : rect.height()),
              axis_->scaleType() == QCPAxis::stLogarithmic};
  ticks.clear();
  if (labels != nullptr) labels->clear();
  if (sub_ticks != nullptr) sub_ticks->clear();
  for (const Tick& tick : ticks_of(scale, unit_, spacing_px_)) {
    if (tick.label.isEmpty()) {
      if (sub_ticks != nullptr) sub_ticks->append(tick.at);
      continue;
    }
    ticks.append(tick.at);
    if (labels != nullptr) labels->append(tick.label);
  }
}

namespace {

void style_axis(QCPAxis& axis) {
  const Theme& t = theme();
  axis.setBasePen(QPen(t.rule, 1));
  axis.setTickPen(QPen(t.rule, 1));
  axis.setSubTickPen(Qt::NoPen);
  axis.setTickLabelColor(t.muted);
  axis.setTickLabelFont(number_font(8));
  axis.setLabelColor(t.muted);
  axis.setLabelFont(text_font(8));
  axis.setTickLengthIn(0);
  axis.setTickLengthOut(3);
  axis.setLabelPadding(2);
  axis.grid()->setPen(QPen(t.grid, 1));
  axis.grid()->setZeroLinePen(QPen(t.grid, 1));
}

void colour_chart(QCustomPlot& chart) {
  chart.setBackground(QBrush(theme().panel));
  for (QCPAxisRect* rect : chart.axisRects()) {
    for (QCPAxis* axis : rect->axes()) style_axis(*axis);
  }
  if (chart.legend != nullptr) {
    chart.legend->setBrush(QBrush(theme().panel));
    chart.legend->setBorderPen(Qt::NoPen);
    chart.legend->setTextColor(theme().muted);
    chart.legend->setFont(text_font(8));
  }
}

}  // namespace

void style_chart(QCustomPlot& chart) {
  colour_chart(chart);
  QObject::connect(&Themes::instance(), &Themes::changed, &chart, [&chart] {
    colour_chart(chart);
    chart.replot(QCustomPlot::rpQueuedReplot);
  });
}

void set_axis(QCPAxis& axis, Unit unit, bool log, const QString& label) {
  axis.setScaleType(log ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
  const double spacing = axis.orientation() == Qt::Horizontal ? 64 : 26;
  axis.setTicker(QSharedPointer<UnitTicker>::create(unit, spacing, &axis));
  axis.setLabel(label);
}

void paint_chart(QCustomPlot& chart, QPainter& painter, const QRect& area) {
  QPicture recorded;
  QCPPainter recorder;
  recorder.begin(&recorded);
  recorder.setMode(QCPPainter::pmVectorized);
  recorder.setMode(QCPPainter::pmNoCaching);
  chart.toPainter(&recorder, area.width(), area.height());
  recorder.end();
  painter.drawPicture(area.topLeft(), recorded);
}

}  // namespace violet::gui
