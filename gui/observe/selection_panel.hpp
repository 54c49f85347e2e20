// The selection panel describes the chosen page in words and times, and of the selected time (or
// the window) the latency distribution as histogram, CDF and numbers, and the exposure.
//
// Threading: the main thread; the page's lifetimes are asked for on the pool.
#pragma once

#include <QWidget>

#include "gui/model/query.hpp"
#include "gui/model/session.hpp"
#include "gui/observe/facts_table.hpp"

class QLabel;
class QTabWidget;

namespace violet::gui {

class DistributionChart;
class ExposureView;
class LatencyView;

class SelectionPanel : public QWidget {
  Q_OBJECT
 public:
  SelectionPanel(Session* session, LatencyView* latency, ExposureView* exposure,
                 QWidget* parent = nullptr);
  bool settled() const { return !page_.busy(); }
  FactsTable* pageTable() const { return page_facts_; }
  FactsTable* numbersTable() const { return numbers_; }
  FactsTable* exposureTable() const { return exposure_facts_; }

 private:
  void askPage();
  void showLatency();
  void showExposure();

  Session* session_;
  LatencyView* latency_;
  ExposureView* exposure_;
  QLabel* page_title_;
  FactsTable* page_facts_;
  QLabel* latency_title_;
  QTabWidget* tabs_;
  DistributionChart* histogram_;
  DistributionChart* cdf_;
  FactsTable* numbers_;
  FactsTable* exposure_facts_;
  Query<PageLifetimes> page_;
};

}  // namespace violet::gui
