#include "gui/app/frame_meter.hpp"

#include <algorithm>

#include "gui/model/text.hpp"

namespace violet::gui {

namespace {
constexpr double kOld = 0.95;  // Of the smoothed time, each frame: half of it is gone after 14.
}

void FrameMeter::start() {
  between_ns_.reset();
  since_.invalidate();
  smooth_ms_ = 0;
}

void FrameMeter::frame() {
  if (since_.isValid()) {
    const auto ns = static_cast<std::uint64_t>(since_.nsecsElapsed());
    between_ns_.record(ns);
    const double ms = double(ns) / 1e6;
    smooth_ms_ = smooth_ms_ == 0 ? ms : kOld * smooth_ms_ + (1 - kOld) * ms;
  }
  since_.start();
}

QString FrameMeter::rateText() const {
  if (smooth_ms_ <= 0) return {};
  // A picture that stands still must not keep the rate of its last frames.
  const double ms = std::max(smooth_ms_, double(since_.nsecsElapsed()) / 1e6);
  return QStringLiteral("%1 frames/s").arg(1000 / ms, 0, 'f', 0);
}

QString FrameMeter::summary() const {
  if (frames() == 0) return {};
  return QStringLiteral("%L1 frames, %2 apart (median), 99th %3")
      .arg(frames())
      .arg(durationText(double(between_ns_.percentile(50))),
           durationText(double(between_ns_.percentile(99))));
}

}  // namespace violet::gui
