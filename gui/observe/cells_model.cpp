#include "gui/observe/cells_model.hpp"

#include <QMap>
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

// Of "workload=net-rx strategy=strict": the values by their axes.
QMap<QString, QString> axes_of(const CellInfo& cell) {
  QMap<QString, QString> axes;
  for (const QString& part :
       QString::fromStdString(cell.label).split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
    const auto equals = part.indexOf(QLatin1Char('='));
    if (equals > 0) axes[part.left(equals)] = part.mid(equals + 1);
  }
  return axes;
}

}  // namespace

QStringList cellNames(const std::vector<CellInfo>& cells) {
  QStringList names;
  QList<QMap<QString, QString>> all;
  for (const CellInfo& cell : cells) all << axes_of(cell);
  QStringList order{QStringLiteral("strategy"), QStringLiteral("workload"),
                    QStringLiteral("placement")};
  for (const auto& axes : all) {
    for (const QString& axis : axes.keys()) {
      if (!order.contains(axis)) order << axis;
    }
  }
  for (qsizetype i = 0; i < all.size(); ++i) {
    QStringList parts;
    for (const QString& axis : order) {
      const QString value = all[i].value(axis);
      const bool differs = std::any_of(
          all.begin(), all.end(), [&](const auto& other) { return other.value(axis) != value; });
      const bool named = axis == QLatin1String("strategy") || differs;
      if (named && !value.isEmpty()) parts << value.mid(value.indexOf(QLatin1Char(':')) + 1);
    }
    const QString label = QString::fromStdString(cells[static_cast<std::size_t>(i)].label);
    names << (parts.isEmpty() ? label : parts.join(QStringLiteral(", ")));
  }
  return names;
}

void CellsModel::setCells(std::vector<CellInfo> cells) {
  names_ = cellNames(cells);
  const bool grown = cells.size() >= cells_.size() &&
                     std::equal(cells_.begin(), cells_.end(), cells.begin(),
                                [](const CellInfo& a, const CellInfo& b) {
                                  return a.cell_id == b.cell_id && a.repetition == b.repetition;
                                });
  if (!grown) {
    beginResetModel();
    cells_ = std::move(cells);
    endResetModel();
    return;
  }
  const int before = static_cast<int>(cells_.size()), now = static_cast<int>(cells.size());
  if (now > before) beginInsertRows({}, before, now - 1);
  cells_ = std::move(cells);
  if (now > before) endInsertRows();
  if (before > 0) emit dataChanged(index(0, 0), index(before - 1, kColumns - 1));
}

int CellsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(cells_.size());
}
int CellsModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(kColumns);
}

namespace {

QString tip_of(const CellInfo& cell) {
  QStringList lines{QString::fromStdString(cell.label)};
  lines << QStringLiteral("%1, %2 events").arg(repetitionText(cell)).arg(cell.events);
  if (cell.live) lines << QStringLiteral("live: still growing");
  if (cell.unrecorded) {
    lines << QStringLiteral("seen live and not recorded: gone when this window closes");
  }
  if (cell.lost > 0) lines << QStringLiteral("%1 events were lost").arg(cell.lost);
  if (cell.cut_short) lines << QStringLiteral("the file ends in the middle of a block");
  if (!cell.notice.empty()) lines << QString::fromStdString(cell.notice);
  return lines.join(QLatin1Char('\n'));
}

QString state_of(const CellInfo& cell) {
  if (cell.live) return QStringLiteral(" ●");
  const bool flawed = cell.cut_short || cell.lost > 0 || !cell.notice.empty();
  return flawed ? QStringLiteral(" !") : QString();
}

}  // namespace

QVariant CellsModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const CellInfo& cell = cells_[static_cast<std::size_t>(index.row())];
  if (role == kStrategyRole) return QString::fromStdString(cell.strategy);
  if (role == Qt::ToolTipRole) return tip_of(cell);
  if (role == Qt::TextAlignmentRole && index.column() != kLabel) {
    return QVariant::fromValue(Qt::Alignment(Qt::AlignRight | Qt::AlignVCenter));
  }
  if (role != Qt::DisplayRole) return {};
  switch (index.column()) {
    case kLabel:
      return names_[index.row()] + state_of(cell);
    case kRepetition:
      return cell.repetition + 1;
    case kEvents:
      return countText(double(cell.events));
    default:
      return {};
  }
}

QVariant CellsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (role != Qt::DisplayRole || orientation != Qt::Horizontal) return {};
  static const char* const kNames[] = {"Cell", "Rep", "Events"};
  return section >= 0 && section < kColumns ? QString::fromLatin1(kNames[section]) : QString();
}

}  // namespace violet::gui
