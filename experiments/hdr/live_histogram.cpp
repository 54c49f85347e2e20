#include "experiments/hdr/live_histogram.hpp"

namespace violet::results {

HdrHistogram LiveHistogram::snapshot() const {
  HdrHistogram copy(layout_);
  std::size_t first = layout_.counts(), last = 0;
  for (std::size_t i = 0; i < layout_.counts(); ++i) {
    const std::uint64_t count = counts_[i].load(std::memory_order_relaxed);  // partner: bump()
    if (count == 0) continue;
    first = std::min(first, i);
    last = i;
    copy.counts_[i] = count;
    copy.total_ += count;
  }
  if (copy.total_ == 0) return copy;
  // The exact ends where they belong to what was counted: the writer may be ahead of this copy.
  const std::uint64_t min = min_.load(std::memory_order_relaxed);  // partner: record()
  const std::uint64_t max = max_.load(std::memory_order_relaxed);  // partner: record()
  copy.min_ = layout_.index_of(min) == first ? min : layout_.lowest_at(first);
  copy.max_ = std::min(layout_.index_of(max), last_) == last ? max : layout_.highest_at(last);
  const std::uint64_t clamped = clamped_.load(std::memory_order_relaxed);  // partner: bump()
  copy.clamped_ = std::min(clamped, copy.counts_[last_]);
  return copy;
}

void LiveHistogram::reset() noexcept {
  for (std::size_t i = 0; i < layout_.counts(); ++i) {
    counts_[i].store(0, std::memory_order_relaxed);  // partner: snapshot(), by contract not racing
  }
  min_.store(~std::uint64_t{0}, std::memory_order_relaxed);
  max_.store(0, std::memory_order_relaxed);
  clamped_.store(0, std::memory_order_relaxed);
}

}  // namespace violet::results
