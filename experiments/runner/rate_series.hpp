// A rate series counts operations in slices of time, from the first operation of the warm-up to the end of what is
// measured: whether and when the rate was steady.
//
// Threading: owner-only, the guest lcore.
// Invariants: adding takes no memory and no look at the clock: the loop has looked already. Slices are equally long but for
// what a batch of operations lasts; time between begin() and the last add() before it is no part of any.
// Limits: kMostSlices; where they are full, each two become one, so that a series is 256 to 512 long, or shorter where the
// time is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/clock.hpp"

namespace violet {

struct RateSlice {
  Ticks ticks = 0;
  std::uint64_t operations = 0;
};

class RateSeries {
 public:
  static constexpr std::size_t kMostSlices = 512;
  static constexpr std::uint64_t kFirstNs = 100'000;  // Of a slice, before any two are one.

  explicit RateSeries(Ticks slice = ns_to_ticks(kFirstNs)) : length_(slice) {}

  // The loop begins, or goes on, at this time.
  void begin(Ticks now) { last_ = now; }
  // Operations since begin() or the last call.
  void add(Ticks now, std::uint64_t operations) {
    current_.ticks += now - last_;
    current_.operations += operations;
    last_ = now;
    if (current_.ticks >= length_) end_slice();
  }
  // Complete ones.
  std::span<const RateSlice> slices() const { return {slices_.data(), count_}; }

 private:
  void end_slice();

  std::array<RateSlice, kMostSlices> slices_{};
  std::size_t count_ = 0;
  RateSlice current_;
  Ticks length_;
  Ticks last_ = 0;
};

}  // namespace violet
