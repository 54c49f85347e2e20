// The trace clock turns the times of a log's lines into the never-decreasing time of a trace. Threads of the
// logging process interleave, so small steps back count as no step. One line with a time far off counts
// as an error of that line; two lines that agree mean that the clock was set, which shifts the origin.
//
// Threading: plain value; an importer copies it to undo the effect of a broken line.
#pragma once

#include <cstdint>

namespace violet::datasets {

class TraceClock {
 public:
  enum class Step { kForward, kBack, kJump };

  // `ns` since any epoch; the first time given becomes 0.
  Step advance(std::uint64_t ns) {
    if (!started_) {
      started_ = true;
      last_ = ns;
      return Step::kForward;
    }
    if (ns >= last_ && ns - last_ <= kLongestGap) {
      now_ += ns - last_;
      last_ = ns;
      return Step::kForward;
    }
    if (ns < last_ && last_ - ns <= kNear) return Step::kBack;
    const bool confirmed = outlying_ && (ns > outlier_ ? ns - outlier_ : outlier_ - ns) <= kNear;
    outlying_ = !confirmed;
    outlier_ = ns;
    if (confirmed) last_ = ns;
    return Step::kJump;
  }
  std::uint64_t now() const { return now_; }

 private:
  static constexpr std::uint64_t kNear = 1'000'000'000;                       // 1 s
  static constexpr std::uint64_t kLongestGap = 24 * 3600 * 1'000'000'000ULL;  // one day

  bool started_ = false;
  bool outlying_ = false;
  std::uint64_t last_ = 0;
  std::uint64_t now_ = 0;
  std::uint64_t outlier_ = 0;
};

}  // namespace violet::datasets
