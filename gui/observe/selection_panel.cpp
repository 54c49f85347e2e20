#include "gui/observe/selection_panel.hpp"

#include <QLabel>
#include <QTabWidget>
#include <QVBoxLayout>
#include <cmath>

#include "gui/kit/chart.hpp"
#include "gui/kit/theme.hpp"
#include "gui/observe/exposure_view.hpp"
#include "gui/observe/latency_view.hpp"

namespace violet::gui {

namespace {

QLabel* selection_heading(const QString& text, QWidget* parent) {
  auto* label = new QLabel(text, parent);
  label->setFont(text_font(9, true));
  label->setContentsMargins(8, 4, 8, 2);
  return label;
}

QCustomPlot* chart(const QString& name, const QString& y_label, Unit unit, QWidget* parent) {
  auto* plot = new QCustomPlot(parent);
  plot->setAccessibleName(name);
  plot->setMinimumHeight(110);
  plot->setFocusPolicy(Qt::NoFocus);
  style_chart(*plot);
  set_axis(*plot->xAxis, Unit::kNanoseconds, true, QObject::tr("latency (log)"));
  set_axis(*plot->yAxis, unit, false, y_label);
  return plot;
}

}  // namespace

SelectionPanel::SelectionPanel(Session* session, LatencyView* latency, ExposureView* exposure,
                               QWidget* parent)
    : QWidget(parent),
      session_(session),
      latency_(latency),
      exposure_(exposure),
      page_title_(selection_heading(tr("Page"), this)),
      page_facts_(new FactsTable(tr("Life of the page"), this)),
      latency_title_(selection_heading({}, this)),
      tabs_(new QTabWidget(this)),
      histogram_(chart(tr("Histogram"), tr("calls"), Unit::kCount, this)),
      cdf_(chart(tr("CDF"), tr("share of calls"), Unit::kShare, this)),
      bars_(new QCPBars(histogram_->xAxis, histogram_->yAxis)),
      line_(cdf_->addGraph()),
      numbers_(new FactsTable(tr("Numbers"), this)),
      exposure_facts_(new FactsTable(tr("Exposure"), this)),
      life_([this](PageLife life) { page_facts_->setFacts(pageFacts(life)); }) {
  setAccessibleName(tr("Selection"));
  setObjectName(QStringLiteral("Selection"));
  tabs_->setDocumentMode(true);
  tabs_->setAccessibleName(tr("Distribution of latencies"));
  tabs_->addTab(numbers_, tr("Numbers"));
  tabs_->addTab(histogram_, tr("Histogram"));
  tabs_->addTab(cdf_, tr("CDF"));
  tabs_->addTab(exposure_facts_, tr("Exposure"));
  bars_->setWidthType(QCPBars::wtAbsolute);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  for (QWidget* part : {static_cast<QWidget*>(page_title_), static_cast<QWidget*>(page_facts_),
                        static_cast<QWidget*>(latency_title_), static_cast<QWidget*>(tabs_)}) {
    column->addWidget(part);
  }
  column->setStretchFactor(page_facts_, 5);
  column->setStretchFactor(tabs_, 5);
  connect(session, &Session::pageChanged, this, &SelectionPanel::askLife);
  connect(session, &Session::cellChanged, this, &SelectionPanel::askLife);
  connect(latency, &LatencyView::answered, this, &SelectionPanel::showLatency);
  connect(latency, &LatencyView::operationChanged, this, &SelectionPanel::showLatency);
  connect(exposure, &ExposureView::answered, this,
          [this] { exposure_facts_->setFacts(exposureFacts(exposure_->exposure())); });
  connect(&Themes::instance(), &Themes::changed, this, &SelectionPanel::colour);
  askLife();
  colour();
}

void SelectionPanel::askLife() {
  const auto cell = session_->cell();
  const auto page = session_->page();
  if (!cell || !page) {
    life_.cancel();
    page_facts_->setFacts(
        {{tr("No page"), tr("click one in Churn, or Ctrl+F"), {}, Fact::Tone::kMuted}});
    return;
  }
  const Nanos at = session_->pageAt().value_or(session_->window().from);
  life_.ask([cell, page = *page, at] { return cell->page_life(page, at); });
}

void SelectionPanel::colour() {
  bars_->setPen(Qt::NoPen);
  line_->setPen(QPen(theme().text, 1.4));
  showLatency();
}

void SelectionPanel::showLatency() {
  const LatencyGrid& grid = latency_->selected();
  latency_title_->setText(tr("Latency of %1, %2")
                              .arg(LatencyView::operationText(latency_->operation()),
                                   session_->selectedTime() ? tr("selection") : tr("window")));
  numbers_->setFacts(latencyFacts(grid));
  showDistribution(grid);
}

void SelectionPanel::showDistribution(const LatencyGrid& grid) {
  bars_->setBrush(theme().of(latency_->operation()));
  const auto bins = used_bins(grid.histogram);
  QVector<double> at, count, upto, share;
  double seen = 0, most = 1;
  for (std::size_t bin = bins ? bins->first : 0; bins && bin <= bins->last; ++bin) {
    at << std::sqrt(LatencyBins::low(bin) * LatencyBins::low(bin + 1));
    count << double(grid.histogram[bin]);
    most = std::max(most, count.last());
    seen += count.last();
    upto << LatencyBins::low(bin + 1);
    share << seen / double(std::max<std::uint64_t>(1, grid.count));
  }
  bars_->setData(at, count, true);
  line_->setData(upto, share, true);
  const QCPRange x = bins
                         ? QCPRange(LatencyBins::low(bins->first), LatencyBins::low(bins->last + 1))
                         : QCPRange(100, 100000);
  const double pixels = std::max(40, histogram_->axisRect()->width());
  bars_->setWidth(std::max(1.0, pixels / double(std::max<qsizetype>(1, at.size())) - 1));
  for (QCustomPlot* plot : {histogram_, cdf_}) plot->xAxis->setRange(x);
  histogram_->yAxis->setRange(0, most * 1.05);
  cdf_->yAxis->setRange(0, 1);
  histogram_->replot(QCustomPlot::rpQueuedReplot);
  cdf_->replot(QCustomPlot::rpQueuedReplot);
}

}  // namespace violet::gui
