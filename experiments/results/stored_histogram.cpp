#include "experiments/results/stored_histogram.hpp"

#include "experiments/hdr/hdr_encoding.hpp"

namespace violet::results {

StoredHistogram::StoredHistogram(const HdrHistogram& counted) : encoded_(encode(counted)) {
  numbers_ = {counted.total(), counted.min(), counted.max(), counted.mean(), {}};
  for (std::size_t i = 0; i < kPercentiles.size(); ++i) {
    numbers_.percentiles[i] = counted.percentile(kPercentiles[i]);
  }
}

}  // namespace violet::results
