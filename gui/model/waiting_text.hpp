// A waiting text says why a run that goes on shows no cell so far: it has recorded none, or the window is behind it;
// and of one whose process is gone that it is over.
//
// Threading: pure function.
#pragma once

#include <QString>

#include "experiments/query/queries.hpp"

namespace violet::gui {
using namespace query;

QString waitingText(const RunProgress& progress);

}  // namespace violet::gui
