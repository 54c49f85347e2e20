#include "gui/observe/distribution_chart.hpp"

#include <QPainter>

namespace violet::gui {

DistributionChart::DistributionChart(DistributionPart part, const QString& name, QWidget* parent)
    : QWidget(parent), part_(part) {
  setAccessibleName(name);
  setFocusPolicy(Qt::NoFocus);
}

void DistributionChart::setHistogram(const TimeHistogram& counts, const QColor& colour,
                                     const QString& note) {
  counts_ = counts;
  colour_ = colour;
  note_ = note;
  update();
}

void DistributionChart::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const QString title = part_ == DistributionPart::kCdf ? tr("Share of calls by latency (log)")
                                                        : tr("Calls by latency (log)");
  draw_distribution(painter, QRectF(rect()), {title, counts_, 0, {}, colour_, note_}, part_);
}

}  // namespace violet::gui
