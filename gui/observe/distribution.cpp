#include "gui/observe/distribution.hpp"

#include <QFontMetricsF>
#include <QObject>
#include <QPainter>
#include <QPainterPath>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {

namespace {

// The highest bin that is shown: beyond it lie a few at most, and at least a quarter of the axis.
std::size_t last_shown(const TimeHistogram& counts, std::size_t first, std::size_t last) {
  constexpr std::uint64_t kShare = 10'000, kFew = 3, kEnough = 100, kLeast = 20;
  constexpr std::size_t kHalfDecade = 13;
  const auto all = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  const std::uint64_t few = all >= kEnough ? kFew : all >= kLeast ? 1 : 0;
  const std::uint64_t most = std::max(all / kShare, few);
  std::uint64_t beyond = 0;
  std::size_t bin = last;
  while (bin > first && beyond + counts[bin] <= most) beyond += counts[bin--];
  while (counts[bin] == 0) --bin;
  return last - bin >= std::max(kHalfDecade, (last - first) / 4) ? bin : last;
}

}  // namespace

std::optional<ShownBins> shown_bins(const TimeHistogram& counts) {
  const auto some = [](std::uint64_t count) { return count > 0; };
  const auto lowest = std::find_if(counts.begin(), counts.end(), some);
  if (lowest == counts.end()) return std::nullopt;
  const auto highest = std::find_if(counts.rbegin(), counts.rend(), some);
  const auto from = static_cast<std::size_t>(lowest - counts.begin());
  const auto end = static_cast<std::size_t>(highest.base() - counts.begin()) - 1;
  const std::size_t to = last_shown(counts, from, end);
  // A decade at least: less may have no round number in it.
  constexpr std::size_t kDecade = 27;
  const std::size_t pad = std::max<std::size_t>(1, (kDecade - std::min(kDecade, to - from)) / 2);
  ShownBins shown;
  shown.first = from > pad ? from - pad : 0;
  shown.last = std::min(to + pad, LatencyBins::kCount - 1);
  if (shown.last >= end) return shown;
  shown.beyond = std::accumulate(counts.begin() + static_cast<std::ptrdiff_t>(shown.last) + 1,
                                 counts.end(), std::uint64_t{0});
  shown.highest = end;
  return shown;
}

