// A distribution of times is drawn as bars over logarithmic nanoseconds, with the CDF over them or
// each of the two alone. For histograms that hold zeros apart, those get a bar of their own at the
// left.
//
// Threading: the main thread.
#pragma once

#include <QColor>
#include <QRectF>
#include <QString>
#include <array>
#include <cstdint>
#include <optional>

#include "gui/kit/frame.hpp"

class QPainter;

namespace violet::gui {

using TimeHistogram = std::array<std::uint64_t, LatencyBins::kCount>;

struct Distribution {
  QString title;  // "Time from the return of dma_unmap to unreachable (log)"
  const TimeHistogram& counts;
  std::uint64_t zeros = 0;
  QString zeros_label = {};  // "0": what the bar at the left says.
  QColor colour;
  QString note;  // Shown when there is nothing.
};
// Both over each other with two axes, or one of them with the narrow axis of a small panel.
enum class DistributionPart { kBoth, kBars, kCdf };
void draw_distribution(QPainter& painter, const QRectF& area, const Distribution& distribution,
                       DistributionPart part = DistributionPart::kBoth);

// The bins that an axis shows: all that hold something, with a bin of margin, but for a few operations
// far above all others (of 10,000 one, three of 100, and one of 20), which would leave the rest a corner of the
// picture. How many those are and how long they took is said beside the axis.
struct ShownBins {
  std::size_t first = 0, last = 0;
  std::uint64_t beyond = 0;  // Operations in higher bins,
  std::size_t highest = 0;   // and the highest bin of those.
};
// Nothing for an empty histogram.
std::optional<ShownBins> shown_bins(const TimeHistogram& counts);

}  // namespace violet::gui
