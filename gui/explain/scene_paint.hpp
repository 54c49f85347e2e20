// The scene of a step is painted as boxes with their lines, what changed, what is stale, and the
// ways that things took.
//
// Threading: the main thread.
// Invariants: Everything drawn comes from the frame. Stale lines are in the alarm colour, and
// carry a mark that needs no colour. Text that does not fit is made smaller first and shortened
// only after that.
#pragma once

#include <QColor>
#include <optional>

#include "experiments/lessons/player.hpp"
#include "gui/explain/scene_layout.hpp"
#include "gui/kit/theme.hpp"

class QPainter;

namespace violet::gui {

// How far the things of the step have travelled: `move` is under way, those before it have arrived.
struct Travel {
  std::size_t move = 0;
  double share = 0;
};

QColor tone_colour(lessons::Tone tone);
// Without `travel` everything has arrived.
void paint_scene(QPainter& painter, const QRectF& area, const lessons::Frame& frame,
                 std::optional<Travel> travel);
// The letters' size, or nothing when some line would have to be shortened even at the smallest.
std::optional<double> fitting_points(const QRectF& area, const lessons::Frame& frame);

}  // namespace violet::gui
