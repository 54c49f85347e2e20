#include "gui/observe/selection_panel.hpp"

#include <QLabel>
#include <QTabWidget>
#include <QVBoxLayout>

#include "gui/kit/theme.hpp"
#include "gui/observe/distribution_chart.hpp"
#include "gui/observe/exposure_view.hpp"
#include "gui/observe/latency_view.hpp"

namespace violet::gui {

namespace {

QLabel* panel_heading(const QString& text, QWidget* parent) {
  auto* label = new QLabel(text, parent);
  label->setFont(text_font(9, true));
  label->setContentsMargins(8, 4, 8, 2);
  return label;
}

}  // namespace

SelectionPanel::SelectionPanel(Session* session, LatencyView* latency, ExposureView* exposure,
                               QWidget* parent)
    : QWidget(parent),
      session_(session),
      latency_(latency),
      exposure_(exposure),
      page_title_(panel_heading(tr("Page"), this)),
      page_facts_(new FactsTable(tr("Life of the page"), this)),
      latency_title_(panel_heading({}, this)),
      tabs_(new QTabWidget(this)),
      histogram_(new DistributionChart(DistributionPart::kBars, tr("Histogram"), this)),
      cdf_(new DistributionChart(DistributionPart::kCdf, tr("CDF"), this)),
      numbers_(new FactsTable(tr("Numbers"), this)),
      exposure_facts_(new FactsTable(tr("Exposure"), this)),
      page_([this](PageLifetimes life) { page_facts_->setFacts(pageFacts(life)); }) {
  setAccessibleName(tr("Selection"));
  setObjectName(QStringLiteral("Selection"));
  tabs_->setDocumentMode(true);
  tabs_->setAccessibleName(tr("Distribution of latencies"));
  tabs_->addTab(numbers_, tr("Numbers"));
  tabs_->addTab(histogram_, tr("Histogram"));
  tabs_->addTab(cdf_, tr("CDF"));
  tabs_->addTab(exposure_facts_, tr("Exposure"));
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  for (QWidget* part : {static_cast<QWidget*>(page_title_), static_cast<QWidget*>(page_facts_),
                        static_cast<QWidget*>(latency_title_), static_cast<QWidget*>(tabs_)}) {
    column->addWidget(part);
  }
  column->setStretchFactor(page_facts_, 5);
  column->setStretchFactor(tabs_, 5);
  connect(session, &Session::pageChanged, this, &SelectionPanel::askPage);
  connect(session, &Session::cellChanged, this, [this] {
    page_.cancel();  // It was about another cell.
    if (session_->page()) page_facts_->setFacts(pendingFacts(tr("Page"), true));
    askPage();
  });
  connect(latency, &LatencyView::answered, this, &SelectionPanel::showLatency);
  connect(latency, &LatencyView::operationChanged, this, &SelectionPanel::showLatency);
  connect(exposure, &ExposureView::answered, this, &SelectionPanel::showExposure);
  connect(latency, &ObserveView::waits, this, &SelectionPanel::showLatency);
  connect(exposure, &ObserveView::waits, this, &SelectionPanel::showExposure);
  connect(&Themes::instance(), &Themes::changed, this, &SelectionPanel::showLatency);
  askPage();
  showLatency();
  showExposure();
}

void SelectionPanel::askPage() {
  const auto cell = session_->cell();
  const auto page = session_->page();
  if (!cell || !page) {
    page_.cancel();
    page_facts_->setFacts(
        {{tr("No page"), tr("click one in Churn, or Ctrl+F"), {}, Fact::Tone::kMuted}});
    return;
  }
  const Nanos at = session_->pageAt().value_or(session_->window().from);
  page_.ask([cell, page = *page, at] { return cell->page_lifetimes(page, at); });
}

void SelectionPanel::showLatency() {
  const LatencyGrid& grid = latency_->selected();
  latency_title_->setText(
      tr("Latency of %1, %2")
          .arg(LatencyView::operationText(latency_->operation()), latency_->whatIsSelected()));
  const auto cell = session_->cell();
  const bool answered = latency_->hasAnswer();
  numbers_->setFacts(answered ? latencyFacts(grid, cell && cell->info().calls_sampled)
                     : cell   ? pendingFacts(tr("Latency"), latency_->isVisible())
                              : Facts{});
  const QColor colour = theme().of(latency_->operation());
  const QString note = !answered ? QString()
                       : grid.because.empty()
                           ? tr("none")
                           : tr("not available: %1").arg(QString::fromStdString(grid.because));
  histogram_->setHistogram(grid.histogram, colour, note);
  cdf_->setHistogram(grid.histogram, colour, note);
}

void SelectionPanel::showExposure() {
  const ExposureColumns& exposure = exposure_->selected();
  exposure_facts_->setFacts(exposure_->hasAnswer() ? exposureFacts(exposure)
                            : session_->cell()
                                ? pendingFacts(tr("Exposure"), exposure_->isVisible())
                                : Facts{});
}

}  // namespace violet::gui
