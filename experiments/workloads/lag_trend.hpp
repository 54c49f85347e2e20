// A lag trend tells whether an open loop keeps up with what is offered: how late its operations began, in each quarter
// of them.
//
// Overloaded is what falls behind more and more: the median lag of each quarter is above that of the one before, and from
// the first to the last it grows by more than 1 % of three quarters of the measured time, which means that less than 99 %
// of a steady rate is reached. A burst or a hiccup that is caught up with is none: some later quarter has less lag. The
// quarters are of operations and not of the time, because traces have pauses.
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
  static constexpr std::size_t kFewest = 8;  // Lags of a quarter that has a median.
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
  // Of the operations that began from `begin` to before `end`; nothing: a quarter of them is fewer than kFewest.
  std::optional<Verdict> verdict(Ticks begin, Ticks end) const;

 private:
  struct Lag {
    Ticks at;
    Ticks lag;
  };

  void thin_out();

  std::vector<Lag> kept_;
  std::uint64_t seen_ = 0;
  std::uint64_t stride_ = 1;  // A power of two.
};

}  // namespace violet
