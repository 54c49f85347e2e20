#include "experiments/runner/rate_series.hpp"

namespace violet {

void RateSeries::end_slice() {
  slices_[count_++] = current_;
  current_ = {};
  if (count_ < kMostSlices) return;
  for (std::size_t i = 0; i < kMostSlices / 2; ++i) {
    const RateSlice &first = slices_[2 * i], &second = slices_[2 * i + 1];
    slices_[i] = {first.ticks + second.ticks, first.operations + second.operations};
  }
  count_ = kMostSlices / 2;
  length_ *= 2;
}

}  // namespace violet
