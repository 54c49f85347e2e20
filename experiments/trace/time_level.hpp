// A time level is a number that changes over time, with its integral and its peak inside an
// interval.
//
// Threading: plain value. Precondition: moves come in time order.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/base/clock.hpp"

namespace violet {

class TimeLevel {
 public:
  // What counts; before the first move.
  void judge(Ticks begin, Ticks end) {
    begin_ = since_ = begin;
    end_ = end;
  }
  void move(Ticks at, std::int64_t by) {
    settle(at);
    value_ += by;
    if (at >= begin_ && at <= end_) peak_ = std::max(peak_, value_);
  }
  // Accounts for the time up to `at`.
  void settle(Ticks at) {
    at = std::clamp(at, begin_, end_);
    if (at <= since_) return;
    peak_ = std::max(peak_, value_);  // What was there when the interval began counts as well.
    integral_ += static_cast<double>(value_) * static_cast<double>(at - since_);
    since_ = at;
  }
  double integral() const { return integral_; }  // Things times ticks.
  std::uint64_t peak() const {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, peak_));
  }

 private:
  Ticks begin_ = 0;
  Ticks end_ = ~Ticks{0};
  Ticks since_ = 0;
  std::int64_t value_ = 0;
  std::int64_t peak_ = 0;
  double integral_ = 0;
};

// With the end of reachability at its earliest and at its latest.
template <class T>
struct Bounds {
  T lower{};
  T upper{};
  bool operator==(const Bounds&) const = default;
};

}  // namespace violet
