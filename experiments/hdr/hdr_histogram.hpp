// An HdrHistogram counts values with a fixed relative error over a huge range, after Gil Tene's, whose bucket
// layout, percentile rule and encodings it shares, so that other HdrHistogram tools read ours.
//
// Threading: HdrHistogram is owner-only. LiveHistogram (live_histogram.hpp) can be read while it grows.
// Invariants: record() costs a few nanoseconds and allocates nothing. Percentiles, mean and
// standard deviation are those of the reference implementation for the same counts. min() and max()
// are exact while recording; after decoding they are the bounds of their buckets. Nothing is
// dropped: a value above the trackable range counts in the last bucket and in clamped().
// Limits: values are unsigned integers (nanoseconds, pages); 0 to 5 significant digits; at most
// kMostCounts buckets, enough for 1 ns to an hour at 5 digits.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/base/result.hpp"

namespace violet::results {

// What is tracked: from `lowest` (the unit, at least 1) to `highest` with `digits` decimal digits.
struct HdrRange {
  std::uint64_t lowest = 1;
  std::uint64_t highest = 3'600'000'000'000;  // An hour in nanoseconds.
  int digits = 3;
  bool operator==(const HdrRange&) const = default;
};

// Where values go. Bucket k holds sub-buckets of 2^(k + unit) values; the lower half of every bucket but
// the first is covered by the buckets below it.
class HdrLayout {
 public:
  static constexpr std::size_t kMostCounts = std::size_t{1} << 22;

  static Result<HdrLayout> make(const HdrRange& range);

  const HdrRange& range() const { return range_; }
  std::size_t counts() const { return counts_; }
  bool operator==(const HdrLayout&) const = default;

  // May be counts() or more for values above the range.
  std::size_t index_of(std::uint64_t value) const noexcept {
    const auto magnitude = static_cast<unsigned>(63 - std::countl_zero(value | sub_bucket_mask_));
    const unsigned bucket = magnitude - top_bit_;
    return (std::size_t{bucket} << half_magnitude_) + (value >> (bucket + unit_magnitude_));
  }
  std::uint64_t lowest_at(std::size_t index) const noexcept {
    const std::size_t bucket = bucket_of(index);
    return (std::uint64_t{index} - (std::uint64_t{bucket} << half_magnitude_))
           << (bucket + unit_magnitude_);
  }
  std::uint64_t highest_at(std::size_t index) const noexcept {
    return lowest_at(index) + (width_at(index) - 1);
  }
  std::uint64_t width_at(std::size_t index) const noexcept {
    return std::uint64_t{1} << (bucket_of(index) + unit_magnitude_);
  }
  std::uint64_t middle_at(std::size_t index) const noexcept {
    return lowest_at(index) + width_at(index) / 2;
  }

 private:
  HdrLayout() = default;
  std::size_t bucket_of(std::size_t index) const noexcept {
    const std::size_t half = index >> half_magnitude_;
    return half == 0 ? 0 : half - 1;
  }

  HdrRange range_;
  unsigned unit_magnitude_ = 0;  // log2 of the unit, rounded down
  unsigned half_magnitude_ = 0;  // log2 of half the sub-buckets of a bucket
  unsigned top_bit_ = 0;         // of the largest value of bucket 0
  std::uint64_t sub_bucket_mask_ = 0;
  std::size_t counts_ = 0;
};

struct HdrBucket {
  std::uint64_t low, high;  // Both inclusive.
  std::uint64_t middle;
  std::uint64_t count;  // >= 1.
};

// One line of a percentile distribution.
struct HdrLevel {
  double percentile;
  std::uint64_t value;
  std::uint64_t count_to;  // Values up to and including `value`.
};

class HdrHistogram {
 public:
  // An hour in nanoseconds with three digits; about 264 KiB.
  HdrHistogram();
  explicit HdrHistogram(const HdrLayout& layout);
  static Result<HdrHistogram> make(const HdrRange& range);

  void record(std::uint64_t value) noexcept { record_n(value, 1); }
  void record_n(std::uint64_t value, std::uint64_t count) noexcept {
    std::size_t index = layout_.index_of(value);
    if (__builtin_expect(index >= counts_.size(), 0)) {
      clamped_ += count;
      index = counts_.size() - 1;
    }
    counts_[index] += count;
    total_ += count;
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
  }
  // For closed-loop measurements of something that should happen every `interval`: a long value stands
  // for the requests that were not issued meanwhile (coordinated omission). 0 corrects nothing.
  // Limits: value / interval steps.
  void record_corrected(std::uint64_t value, std::uint64_t interval) noexcept;
  // The same of what was counted without a correction: as if each value had been recorded so, to the width of its
  // bucket (copyCorrectedForCoordinatedOmission() of the reference).
  HdrHistogram corrected(std::uint64_t interval) const;
  // Adds what the other one counted; ranges may differ.
  void add(const HdrHistogram& other) noexcept;
  void reset() noexcept;

  std::uint64_t total() const { return total_; }
  std::uint64_t clamped() const { return clamped_; }
  bool empty() const { return total_ == 0; }
  // 0 when empty.
  std::uint64_t min() const { return empty() ? 0 : min_; }
  std::uint64_t max() const { return max_; }
  double mean() const;
  double standard_deviation() const;
  // The largest value of the bucket that the percentile falls in; percentile in [0, 100]. 0 when empty.
  std::uint64_t percentile(double percentile) const;
  std::uint64_t count_at(std::uint64_t value) const;
  // Levels from 0 to 100, `ticks` in each half of the remaining distance to 100.
  std::vector<HdrLevel> levels(unsigned ticks = 5) const;

  // Visits the buckets that are not empty, in order.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] == 0) continue;
      visit(
          HdrBucket{layout_.lowest_at(i), layout_.highest_at(i), layout_.middle_at(i), counts_[i]});
    }
  }

  const HdrLayout& layout() const { return layout_; }
  const std::vector<std::uint64_t>& counts() const { return counts_; }

 private:
  friend class LiveHistogram;
  HdrLayout layout_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
  std::uint64_t clamped_ = 0;
  std::uint64_t min_ = ~std::uint64_t{0};
  std::uint64_t max_ = 0;
};

}  // namespace violet::results
