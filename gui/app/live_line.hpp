// A live line says how far a live run is: which cell, the time that is left, how late the picture is and what
// was lost; and, once it is over, how it ended.
//
// Threading: pure functions.
// Invariants: what is not known is left out and never 0. A run that died is never called ended.
#pragma once

#include <QString>

#include "experiments/query/queries.hpp"

namespace violet::gui {
using namespace query;

// "cell 3 of 6 · 12 s left · lag 32 ms · all cells lost 0 · pinned"; of a run whose process is gone while the window is
// behind "died · reading what it left · all cells lost 0"; empty for a recorded run.
QString liveLine(const RunProgress& progress, std::size_t cells, bool pinned);
// So late that the picture is not the run's any more.
inline constexpr double kLateS = 0.5;
bool isLate(const RunProgress& progress);
// What to say of a recording whose run has not said how it ended: it goes on, or died. Empty: it has. Reads
// its manifest.
QString unfinishedText(const QString& run_directory);
// What to say when the run is over, in a sentence or two; `cell` is the newest that was seen.
QString endingText(const RunProgress& progress, const QString& cell);

}  // namespace violet::gui
