#include "gui/experiment/run_matrix.hpp"

#include <algorithm>

#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/progress.hpp"
#include "experiments/results/retries.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/results/statistics.hpp"
#include "experiments/results/until_ci.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {

using results::CellData;
using results::RunData;

namespace {

// The header says what is counted; times need their unit.
QString shortText(double value, const std::string& unit) {
  return unit == "ns" || unit == "%" ? quantityText(value, unit) : countText(value);
}

constexpr const char* kMetricNames[RunMatrix::kMetrics] = {
    "operations_per_s", "map.p50", "unmap.p50", "unmap.p99", "mean_stale_pages", "injected_share"};

}  // namespace

QString waitText(double seconds) { return QString::fromStdString(results::duration_text(seconds)); }

RunMatrix::RunMatrix(QObject* parent) : QAbstractTableModel(parent) {}

void RunMatrix::setPlan(std::vector<PlannedCell> cells, int repetitions, const QString& hash,
                        int most) {
  beginResetModel();
  rows_.clear();
  for (PlannedCell& cell : cells) {
    Row row;
    row.cell = std::move(cell);
    rows_.push_back(std::move(row));
  }
  QStringList labels;
  for (const Row& row : rows_) {
    labels << (row.cell.label.isEmpty() ? row.cell.id : row.cell.label);
  }
  axes_ = cell_axes(labels);
  repetitions_ = repetitions;
  most_ = most;
  hash_ = hash;
  of_this_plan_ = true;  // Until a run is looked at.
  current_.clear();
  endResetModel();
}

// As many repetitions as the plan says; where it cannot be read, as any cell has.
void RunMatrix::setPlanOf(const RunData& run) {
  std::vector<PlannedCell> cells;
  int repetitions = 0;
  for (const CellData& cell : run.cells) {
    cells.push_back(
        {QString::fromStdString(cell.cell.id), QString::fromStdString(cell.cell.label)});
    repetitions = std::max(repetitions, static_cast<int>(cell.repetitions.size()));
  }
  if (const auto planned = run.run_settings.find("repetitions");
      planned != run.run_settings.end()) {
    bool good = false;
    const int number = QString::fromStdString(planned->second).toInt(&good);
    if (good) repetitions = number;
  }
  const QString hash = QString::fromStdString(run.manifest.plan_hash);
  const auto& rule = run.manifest.until_ci;
  const int most = rule ? static_cast<int>(rule->most_repetitions) : 0;
  if (rule) repetitions = static_cast<int>(rule->repetitions);
  const bool same =
      hash == hash_ && repetitions == repetitions_ && most == most_ &&
      std::equal(rows_.begin(), rows_.end(), cells.begin(), cells.end(),
                 [](const Row& row, const PlannedCell& cell) { return row.cell.id == cell.id; });
  if (!same) setPlan(std::move(cells), repetitions, hash, most);
}

void RunMatrix::fill(Row& row, const CellData& data) {
  row.done = static_cast<int>(results::counted_repetitions(data).size());
  for (std::size_t i = 0; i < kMetrics; ++i) {
    const auto samples = results::samples_of(data, kMetricNames[i]);
    if (samples.values.empty()) {
      const bool for_ever = samples.because == results::kStaysReachable;
      row.values[i] = {for_ever ? QStringLiteral("always") : QStringLiteral("n/a"),
                       QString::fromStdString("not available, because " + samples.because)};
      continue;
    }
    const auto median = results::median_estimate(samples);  // Of finished ones.
    QString exact =
        QStringLiteral("%1, median of %2")
            .arg(QString::number(median.value, 'g', 12), countedText(median.samples, "repetition"));
    if (median.interval) {
      exact += QStringLiteral("\n95 % interval %1 to %2")
                   .arg(quantityText(median.interval->low, samples.unit),
                        quantityText(median.interval->high, samples.unit));
    }
    row.values[i] = {shortText(median.value, samples.unit), exact};
  }
}

int RunMatrix::similar() const {
  return static_cast<int>(
      std::count_if(rows_.begin(), rows_.end(), [](const Row& row) { return row.similar > 0; }));
}

void RunMatrix::setResults(const RunData& run) {
  of_this_plan_ = QString::fromStdString(run.manifest.plan_hash) == hash_;
  for (Row& row : rows_) row = {row.cell, 0, false, 0, {}, {}, {}};
  for (const CellData& data : run.cells) {
    const QString id = QString::fromStdString(data.cell.id);
    const auto row = std::find_if(rows_.begin(), rows_.end(),
                                  [&id](const Row& one) { return one.cell.id == id; });
    if (row == rows_.end()) continue;
    if (of_this_plan_) {
      fill(*row, data);
      const auto& rule = run.manifest.until_ci;
      row->narrow = rule && results::precision_of(data, *rule).narrow;
    } else {
      row->similar = static_cast<int>(data.repetitions.size());
      row->similar_in = QString::fromStdString(run.manifest.run_id);
    }
  }
  if (!of_this_plan_) return refresh();
  for (const results::Note& note : run.notes) {
    if (note.severity != "error") continue;
    for (Row& row : rows_) {
      if (row.cell.id == QString::fromStdString(note.cell)) {
        row.error = QString::fromStdString(note.text);
      }
    }
  }
  refresh();
}

