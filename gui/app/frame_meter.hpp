// A frame meter measures how steadily a live run is drawn: the times between the frames that the
// window shows.
//
// Threading: the main thread.
#pragma once

#include <QElapsedTimer>
#include <QString>

#include "experiments/hdr/hdr_histogram.hpp"

namespace violet::gui {

class FrameMeter {
 public:
  // Forgets what came before; the next frame is the first.
  void start();
  void frame();
  std::uint64_t frames() const { return between_ns_.total(); }
  // "61 frames/s", of the last second or so; empty before there are two.
  QString rateText() const;
  // "1,203 frames, 16.7 ms apart (median), 99th 31.0 ms"; empty before there are two.
  QString summary() const;

 private:
  results::HdrHistogram between_ns_;
  QElapsedTimer since_;
  double smooth_ms_ = 0;
};

}  // namespace violet::gui
