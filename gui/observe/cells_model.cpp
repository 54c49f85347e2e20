#include "gui/observe/cells_model.hpp"

#include <QStringList>
#include <algorithm>

#include "gui/model/text.hpp"

namespace violet::gui {

QString cellText(const CellInfo& cell) {
  QStringList parts;
  for (const std::string* part :
       {&cell.strategy, &cell.workload, &cell.placement, &cell.iotlb, &cell.store}) {
    if (!part->empty()) parts << QString::fromStdString(*part);
  }
  return parts.isEmpty() ? QString::fromStdString(cell.label) : parts.join(QStringLiteral(", "));
}

namespace {
QStringList labels_of(const std::vector<CellInfo>& cells) {
  QStringList labels;
  for (const CellInfo& cell : cells) labels << QString::fromStdString(cell.label);
  return labels;
}
}  // namespace

QStringList cellNames(const std::vector<CellInfo>& cells) {
  QStringList names;
  for (QStringList values : cell_axes(labels_of(cells)).values) {
    values.removeAll(QString());
    names << values.join(QStringLiteral(", "));
  }
  return names;
}

void CellsModel::setCells(std::vector<CellInfo> cells) {
  CellAxes axes = cell_axes(labels_of(cells));
  const bool grown = axes.names == axes_.names && cells.size() >= cells_.size() &&
                     std::equal(cells_.begin(), cells_.end(), cells.begin(),
                                [](const CellInfo& a, const CellInfo& b) {
                                  return a.cell_id == b.cell_id && a.repetition == b.repetition;
                                });
  if (!grown) {
    beginResetModel();
    cells_ = std::move(cells);
    axes_ = std::move(axes);
    endResetModel();
    return;
  }
  const int before = static_cast<int>(cells_.size()), now = static_cast<int>(cells.size());
  if (now > before) beginInsertRows({}, before, now - 1);
  cells_ = std::move(cells);
  axes_ = std::move(axes);
  if (now > before) endInsertRows();
  if (before > 0) emit dataChanged(index(0, 0), index(before - 1, columnCount() - 1));
}

int CellsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(cells_.size());
}
int CellsModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kMoreAxes + axisCount() - 1;
}

namespace {

QString tip_of(const CellInfo& cell) {
  QStringList lines{QString::fromStdString(cell.label)};
  lines << QStringLiteral("%1, %2").arg(repetitionText(cell), countedText(cell.events, "event"));
  lines << (cell.injected_percent
                ? QStringLiteral("%1 of the measured time was injected")
                      .arg(injectedText(cell.injected_percent))
                : QStringLiteral("how much of the time was injected is not known: %1")
                      .arg(QString::fromStdString(cell.injected_because)));
  if (cell.live) lines << QStringLiteral("live: still growing");
  if (cell.unrecorded) {
    lines << QStringLiteral("seen live and not recorded: gone when this window closes");
  }
  if (!cell.standing.why.empty()) lines << qt(cell.standing.why);
  if (cell.lossy()) lines << QStringLiteral("lost %1").arg(lostText(cell));
  if (cell.cut_short) lines << QStringLiteral("the file ends in the middle of a block");
  if (!cell.notice.empty()) lines << QString::fromStdString(cell.notice);
  return lines.join(QLatin1Char('\n'));
}

QString state_of(const CellInfo& cell) {
  if (cell.live) return QStringLiteral(" ●");
  const bool flawed =
      cell.cut_short || cell.lossy() || !cell.notice.empty() || !cell.standing.words.empty();
  return flawed ? QStringLiteral(" !") : QString();
}

}  // namespace

QVariant CellsModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const CellInfo& cell = cells_[static_cast<std::size_t>(index.row())];
  if (role == kStrategyRole) return QString::fromStdString(cell.strategy);
  if (role == Qt::ToolTipRole) return tip_of(cell);
  const bool number = index.column() >= kRepetition && index.column() <= kInjected;
  if (role == Qt::TextAlignmentRole && number) {
    return QVariant::fromValue(Qt::Alignment(Qt::AlignRight | Qt::AlignVCenter));
  }
  if (role != Qt::DisplayRole) return {};
  const QStringList& values = axes_.values[static_cast<std::size_t>(index.row())];
  switch (index.column()) {
    case kLabel:
      return values.value(0) + state_of(cell);
    case kRepetition:
      return cell.repetition + 1;
    case kEvents:
      return countText(double(cell.events));
    case kInjected:
      return injectedText(cell.injected_percent);
    default:
      return values.value(index.column() - kMoreAxes + 1);
  }
}

QVariant CellsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (role != Qt::DisplayRole || orientation != Qt::Horizontal) return {};
  if (section == kRepetition) return QStringLiteral("Rep");
  if (section == kEvents) return QStringLiteral("Events");
  if (section == kInjected) return QStringLiteral("Injected");
  QString name = axes_.names.value(section == kLabel ? 0 : section - kMoreAxes + 1);
  if (!name.isEmpty()) name[0] = name[0].toUpper();
  return name;
}

}  // namespace violet::gui
