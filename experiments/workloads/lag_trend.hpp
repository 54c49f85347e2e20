// A lag trend tells whether an open loop keeps up with what is offered: for how long the next operation has been overdue,
// over the quarters of the measured time. While nothing is due that is 0, so that it is known in a trace's pauses, too.
//
// Overloaded is what falls behind more and more: the median lag of each quarter is above that of the one before, and from
// the first to the last it grows by more than 1 % of the time between their middles, which means that less than 99 % of
// the offered rate is reached. A burst or a hiccup that is caught up with is none: some later quarter has less lag.
// The percentiles of an overloaded repetition say how long it was, and nothing of the strategy.
//
// Threading: owner-only, the guest lcore.
// Limits: memory for kMostKept lags; where more come, one of two of them is kept, then one of four, and so on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/base/clock.hpp"

namespace violet {

class LagTrend {
 public:
  static constexpr std::size_t kMostKept = 8192;
  static constexpr double kMissingShare = 0.01;

  struct Verdict {
    bool overloaded = false;
    // Of the offered rate; above 1 where a backlog from before the measured time shrinks.
    double rate_reached = 1;
  };

  LagTrend() { kept_.reserve(kMostKept); }

  // An operation began at `at`, so much later than it should have. Times do not go backwards.
  void record(Ticks at, Ticks lag) {
    if ((seen_++ & (stride_ - 1)) != 0) return;
    kept_.push_back({at, lag});
    if (kept_.size() == kMostKept) thin_out();
  }
  void reset();
  // Nothing: no operation began from `begin` to before `end`.
  std::optional<Verdict> verdict(Ticks begin, Ticks end) const;

 private:
  struct Lag {
    Ticks at;
    Ticks lag;
  };

  void thin_out();
  Ticks lag_at(Ticks time) const;

  std::vector<Lag> kept_;
  std::uint64_t seen_ = 0;
  std::uint64_t stride_ = 1;  // A power of two.
};

}  // namespace violet
