// What differs between the chosen cells: a row for each metric and contender, with medians, the ratio, its
// 95 % interval and a verdict against this host's noise.
//
// Threading: measureDifferences() is pure; the model belongs to the main thread.
#pragma once

#include <QAbstractTableModel>
#include <vector>

#include "experiments/results/compare.hpp"

namespace violet::gui {

struct NamedDifference {
  std::string contender;
  results::Difference difference;
};

// The metrics that have a better direction, p50 and p99 of histograms. The cells may be of one run, whose
// interleaved repetitions are paired, or of two; the noise floor is the larger one.
std::vector<NamedDifference> measureDifferences(const results::RunData& baseline_run,
                                                const results::CellData& baseline,
                                                const results::RunData& contender_run,
                                                const results::CellData& contender,
                                                const std::string& name);

// Metric by metric, so that the contenders of one lie side by side: what the workspace is about first, what is
// zero everywhere last.
void sortByImportance(std::vector<NamedDifference>& rows);

class DifferenceTable : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { kMetric, kContender, kBefore, kAfter, kRatio, kInterval, kVerdict, kWhy, kColumns };
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
