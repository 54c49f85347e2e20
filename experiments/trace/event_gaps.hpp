// The times in which events are missing, of all lcores together.
//
// Threading: owner-only.
// Invariants: gaps lie apart from each other, in order of time.
// Limits: at most kMost are kept; beyond that the oldest two become one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "engine/base/clock.hpp"

namespace violet {

class EventGaps {
 public:
  static constexpr std::size_t kMost = 1 << 16;

  void add(Ticks from, Ticks to) {
    if (gaps_.size() >= kMost) {
      gaps_[1].from = gaps_[0].from;
      gaps_.erase(gaps_.begin());
    }
    Gap gap{from, to};
    const auto first = std::lower_bound(gaps_.begin(), gaps_.end(), from,
                                        [](const Gap& one, Ticks at) { return one.to < at; });
    auto end = first;
    for (; end != gaps_.end() && end->from <= to; ++end) {
      gap = {std::min(gap.from, end->from), std::max(gap.to, end->to)};
    }
    gaps_.insert(gaps_.erase(first, end), gap);
    next_end_ = std::min(next_end_, to);
  }

  // Whether events may be missing in a life from `from` to `to`.
  bool touch(Ticks from, Ticks to) const {
    const auto gap = after(from);
    return gap != gaps_.end() && gap->from <= to;
  }

  // The first end of a gap that was not passed.
  Ticks next_end() const { return next_end_; }
  void pass(Ticks at) {
    const auto next = after(at);
    next_end_ = next == gaps_.end() ? ~Ticks{0} : next->to;
  }

 private:
  struct Gap {
    Ticks from, to;
  };
  // The first that ends after `at`.
  std::vector<Gap>::const_iterator after(Ticks at) const {
    return std::upper_bound(gaps_.begin(), gaps_.end(), at,
                            [](Ticks now, const Gap& gap) { return now < gap.to; });
  }

  std::vector<Gap> gaps_;
  Ticks next_end_ = ~Ticks{0};
};

}  // namespace violet