void RunMatrix::setCurrent(const QString& cell, int repetition) {
  if (cell == current_ && repetition == current_repetition_) return;
  current_ = cell;
  current_repetition_ = repetition;
  refresh();
}

void RunMatrix::refresh() {
  if (rows_.empty()) return;
  emit dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
}

RunMatrix::CellState RunMatrix::state(int index) const {
  const Row& row = rows_[static_cast<std::size_t>(index)];
  if (!current_.isEmpty() && row.cell.id == current_) return CellState::kRunning;
  if (isComplete(row)) return CellState::kDone;
  if (!row.error.isEmpty()) return CellState::kFailed;
  return row.done > 0 ? CellState::kPartly : CellState::kPlanned;
}

// With a rule the plan's repetitions are not all: a cell goes on while it is wide, and a failure ends it.
bool RunMatrix::isComplete(const Row& row) const {
  if (repetitions_ <= 0 || row.done < repetitions_) return false;
  return most_ == 0 || row.narrow || row.done >= most_;
}

bool RunMatrix::anythingDone() const {
  return std::any_of(rows_.begin(), rows_.end(), [](const Row& row) { return row.done > 0; });
}

int RunMatrix::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}
int RunMatrix::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kMoreAxes + axisCount() - 1;
}

QString RunMatrix::text(const Row& row, int index, int column) const {
  const QStringList& values = axes_.values[static_cast<std::size_t>(index)];
  if (column >= kMoreAxes) return values.value(column - kMoreAxes + 1);
  static const char* const states[] = {"planned", "running", "partly", "done", "failed"};
  switch (column) {
    case kState:
      return QString::fromLatin1(states[static_cast<int>(state(index))]);
    case kCell:
      return values.value(0);
    case kDone:
      if (most_ > 0 && !isComplete(row)) {
        return QStringLiteral("%1 of up to %2").arg(row.done).arg(most_);
      }
      return QStringLiteral("%1 / %2").arg(row.done).arg(std::max(row.done, repetitions_));
    default:
      return row.values[static_cast<std::size_t>(column - kThroughput)].text;
  }
}

QString RunMatrix::tip(const Row& row, int column) const {
  if (column == kCell || column >= kMoreAxes)
    return row.cell.label + QLatin1Char('\n') + row.cell.id;
  if (column == kState && row.similar > 0) {
    return QStringLiteral(
               "not measured with this plan; %1 has %2 of a cell with the same settings, made by "
               "another plan")
        .arg(row.similar_in, countedText(static_cast<std::uint64_t>(row.similar), "repetition"));
  }
  if (column == kState) return row.error;
  if (column < kThroughput) return {};
  return row.values[static_cast<std::size_t>(column - kThroughput)].exact;
}

QVariant RunMatrix::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount() || index.column() >= columnCount()) return {};
  const Row& row = rows_[static_cast<std::size_t>(index.row())];
  switch (role) {
    case Qt::DisplayRole:
      return text(row, index.row(), index.column());
    case Qt::ToolTipRole:
      return tip(row, index.column());
    case kStateRole:
      return static_cast<int>(state(index.row()));
    case kShareRole:
      if (isComplete(row)) return 1.0;
      return repetitions_ > 0 ? std::min(1.0, double(row.done) / std::max(repetitions_, most_))
                              : 0.0;
    case Qt::TextAlignmentRole:
      if (index.column() < kDone || index.column() >= kMoreAxes) return {};
      return static_cast<int>(Qt::AlignRight | Qt::AlignVCenter);
    default:
      return {};
  }
}

QVariant RunMatrix::axisHeader(int section, int role) const {
  QString name = axes_.names.value(section == kCell ? 0 : section - kMoreAxes + 1);
  if (!name.isEmpty()) name[0] = name[0].toUpper();
  if (role == Qt::DisplayRole) return name;
  if (role == Qt::ToolTipRole) return QStringLiteral("What the plan's axes say");
  if (role == Qt::TextAlignmentRole) return static_cast<int>(Qt::AlignLeft | Qt::AlignVCenter);
  return {};
}

QVariant RunMatrix::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= columnCount()) return {};
  if (section == kCell || section >= kMoreAxes) return axisHeader(section, role);
  static const char* const names[] = {"State",   "",          "Done",      "Operations/s",
                                      "Map p50", "Unmap p50", "Unmap p99", "Stale pages",
                                      "Injected"};
  static const char* const tips[] = {"",
                                     "",
                                     "Repetitions that are measured, of those planned",
                                     "Operations of the workload in a second",
                                     "Time of a dma_map call: the median",
                                     "Time of a dma_unmap call: the median",
                                     "Time of a dma_unmap call: 99 % took less",
                                     "Unmapped pages that a device could still reach, on average",
                                     "What was spun on purpose, of the measured time"};
  if (role == Qt::DisplayRole) return QString::fromLatin1(names[section]);
  if (role == Qt::ToolTipRole) return QString::fromLatin1(tips[section]);
  if (role == Qt::TextAlignmentRole) {
    return static_cast<int>((section < kDone ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
  }
  return {};
}

}  // namespace violet::gui
