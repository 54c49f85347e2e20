// Which pages of memory a device can still reach after their unmap, and which of those have a new
// owner: a later dma_map handed them out again.
//
// Threading: owner-only. Precondition: calls come in time order.
// Limits: a page counts once from the moment it is handed out again until nothing reaches it. The new
// owner may be the old one, a driver that recycles its buffers: events do not tell.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "experiments/trace/time_level.hpp"

namespace violet {

// With the end of reachability at its earliest and at its latest.
template <class T>
struct Bounds {
  T lower{};
  T upper{};
  bool operator==(const Bounds&) const = default;
};

class StaleMemory {
 public:
  void judge(Ticks begin, Ticks end) {
    begin_ = begin;
    end_ = end;
    level_.lower.judge(begin, end);
    level_.upper.judge(begin, end);
  }
  void settle(Ticks at) {
    level_.lower.settle(at);
    level_.upper.settle(at);
  }
  // A page became stale; `executed`: by the earliest reckoning it is not.
  void become_stale(std::uint64_t page, bool executed);
  // One way to it ended, by one of the two reckonings.
  void end_lower(std::uint64_t page, Ticks at) { end(page, at, &Ways::lower, level_.lower); }
  void end_upper(std::uint64_t page, Ticks at) { end(page, at, &Ways::upper, level_.upper); }
  // A dma_map got the page.
  void hand_out(std::uint64_t page, Ticks at);

  Bounds<std::uint64_t> reowned() const { return count_; }
  // Pages times ticks.
  Bounds<double> reowned_integral() const {
    return {level_.lower.integral(), level_.upper.integral()};
  }

 private:
  struct Way {
    std::uint32_t ways = 0;
    bool reowned = false;
  };
  using Ways = Bounds<Way>;

  void end(std::uint64_t page, Ticks at, Way Ways::*bound, TimeLevel& level);
  void note(Way& way, TimeLevel& level, std::uint64_t& count, Ticks at);

  Ticks begin_ = 0;
  Ticks end_ = ~Ticks{0};
  std::unordered_map<std::uint64_t, Ways> pages_;
  Bounds<TimeLevel> level_;
  Bounds<std::uint64_t> count_;
};

}  // namespace violet
