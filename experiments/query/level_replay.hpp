// Stale and live pages over time: from the events where the window is short, else from the pyramid.
//
// Threading: pure function.
#pragma once

#include "experiments/query/cell_data.hpp"

namespace violet::gui {

struct LevelTotals {
  double mean_stale = 0, peak_stale = 0;  // Of the window.
};

LevelTotals levels_of(const CellData& cell, TimeWindow window, const Columns& columns,
                      std::vector<Column>& stale, std::vector<Column>& live);

}  // namespace violet::gui
