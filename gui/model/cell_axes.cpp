#include "gui/model/cell_axes.hpp"

#include <QMap>
#include <algorithm>

namespace violet::gui {

namespace {

QMap<QString, QString> parts_of(const QString& label) {
  QMap<QString, QString> parts;
  for (const QString& part : label.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
    const auto equals = part.indexOf(QLatin1Char('='));
    if (equals > 0) parts[part.left(equals)] = part.mid(equals + 1);
  }
  return parts;
}

// "net-rx" of "trace:net-rx".
QString without_kind(const QString& value) {
  return value.mid(value.indexOf(QLatin1Char(':')) + 1);
}

// How much all of them begin with, up to a slash and with it.
qsizetype common_folder(const QStringList& values) {
  QString common = values.value(0);
  for (const QString& value : values) {
    while (!common.isEmpty() && !value.startsWith(common)) common.chop(1);
  }
  return common.lastIndexOf(QLatin1Char('/')) + 1;
}

}  // namespace

CellAxes cell_axes(const QStringList& labels) {
  QList<QMap<QString, QString>> cells;
  for (const QString& label : labels) cells << parts_of(label);
  QStringList order{QStringLiteral("strategy"), QStringLiteral("workload"),
                    QStringLiteral("placement")};
  for (const auto& cell : cells) {
    for (const QString& axis : cell.keys()) {
      if (!order.contains(axis)) order << axis;
    }
  }
  CellAxes axes;
  axes.values.resize(static_cast<std::size_t>(labels.size()));
  for (const QString& axis : order) {
    QStringList values;
    for (const auto& cell : cells) values << without_kind(cell.value(axis));
    const bool any = std::any_of(values.begin(), values.end(),
                                 [](const QString& value) { return !value.isEmpty(); });
    const bool differs = std::any_of(cells.begin(), cells.end(), [&](const auto& cell) {
      return cell.value(axis) != cells.first().value(axis);
    });
    if (!any || (!differs && axis != order.first())) continue;
    const qsizetype cut = common_folder(values);
    axes.names << axis.mid(axis.lastIndexOf(QLatin1Char('.')) + 1);
    for (qsizetype i = 0; i < values.size(); ++i) {
      axes.values[static_cast<std::size_t>(i)] << values[i].mid(cut);
    }
  }
  if (!axes.names.isEmpty()) return axes;
  axes.names << QStringLiteral("cell");
  for (qsizetype i = 0; i < labels.size(); ++i) {
    axes.values[static_cast<std::size_t>(i)] << labels[i];
  }
  return axes;
}

}  // namespace violet::gui
