// A difference table has a row for each metric and contender, with medians, the ratio, its 95 %
// interval and a verdict against this host's noise.
//
// Threading: the main thread.
#pragma once

#include <QAbstractTableModel>
#include <vector>

#include "experiments/query/differences.hpp"

namespace violet::gui {
using namespace query;

class DifferenceTable : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column {
    kMetric,
    kContender,
    kBefore,
    kAfter,
    kRatio,
    kInterval,
    kInjected,
    kVerdict,
    kWhy,
    kColumns
  };
  enum Role { kVerdictRole = Qt::UserRole + 16, kSortRole };

  explicit DifferenceTable(QObject* parent = nullptr);
  void setDifferences(std::vector<NamedDifference> differences);
  const std::vector<NamedDifference>& differences() const { return rows_; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation,
                      int role = Qt::DisplayRole) const override;

 private:
  QString text(const NamedDifference& row, int column) const;
  QString exact(const NamedDifference& row, int column) const;
  std::vector<NamedDifference> rows_;
};

}  // namespace violet::gui
