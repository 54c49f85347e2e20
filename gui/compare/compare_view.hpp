// The compare view lays out the widgets of the Compare workspace; see compare_workspace.hpp.
//
// Threading: the main thread.
#pragma once

#include <QSortFilterProxyModel>
#include <array>

#include "gui/compare/compare_model.hpp"
#include "gui/compare/lane_panel.hpp"
#include "gui/compare/plane_view.hpp"
#include "gui/kit/states.hpp"
#include "gui/kit/workspace.hpp"

class QComboBox;
class QLabel;
class QStackedWidget;
class QTableView;

namespace violet::gui {

class CompareView : public Workspace {
  Q_OBJECT
 public:
  explicit CompareView(Session& session, CompareModel::Opener opener = {},
                       QWidget* parent = nullptr);

  QString name() const override { return tr("Compare"); }
  std::vector<ActionRow> actions() override;
  bool settled() const override;
  void showControls(bool on) override { bar_->setVisible(on); }
  QString caption() const override;
  CompareModel& model() { return model_; }

 private:
  QWidget* makeBar();
  QWidget* makeLanes();
  QTableView* makeTable();
  void fitTable();
  void fillWorkloads();
  void fillLanes();
  void chooseLane(std::size_t slot, int choice);
  void showState();
  void showDivergence();
  void follow();
  void addRun();
  void pickCell(const QString& cell_id);
  void wantWindow(TimeWindow relative);

  CompareModel model_;
  QWidget* bar_ = nullptr;
  DifferenceTable* table_model_;
  QComboBox *workload_, *latency_;
  std::array<QComboBox*, CompareModel::kMostLanes> lane_boxes_{};
  std::array<LanePanel*, kLaneRows> panels_{};
  QLabel* divergence_;
  QTableView* table_;
  PlaneView* plane_;
  QStackedWidget* pages_;
  StatePage* state_page_;
};

}  // namespace violet::gui