namespace {

constexpr double kZeroBar = 64;
constexpr double kCdfLabels = 38;   // Room at the right for the second axis.
constexpr double kNarrowLeft = 52;  // Room for the y labels of a small panel.

struct Shape {
  ShownBins bins;
  double total = 0, most = 1;
};

Shape shape_of(const Distribution& d) {
  Shape shape;
  shape.bins =
      shown_bins(d.counts).value_or(ShownBins{LatencyBins::of(100), LatencyBins::of(100000)});
  shape.total = double(std::accumulate(d.counts.begin(), d.counts.end(), d.zeros));
  shape.most = double(std::max(d.zeros, *std::max_element(d.counts.begin(), d.counts.end())));
  return shape;
}

void draw_bars(QPainter& painter, const Frame& frame, const Distribution& d, const Shape& shape) {
  const double base = frame.plot.bottom();
  for (std::size_t bin = shape.bins.first; bin <= shape.bins.last; ++bin) {
    if (d.counts[bin] == 0) continue;
    const double left = frame.x.pixel(LatencyBins::low(bin)),
                 right = frame.x.pixel(LatencyBins::low(bin + 1));
    const double top = frame.y.pixel(double(d.counts[bin]));
    // A bar of a single count is still a line.
    painter.fillRect(QRectF(left, std::min(top, base - 1), std::max(1.0, right - left - 0.5),
                            std::max(1.0, base - top)),
                     d.colour);
  }
  if (d.zeros_label.isEmpty()) return;
  const double zero_left = frame.plot.left();
  if (d.zeros > 0) {
    const double top = frame.y.pixel(double(d.zeros));
    painter.fillRect(QRectF(zero_left + 8, top, 28, base - top), theme().good);
  }
  painter.setFont(number_font(8));
  painter.setPen(theme().muted);
  painter.drawText(QRectF(zero_left + 4, base + 3, 36, 14), Qt::AlignHCenter | Qt::AlignTop,
                   d.zeros_label);
}

void draw_cdf(QPainter& painter, const Frame& frame, const Distribution& d, const Shape& shape) {
  QPainterPath path;
  double seen = double(d.zeros);
  const auto y_of = [&](double share) { return frame.plot.bottom() - share * frame.plot.height(); };
  path.moveTo(frame.x.pixel(LatencyBins::low(shape.bins.first)), y_of(seen / shape.total));
  for (std::size_t bin = shape.bins.first; bin <= shape.bins.last; ++bin) {
    seen += double(d.counts[bin]);
    path.lineTo(frame.x.pixel(LatencyBins::low(bin + 1)), y_of(seen / shape.total));
  }
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(QPen(theme().text, 1.4));
  painter.setBrush(Qt::NoBrush);
  painter.drawPath(path);
  painter.setRenderHint(QPainter::Antialiasing, false);
}

// At the right end of the axis, which they are beyond: between the bars and the CDF there.
void draw_beyond(QPainter& painter, const Frame& frame, const ShownBins& bins) {
  if (bins.beyond == 0) return;
  painter.setFont(text_font(8));
  const QFontMetricsF metrics(painter.font());
  const QString says =
      QObject::tr("%1 beyond, %2 at most \u25b8")
          .arg(countText(double(bins.beyond)), durationText(LatencyBins::low(bins.highest + 1)));
  const double width = std::min(metrics.horizontalAdvance(says) + 8, frame.plot.width());
  const QRectF box(frame.plot.right() - width, frame.plot.center().y() - metrics.height() / 2,
                   width, metrics.height());
  painter.fillRect(box, theme().panel);
  painter.setPen(theme().text);
  painter.drawText(box, Qt::AlignCenter, metrics.elidedText(says, Qt::ElideLeft, width));
}

void draw_cdf_labels(QPainter& painter, const Frame& frame) {
  painter.setFont(number_font(8));
  painter.setPen(theme().muted);
  for (const double share : {0.0, 0.5, 1.0}) {
    const double y = std::clamp(frame.plot.bottom() - share * frame.plot.height(),
                                frame.plot.top() + 5, frame.plot.bottom() - 5);
    painter.drawText(QRectF(frame.plot.right() + 4, y - 7, 42, 14),
                     Qt::AlignLeft | Qt::AlignVCenter, QStringLiteral("%1 %").arg(share * 100));
  }
}

}  // namespace

namespace {

Frame distribution_frame(const QRectF& area, const Distribution& d, const Shape& shape,
                         DistributionPart part) {
  const bool both = part == DistributionPart::kBoth;
  FrameText text;
  text.title = d.title;
  if (both) {
    text.legend = {{QStringLiteral("count (left)"), d.colour, LegendEntry::Mark::kBox},
                   {QStringLiteral("CDF (right)"), theme().text, LegendEntry::Mark::kLine}};
  }
  const Scale x{LatencyBins::low(shape.bins.first), LatencyBins::low(shape.bins.last + 1), 0, 0,
                true};
  Scale y{0, std::max(1.0, shape.most * 1.05), 0, 0, false};
  if (part == DistributionPart::kCdf) {
    text.unit = Unit::kShare;
    y.high = 1;
  }
  Frame frame = value_frame(area.adjusted(0, 0, both ? -kCdfLabels : 0, 0), std::move(text), x,
                            Unit::kNanoseconds, y, both ? Frame::kLeft : kNarrowLeft);
  if (!d.zeros_label.isEmpty()) {
    frame.x.from_px = frame.plot.left() + kZeroBar;
    frame.x_ticks = ticks_of(frame.x, Unit::kNanoseconds, 56);
  }
  return frame;
}

}  // namespace

void draw_distribution(QPainter& painter, const QRectF& area, const Distribution& d,
                       DistributionPart part) {
  const Shape shape = shape_of(d);
  const Frame frame = distribution_frame(area, d, shape, part);
  painter.fillRect(area, theme().panel);
  draw_frame(painter, frame);
  if (shape.total == 0) return draw_note(painter, frame.plot, d.note);
  if (part != DistributionPart::kCdf) draw_bars(painter, frame, d, shape);
  if (part != DistributionPart::kBars) draw_cdf(painter, frame, d, shape);
  draw_beyond(painter, frame, shape.bins);
  draw_axes(painter, frame);
  if (part == DistributionPart::kBoth) draw_cdf_labels(painter, frame);
}

}  // namespace violet::gui
