// A run matrix has a row for each cell of a plan, with how far it is and the medians of what it
// has measured.
//
// Threading: the main thread; a RunData is read elsewhere and handed over.
// Invariants: A median is of finished repetitions only, and says of how many. What was not
// measured is an empty field with its reason as tool tip. Results are those of the very plan that is shown: of a
// run whose resolved plan has another hash, cells of the same settings are similar, and stay planned.
#pragma once

#include <QAbstractTableModel>
#include <QString>
#include <array>
#include <optional>
#include <vector>

#include "experiments/results/run_directory.hpp"
#include "gui/experiment/plan_check.hpp"
#include "gui/model/cell_axes.hpp"

namespace violet::gui {

class RunMatrix : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column {
    kState,
    kCell,
    kDone,
    kThroughput,
    kMapP50,
    kUnmapP50,
    kUnmapP99,
    kStalePages,
    kInjected,
    kMoreAxes  // Behind all others, so that those keep their numbers; the view shows them behind kCell.
  };
  static constexpr std::size_t kMetrics = kMoreAxes - kThroughput;
  enum Role { kStateRole = Qt::UserRole + 32, kShareRole };
  enum class CellState { kPlanned, kRunning, kPartly, kDone, kFailed };

  explicit RunMatrix(QObject* parent = nullptr);
  // A new plan: nothing is measured. `hash`: of the plan with every default and override resolved.
  // `most`: repetitions of a cell that is not narrow before; 0: all have as many.
  void setPlan(std::vector<PlannedCell> cells, int repetitions, const QString& hash, int most = 0);
  // The plan that a run was made with.
  void setPlanOf(const results::RunData& run);
  // What is in the run directory now.
  void setResults(const results::RunData& run);
  // Whether the run that was given last was made with the plan that is shown.
  bool ofThisPlan() const { return of_this_plan_; }
  // Cells that another plan's run has measured with the same settings.
  int similar() const;
  // The cell at work; empty: none.
  void setCurrent(const QString& cell, int repetition);

  CellState state(int row) const;
  int repetitions() const { return repetitions_; }
  bool anythingDone() const;
  // What tells the cells apart: of these the first is in kCell. At least one.
  int axisCount() const { return static_cast<int>(axes_.names.size()); }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation,
                      int role = Qt::DisplayRole) const override;

 private:
  struct Value {
    QString text, exact;
  };
  struct Row {
    PlannedCell cell;
    int done = 0;
    bool narrow = false;  // By the run's rule, where it has one.
    int similar = 0;      // Repetitions of a cell with the same settings in a run of another plan,
    QString similar_in;   // and the run.
    QString error;
    std::array<Value, kMetrics> values;
  };
  QString text(const Row& row, int index, int column) const;
  QString tip(const Row& row, int column) const;
  QVariant axisHeader(int section, int role) const;
  void fill(Row& row, const results::CellData& data);
  bool isComplete(const Row& row) const;
  void refresh();

  std::vector<Row> rows_;
  CellAxes axes_ = cell_axes({});
  int repetitions_ = 0, most_ = 0;
  QString hash_;
  bool of_this_plan_ = true;
  QString current_;
  int current_repetition_ = 0;
};

// "1 h 02 min", "3 min 10 s", "12 s".
QString waitText(double seconds);

}  // namespace violet::gui
