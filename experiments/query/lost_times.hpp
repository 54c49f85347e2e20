// Lost times are when events of a window are missing, of whichever lcore: nothing is counted of them, and nothing
// averaged over them.
//
// Threading: immutable value.
// Invariants: in order and apart from each other; each at least a nanosecond long.
#pragma once

#include <vector>

#include "experiments/query/cell_data.hpp"

namespace violet::query {

class LostTimes {
 public:
  // As the kept events say.
  LostTimes(const CellData& cell, TimeWindow window);

  bool empty() const { return times_.empty(); }
  // Whether what happened then is among the lost, or surrounded by them.
  bool hold(Nanos at) const {
    const auto time = after(at);
    return time != times_.end() && time->from < at;
  }
  const std::vector<TimeWindow>& times() const { return times_; }
  // visit(from, to) for the parts of [from, to) of which nothing is missing.
  template <class Visit>
  void for_seen(Nanos from, Nanos to, Visit&& visit) const {
    for (auto time = after(from); from < to; ++time) {
      const Nanos until = time == times_.end() ? to : std::min(to, time->from);
      if (until > from) visit(from, until);
      if (time == times_.end()) return;
      from = std::max(from, time->to);
    }
  }

 private:
  // The first that ends after `at`.
  std::vector<TimeWindow>::const_iterator after(Nanos at) const {
    return std::partition_point(times_.begin(), times_.end(),
                                [at](const TimeWindow& one) { return one.to <= at; });
  }

  std::vector<TimeWindow> times_;
};

// How much of what an answer is about has events missing: of buckets with a gap all, where it was made of them.
Nanos missing_of(const CellData& cell, const Resolution& resolution);
// Whether that is all of it: what was counted then is no number of what happened. `missing` is set.
bool all_missing(const CellData& cell, const Resolution& resolution);
inline constexpr const char* kAllLost = "events were lost in all of this time";

}  // namespace violet::query
