// QCustomPlot in the looks of this application: what the small charts (histogram, CDF, bars,
// scatter) share.
// Time plots of one screenful use frame.hpp instead, which also draws into PDF and SVG.
//
// Threading: the main thread.
// Invariants: ticks are round numbers in SI units; colours follow the theme when it changes.
#pragma once

#include <qcustomplot.h>

#include <QSharedPointer>
#include <QString>

#include "gui/kit/axis.hpp"

namespace violet::gui {

// Ticks of axis.hpp for a QCPAxis.
class UnitTicker : public QCPAxisTicker {
 public:
  UnitTicker(Unit unit, double spacing_px, QCPAxis* axis);

  void generate(const QCPRange& range, const QLocale& locale, QChar format, int precision,
                QVector<double>& ticks, QVector<double>* sub_ticks,
                QVector<QString>* labels) override;

 private:
  Unit unit_;
  double spacing_px_;
  QCPAxis* axis_;
};

// Colours, fonts and thin lines of the theme; again at every change of theme.
void style_chart(QCustomPlot& chart);
// Unit, ticks, scale and what the axis says: "latency (log)".
void set_axis(QCPAxis& axis, Unit unit, bool log, const QString& label);
// The chart as vectors into any painter.
void paint_chart(QCustomPlot& chart, QPainter& painter, const QRect& area);

}  // namespace violet::gui
