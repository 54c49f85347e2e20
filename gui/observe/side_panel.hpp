// The side panel lists the cells of the run, the endpoints (checked ones narrow the views) and the
// domains.
//
// Threading: the main thread; the topology is asked for on the pool.
#pragma once

#include <QTimer>
#include <QWidget>

#include "gui/model/query.hpp"
#include "gui/model/session.hpp"
#include "gui/observe/cells_model.hpp"
#include "gui/observe/endpoints_model.hpp"

class QLabel;
class QListView;
class QTableView;

namespace violet::gui {

class SidePanel : public QWidget {
  Q_OBJECT
 public:
  explicit SidePanel(Session* session, QWidget* parent = nullptr);
  bool settled() const { return !topology_.busy(); }
  QTableView* cellsTable() const { return cells_table_; }
  const QLabel* domains() const { return domains_; }

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  void refreshCells();
  void fitColumns();
  void askTopology();
  void showTopology(const TopologyState& state);

  Session* session_;
  CellsModel cells_;
  EndpointsModel endpoints_;
  QTableView* cells_table_;
  QListView* endpoints_list_;
  QLabel *domains_heading_, *domains_;
  QTimer live_;
  bool grown_ = false;
  Nanos asked_at_ = 0;  // Of the topology.
  Query<TopologyState> topology_;
};

}  // namespace violet::gui
