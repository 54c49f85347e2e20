// A live histogram is filled by an lcore while the recorder looks, so that a killed run loses at most what came
// after the last look.
//
// Threading: one thread record()s, any others snapshot().
// Invariants: record() is wait-free, without allocation or read-modify-write. A snapshot contains
// every value recorded before the writer's last release that the reader has seen, and no torn count;
// values recorded meanwhile may or may not be in it, and its min and max are those of its buckets.
// Limits: reset() only while nobody records.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "experiments/hdr/hdr_histogram.hpp"

namespace violet::results {

class LiveHistogram {
 public:
  LiveHistogram() : LiveHistogram(HdrLayout::make(HdrRange{}).value()) {}
  explicit LiveHistogram(const HdrLayout& layout)
      : layout_(layout),
        last_(layout.counts() - 1),
        counts_(std::make_unique<std::atomic<std::uint64_t>[]>(layout.counts())) {}

  void record(std::uint64_t value) noexcept {
    std::size_t index = layout_.index_of(value);
    if (__builtin_expect(index > last_, 0)) {
      bump(clamped_);
      index = last_;
    }
    bump(counts_[index]);
    if (__builtin_expect(value > max_.load(std::memory_order_relaxed), 0)) {
      max_.store(value, std::memory_order_relaxed);  // partner: snapshot(); single writer
    }
    if (__builtin_expect(value < min_.load(std::memory_order_relaxed), 0)) {
      min_.store(value, std::memory_order_relaxed);  // partner: snapshot(); single writer
    }
  }

  HdrHistogram snapshot() const;
  void reset() noexcept;

 private:
  // One writer, so a load and a store are enough. Relaxed: a count stands for itself alone.
  static void bump(std::atomic<std::uint64_t>& count) noexcept {
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  HdrLayout layout_;
  std::size_t last_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
  std::atomic<std::uint64_t> min_{~std::uint64_t{0}};
  std::atomic<std::uint64_t> max_{0};
  std::atomic<std::uint64_t> clamped_{0};
};

}  // namespace violet::results
