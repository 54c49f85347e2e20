// A stored histogram is its encoded counts and the numbers that tables ask for: two kilobytes instead of the 264 that
// the counts take in memory. A run of thousands of cells is read whole that way.
//
// Threading: plain values.
// Invariants: the numbers are those of the encoded counts, but that min and max of a histogram that was never decoded
// are exact.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/result.hpp"
#include "experiments/hdr/hdr_histogram.hpp"

namespace violet::results {

// "p50", "p90", "p99", "p99.9", "p99.99" of every histogram.
inline constexpr std::array<double, 5> kPercentiles{50, 90, 99, 99.9, 99.99};

class StoredHistogram {
 public:
  struct Numbers {
    std::uint64_t total = 0;
    std::uint64_t min = 0, max = 0;
    double mean = 0;
    std::array<std::uint64_t, kPercentiles.size()> percentiles{};  // As kPercentiles.
  };

  // NOLINTNEXTLINE(google-explicit-constructor): a record is made of what was counted.
  StoredHistogram(const HdrHistogram& counted);
  // As a database has them.
  StoredHistogram(std::string encoded, const Numbers& numbers)
      : encoded_(std::move(encoded)), numbers_(numbers) {}

  bool empty() const { return numbers_.total == 0; }
  std::uint64_t total() const { return numbers_.total; }
  std::uint64_t min() const { return numbers_.min; }
  std::uint64_t max() const { return numbers_.max; }
  double mean() const { return numbers_.mean; }
  std::uint64_t percentile(std::size_t position) const { return numbers_.percentiles[position]; }
  const std::string& encoded() const { return encoded_; }

 private:
  std::string encoded_;
  Numbers numbers_;
};

}  // namespace violet::results
