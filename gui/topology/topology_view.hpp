// The topology view lays out the widgets of the Topology workspace; see topology_workspace.hpp.
//
// Threading: the main thread.
#pragma once

#include "gui/kit/states.hpp"
#include "gui/kit/workspace.hpp"
#include "gui/model/query.hpp"
#include "gui/model/session.hpp"
#include "gui/topology/topology_picture.hpp"
#include "gui/topology/topology_table.hpp"
#include "gui/topology/viot_picture.hpp"
#include "gui/topology/viot_table.hpp"

class QLabel;
class QLineEdit;
class QScrollArea;
class QSplitter;
class QStackedWidget;
class QTableView;
class QToolButton;

namespace violet::gui {

class TopologyView : public Workspace {
  Q_OBJECT
 public:
  explicit TopologyView(Session& session, QWidget* parent = nullptr);

  QString name() const override { return tr("Topology"); }
  std::vector<ActionRow> actions() override;
  bool settled() const override { return !ask_.busy(); }
  QString caption() const override;
  void showControls(bool on) override;

 public slots:
  void openViot(const QString& path);
  void showViot(bool on);

 protected:
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;
  bool eventFilter(QObject* object, QEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;

 private:
  void fitSplit();
  QWidget* makeBar();
  QTableView* makeTable();
  void chooseViot();
  void askTopology();
  void showTopology(TopologyState state);
  void showState();
  void rowChosen();
  void search(const QString& needle);
  Nanos asked() const;
  QString momentText(const TopologyState& state) const;

  Session& session_;
  Query<TopologyState> ask_;
  TopologyTable* table_model_;
  ViotTableModel* viot_model_;
  RowFilter* filter_;
  bool viot_ = false, viot_loaded_ = false;
  QString viot_path_, viot_error_;

  QWidget* buttons_;
  QToolButton *run_button_, *viot_button_;
  QLabel *at_, *warnings_, *count_;
  QLineEdit* search_;
  QStackedWidget* pages_;  // Picture and table, or a state.
  StatePage* state_page_;
  QScrollArea* scroll_;
  TopologyPicture* picture_;
  ViotPicture* viot_picture_;
  QStackedWidget* pictures_;
  QTableView* table_;
  QSplitter* split_;
  bool split_moved_ = false;  // By the reader: it stays.
};

}  // namespace violet::gui
