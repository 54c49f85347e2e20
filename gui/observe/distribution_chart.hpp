// A distribution chart shows one latency histogram in a small panel: its bars, or the share of
// calls that took no longer (CDF).
//
// Threading: the main thread.
// Invariants: The drawing code is that of the large distributions (distribution.hpp).
#pragma once

#include <QColor>
#include <QWidget>

#include "gui/observe/distribution.hpp"

namespace violet::gui {

class DistributionChart : public QWidget {
  Q_OBJECT
 public:
  DistributionChart(DistributionPart part, const QString& name, QWidget* parent = nullptr);

  // `note` is shown when the histogram is empty.
  void setHistogram(const TimeHistogram& counts, const QColor& colour, const QString& note);
  QSize sizeHint() const override { return {280, 160}; }
  QSize minimumSizeHint() const override { return {120, 110}; }

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  DistributionPart part_;
  TimeHistogram counts_{};
  QColor colour_;
  QString note_;
};

}  // namespace violet::gui
