// Burst sizes are drawn for the interrupts of a device: how many completions a driver finds and unmaps before it maps
// again. Sizes are geometric, as if each completion ended a burst with the same probability, and cut off at a budget, as
// NAPI cuts them (net/core/dev.c).
//
// Threading: owner-only.
// Invariants: the same seed draws the same sizes; their mean is the one that was asked for, or `most`.
#pragma once

#include <cmath>
#include <cstdint>

#include "engine/base/rng.hpp"

namespace violet {

class BurstSizes {
 public:
  // mean >= 1; where it is above `most` every size is `most`.
  BurstSizes(double mean, std::uint32_t most, std::uint64_t seed)
      : rng_(seed), most_(most), goes_on_(share_that_goes_on(mean, most)) {}

  std::uint32_t draw() {
    std::uint32_t size = 1;
    while (size < most_ && rng_.chance(goes_on_)) ++size;
    return size;
  }

 private:
  // The mean of a geometric size with `share`, cut off at `most`, is (1 - share^most) / (1 - share), and grows with it.
  static double share_that_goes_on(double mean, std::uint32_t most) {
    double low = 0, high = 1;
    for (int i = 0; i < 50; ++i) {
      const double share = (low + high) / 2;
      const double its_mean = (1 - std::pow(share, most)) / (1 - share);
      (its_mean < mean ? low : high) = share;
    }
    return mean >= most ? 1 : low;
  }

  Rng rng_;
  std::uint32_t most_;
  double goes_on_;
};

}  // namespace violet
