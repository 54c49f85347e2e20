// A score board draws a row for each way of doing the job and a column of bars for each measure.
//
// Threading: the main thread.
#pragma once

#include <vector>

#include "experiments/lessons/player.hpp"

class QPainter;
class QRectF;

namespace violet::gui {

void paint_scores(QPainter& painter, const QRectF& area, const std::vector<lessons::Score>& scores);

}  // namespace violet::gui
