// Cell axes tell the cells of a run apart: what differs among their labels, an axis a column, so that
// nothing has to be cut where it differs.
//
// Threading: pure functions.
// Invariants: The first column is the strategy where the labels have one, whether it varies or not; the
// others are axes whose values differ. A value is shown without what all values of its axis begin with
// up to a slash, so that paths differ in what is read first.
#pragma once

#include <QString>
#include <QStringList>
#include <vector>

namespace violet::gui {

struct CellAxes {
  QStringList names;  // "strategy", "workload", "page_size": the last part of the axis.
  std::vector<QStringList>
      values;  // A cell each, as many as `names`; empty where it has no such axis.
};

// `labels`: "workload=net-rx strategy=strict". Of labels that have no axes the one column is the label.
CellAxes cell_axes(const QStringList& labels);

}  // namespace violet::gui
