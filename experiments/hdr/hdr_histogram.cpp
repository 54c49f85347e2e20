#include "experiments/hdr/hdr_histogram.hpp"

#include <cmath>
#include <limits>

#include "engine/base/check.hpp"

namespace violet::results {
namespace {

// Beyond this, doubling the largest value of a bucket would not fit.
constexpr std::uint64_t kHighest = std::uint64_t{1} << 62;

std::size_t buckets_needed(std::uint64_t highest, unsigned first_bucket_bits) {
  const auto bits = static_cast<unsigned>(64 - std::countl_zero(highest));
  return bits <= first_bucket_bits ? 1 : bits - first_bucket_bits + 1;
}

// Rounds up to a whole count, but not when floating-point noise of one unit in the last place is all
// that lies above it. The rule of the reference implementations.
std::uint64_t count_to_reach(double percentile, std::uint64_t total) {
  const double wanted = std::min(percentile, 100.0) / 100.0 * static_cast<double>(total);
  const double ulp = wanted > 0 ? std::exp2(std::floor(std::log2(wanted)) - 52) : 0;
  return std::max<std::uint64_t>(static_cast<std::uint64_t>(std::ceil(wanted - ulp)), 1);
}

}  // namespace

Result<HdrLayout> HdrLayout::make(const HdrRange& range) {
  if (range.lowest < 1 || range.highest > kHighest || range.highest / 2 < range.lowest ||
      range.digits < 0 || range.digits > 5) {
    return fail("a histogram from {} to {} with {} digits cannot be made", range.lowest,
                range.highest, range.digits);
  }
  std::uint64_t exact = 2;  // The largest value that needs single-unit resolution.
  for (int i = 0; i < range.digits; ++i) exact *= 10;
  HdrLayout layout;
  layout.range_ = range;
  layout.unit_magnitude_ = static_cast<unsigned>(std::bit_width(range.lowest) - 1);
  const auto sub_bucket_bits = static_cast<unsigned>(std::bit_width(exact - 1));
  layout.half_magnitude_ = sub_bucket_bits - 1;
  layout.top_bit_ = layout.unit_magnitude_ + sub_bucket_bits - 1;
  if (layout.top_bit_ >= 62) {
    return fail("a histogram with unit {} and {} digits does not fit in 64 bits", range.lowest,
                range.digits);
  }
  layout.sub_bucket_mask_ = ((std::uint64_t{1} << sub_bucket_bits) - 1) << layout.unit_magnitude_;
  const std::size_t buckets = buckets_needed(range.highest, layout.top_bit_ + 1);
  layout.counts_ = (buckets + 1) << layout.half_magnitude_;
  if (layout.counts_ > kMostCounts) {
    return fail("a histogram of {} buckets is larger than the limit of {}", layout.counts_,
                kMostCounts);
  }
  return layout;
}

HdrHistogram::HdrHistogram() : HdrHistogram(HdrLayout::make(HdrRange{}).value()) {}

HdrHistogram::HdrHistogram(const HdrLayout& layout) : layout_(layout), counts_(layout.counts()) {}

Result<HdrHistogram> HdrHistogram::make(const HdrRange& range) {
  VIOLET_TRY(const auto layout, HdrLayout::make(range));
  return HdrHistogram(layout);
}

void HdrHistogram::record_corrected(std::uint64_t value, std::uint64_t interval) noexcept {
  record(value);
  if (interval == 0) return;
  while (value >= interval && value - interval >= interval) {
    value -= interval;
    record(value);
  }
}

HdrHistogram HdrHistogram::corrected(std::uint64_t interval) const {
  HdrHistogram out = *this;
  if (interval == 0) return out;
  for_each([&](const HdrBucket& bucket) {
    for (std::uint64_t value = bucket.high; value >= interval && value - interval >= interval;) {
      value -= interval;
      out.record_n(value, bucket.count);
    }
  });
  return out;
}

void HdrHistogram::add(const HdrHistogram& other) noexcept {
  if (other.empty()) return;
  if (layout_ == other.layout_) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
  } else {
    const std::uint64_t min = std::min(min_, other.min_), max = std::max(max_, other.max_);
    other.for_each([this](const HdrBucket& bucket) { record_n(bucket.middle, bucket.count); });
    min_ = min;
    max_ = max;
    return;
  }
  clamped_ += other.clamped_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

void HdrHistogram::reset() noexcept {
  std::fill(counts_.begin(), counts_.end(), 0);
  total_ = clamped_ = max_ = 0;
  min_ = std::numeric_limits<std::uint64_t>::max();
}

double HdrHistogram::mean() const {
  if (empty()) return 0;
  double sum = 0;
  for_each([&](const HdrBucket& bucket) {
    sum += static_cast<double>(bucket.middle) * static_cast<double>(bucket.count);
  });
  return sum / static_cast<double>(total_);
}

double HdrHistogram::standard_deviation() const {
  if (empty()) return 0;
  const double centre = mean();
  double sum = 0;
  for_each([&](const HdrBucket& bucket) {
    const double deviation = static_cast<double>(bucket.middle) - centre;
    sum += deviation * deviation * static_cast<double>(bucket.count);
  });
  return std::sqrt(sum / static_cast<double>(total_));
}

std::uint64_t HdrHistogram::percentile(double percentile) const {
  if (empty()) return 0;
  const std::uint64_t wanted = count_to_reach(std::max(percentile, 0.0), total_);
  std::uint64_t reached = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    reached += counts_[i];
    if (reached >= wanted) {
      return percentile <= 0 ? layout_.lowest_at(i) : layout_.highest_at(i);
    }
  }
  return max_;
}

std::uint64_t HdrHistogram::count_at(std::uint64_t value) const {
  return counts_[std::min(layout_.index_of(value), counts_.size() - 1)];
}

std::vector<HdrLevel> HdrHistogram::levels(unsigned ticks) const {
  std::vector<HdrLevel> levels;
  double level = 0;
  std::uint64_t reached = 0;
  for_each([&](const HdrBucket& bucket) {
    reached += bucket.count;
    const double here = 100.0 * static_cast<double>(reached) / static_cast<double>(total_);
    // A bucket may cover several levels; all of them have its value.
    while (level <= here && level < 100) {
      levels.push_back({level, bucket.high, reached});
      const double half_distance = std::floor(std::log2(100.0 / (100.0 - level))) + 1;
      const double step = 100.0 / (std::max(ticks, 1u) * std::exp2(half_distance));
      level = level + step == level ? 100 : level + step;
      if (reached == total_) break;  // As the reference: the last value is said once, and as 100.
    }
    if (reached == total_) levels.push_back({100.0, bucket.high, reached});
  });
  return levels;
}

}  // namespace violet::results
