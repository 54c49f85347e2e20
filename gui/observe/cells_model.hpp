// The cells model lists the cells of a run: what tells them apart, a column for each axis that varies,
// their repetition, events, and whether one is live or damaged.
//
// Threading: the main thread.
// Invariants: Axes but the first come behind all other columns, so that those keep their numbers; the view
// shows them behind the first.
#pragma once

#include <QAbstractTableModel>
#include <QString>
#include <QStringList>
#include <vector>

#include "experiments/query/queries.hpp"
#include "gui/model/cell_axes.hpp"

namespace violet::gui {
using namespace query;

class CellsModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { kLabel, kRepetition, kEvents, kInjected, kMoreAxes };
  static constexpr int kStrategyRole = Qt::UserRole;

  using QAbstractTableModel::QAbstractTableModel;

  // Keeps the rows where only the last ones are new, so that a live run does not lose its place.
  void setCells(std::vector<CellInfo> cells);
  const std::vector<CellInfo>& cells() const { return cells_; }
  // At least one.
  int axisCount() const { return static_cast<int>(axes_.names.size()); }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  std::vector<CellInfo> cells_;
  CellAxes axes_ = cell_axes({});
};

// What the cell is, in one line: strategy, workload, placement, IOTLB.
QString cellText(const CellInfo& cell);
// What tells the cells apart, strategy first: "lazy-percpu, net-rx". As many as there are cells.
QStringList cellNames(const std::vector<CellInfo>& cells);

}  // namespace violet::gui
