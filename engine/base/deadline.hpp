// A deadline ends what waits: at the time that its owner sets, or at once when a stop is asked for, by a signal for
// example. Whatever spins, or polls for something that need not come, looks at one.
//
// Threading: the owner sets the time, any thread looks.
// Invariants: once a stop is asked for the deadline is over for good.
#pragma once

#include <atomic>

#include "engine/base/clock.hpp"

namespace violet {

class Deadline {
 public:
  static constexpr Ticks kNever = ~Ticks{0};

  // `stop` outlives the deadline; null: nobody asks.
  explicit Deadline(const std::atomic<bool>* stop = nullptr, Ticks at = kNever)
      : stop_(stop), at_(at) {}

  void set(Ticks at) { at_.store(at, std::memory_order_relaxed); }
  bool stopped() const { return stop_ != nullptr && stop_->load(std::memory_order_relaxed); }
  bool over(Ticks now) const { return now >= at_.load(std::memory_order_relaxed) || stopped(); }

 private:
  const std::atomic<bool>* stop_;
  std::atomic<Ticks> at_;
};

// Busy-waits as spin_ticks() does, but not beyond the deadline, and returns how long it really took: what preempted it
// counts. Null: there is no deadline.
inline Ticks spin_ticks(Ticks ticks, const Deadline* deadline) noexcept {
  const Ticks start = now_ticks();
  Ticks now = start;
  for (; now - start < ticks; now = now_ticks()) {
    if (deadline != nullptr && deadline->over(now)) break;
    cpu_pause();
  }
  return now - start;
}

}  // namespace violet
