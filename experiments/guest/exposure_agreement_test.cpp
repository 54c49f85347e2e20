// The pyramid's exposure figures are the ledger's: random histories are given to both.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "engine/base/rng.hpp"
#include "experiments/guest/dma_api.hpp"
#include "experiments/trace/aggregation.hpp"
#include "experiments/trace/exposure_ledger.hpp"

namespace violet::exposure_agreement_test {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint16_t kEngine = 1, kGuest = 2;

struct History {
  std::vector<Event> engine, guest;
};

// A guest that maps and unmaps buffers of one to four pages in two domains, and an engine that removes
// them: before the unmap returns, after it, several at once or in pieces, or not by the end.
class RandomGuest {
 public:
  explicit RandomGuest(std::uint64_t seed) : rng_(seed) {}

  History make(std::size_t calls) {
    for (std::uint32_t domain = 1; domain <= 2; ++domain) {
      history_.engine.push_back({now_, EventKind::kAttach, 0, 0, domain + 6, domain, 0});
    }
    for (std::size_t i = 0; i < calls; ++i) step();
    now_ += 1000;
    history_.guest.push_back({now_, EventKind::kKick, 0, 0, 0, 0, 0});
    return history_;
  }

 private:
  struct Buffer {
    DmaMapping mapping;
    std::uint32_t domain;
    std::uint64_t first;
    std::uint64_t pages;
  };

  void step() {
    now_ += 1 + rng_.below(400);
    if (live_.size() < 4 || (live_.size() < 60 && rng_.chance(0.5))) {
      map();
    } else {
      unmap();
    }
    if (queue_.size() > 5 + rng_.below(20)) flush();
  }
  Ticks soon() { return engine_now_ = std::max(engine_now_, now_) + 1 + rng_.below(300); }

  void engine(EventKind kind, Ticks at, std::uint32_t domain, std::uint64_t first,
              std::uint64_t pages) {
    history_.engine.push_back({at, kind, 3, 0, domain, first * kPage, (first + pages) * kPage - 1});
  }
  void map() {
    Buffer buffer{};
    buffer.domain = 1 + static_cast<std::uint32_t>(rng_.below(2));
    buffer.pages = 1 + rng_.below(4);
    const bool persistent = rng_.chance(0.1);
    // Fresh or, as allocators like, one that was given back.
    auto& free = free_[buffer.domain * 8 + buffer.pages];
    if (!persistent && !free.empty() && rng_.chance(0.8)) {
      buffer.first = free.back();
      free.pop_back();
    } else {
      buffer.first = next_ += 8;
    }
    const std::uint64_t offset = rng_.below(kPage);
    buffer.mapping = {.iova = {buffer.first * kPage + offset},
                      .buffer = {{0x100000 + rng_.below(512) * kPage},
                                 static_cast<std::uint32_t>(buffer.pages * kPage - offset)},
                      .direction = DmaDirection::kToDevice,
                      .endpoint = 0,
                      .granted = rng_.chance(0.3) ? Permissions::kReadWrite : Permissions::kRead,
                      .persistent = persistent};
    if (!persistent) {
      // One MAP or one for each page.
      const std::uint64_t step = rng_.chance(0.7) ? buffer.pages : 1;
      for (std::uint64_t i = 0; i < buffer.pages; i += step) {
        engine(EventKind::kMapDone, soon(), buffer.domain, buffer.first + i, step);
      }
    }
    now_ = std::max(now_, engine_now_) + rng_.below(5);
    call(EventKind::kDmaMap, buffer);
    live_.push_back(buffer);
  }
  void unmap() {
    const std::size_t index = rng_.below(live_.size());
    const Buffer buffer = live_[index];
    live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(index));
    if (!buffer.mapping.persistent && rng_.chance(0.4)) {
      remove(buffer);
      // The unmap may return while the grace period goes on.
      now_ = std::max(now_, engine_now_ - rng_.below(std::min<Ticks>(250, engine_now_)));
    } else if (!buffer.mapping.persistent) {
      queue_.push_back(buffer);
    }
    call(EventKind::kDmaUnmap, buffer);
  }
  void remove(const Buffer& buffer) {
    const std::uint64_t step = rng_.chance(0.7) ? buffer.pages : 1;
    for (std::uint64_t i = 0; i < buffer.pages; i += step) {
      engine(EventKind::kUnmapExecuted, soon(), buffer.domain, buffer.first + i, step);
      engine(EventKind::kUnmapCompleted, soon(), buffer.domain, buffer.first + i, step);
    }
    free_[buffer.domain * 8 + buffer.pages].push_back(buffer.first);
  }
  void flush() {
    // Executed all, then completed all, as a batch is.
    std::vector<Buffer> batch;
    batch.swap(queue_);
    for (const Buffer& buffer : batch) {
      engine(EventKind::kUnmapExecuted, soon(), buffer.domain, buffer.first, buffer.pages);
    }
    for (const Buffer& buffer : batch) {
      engine(EventKind::kUnmapCompleted, soon(), buffer.domain, buffer.first, buffer.pages);
      free_[buffer.domain * 8 + buffer.pages].push_back(buffer.first);
    }
    now_ = std::max(now_, engine_now_);
  }
  void call(EventKind kind, const Buffer& buffer) {
    history_.guest.push_back(dma_event(buffer.mapping, {buffer.domain + 6}).event(kind, now_));
  }

  Rng rng_;
  Ticks now_ = 1'000'000, engine_now_ = 0;
  std::uint64_t next_ = 0x1000;
  std::vector<Buffer> live_, queue_;
  std::vector<std::uint64_t> free_[32];
  History history_;
};

ExposureReport judged(const History& history) {
  return judge_exposure({.engine = history.engine, .guest = history.guest});
}

// In random pieces, each lcore on its own and ahead of the other.
Pyramid aggregated(const History& history, std::uint64_t seed,
                   const AggregationOptions& options = {}) {
  Aggregation aggregation(options);
  Rng rng(seed);
  std::size_t e = 0, g = 0;
  while (e < history.engine.size() || g < history.guest.size()) {
    const std::size_t engine = std::min<std::size_t>(rng.below(90), history.engine.size() - e);
    const std::size_t guest = std::min<std::size_t>(rng.below(90), history.guest.size() - g);
    aggregation.add(kEngine, std::span(history.engine).subspan(e, engine));
    aggregation.add(kGuest, std::span(history.guest).subspan(g, guest));
    e += engine;
    g += guest;
    const Ticks engine_at = e < history.engine.size() ? history.engine[e].at : ~Ticks{0};
    const Ticks guest_at = g < history.guest.size() ? history.guest[g].at : ~Ticks{0};
    aggregation.advance(std::min(engine_at, guest_at));
    if (rng.chance(0.1)) static_cast<void>(aggregation.pyramid());
  }
  aggregation.finish();
  return aggregation.pyramid();
}

struct Totals {
  std::uint64_t unmaps = 0, zero = 0, open = 0, persistent = 0;
  double stale = 0, live = 0;
  std::int64_t peak = 0;
  std::vector<std::uint64_t> bins = std::vector<std::uint64_t>(LogBins::kCount);
};

Totals totals_of(const Pyramid& pyramid) {
  Totals totals;
  for (const PyramidBucket& bucket : pyramid.buckets) {
    totals.unmaps += bucket.unmaps;
    totals.zero += bucket.zero_windows;
    totals.open += bucket.open_unmaps;
    totals.persistent += bucket.persistent_unmaps;
    totals.stale += bucket.stale.integral;
    totals.live += bucket.live.integral;
    totals.peak = std::max(totals.peak, bucket.stale.high);
  }
  for (const BinCell& cell : pyramid.windows) totals.bins[cell.bin] += cell.count;
  return totals;
}

// Whether a percentile lies in the bin that the histogram, with the zeros before it, gives for it.
void expect_percentile(const Totals& totals, double quantile, double expected_ns) {
  const double rank = std::max(1.0, std::ceil(quantile * static_cast<double>(totals.unmaps)));
  double seen = static_cast<double>(totals.zero);
  if (seen >= rank) {
    EXPECT_EQ(expected_ns, 0) << quantile;
    return;
  }
  for (std::size_t bin = 0; bin < LogBins::kCount; ++bin) {
    seen += static_cast<double>(totals.bins[bin]);
    if (seen < rank) continue;
    EXPECT_EQ(LogBins::of(expected_ns), bin) << quantile;
    return;
  }
  FAIL() << "the histogram ends before rank " << rank;
}

void expect_agreement(const ExposureReport& report, const Pyramid& pyramid) {
  const Totals totals = totals_of(pyramid);
  EXPECT_EQ(totals.unmaps, report.unmaps);
  EXPECT_EQ(totals.zero, report.window.upper.zero);
  EXPECT_EQ(totals.open, report.censored_unmaps);
  EXPECT_EQ(totals.persistent, report.persistent_unmaps);
  const auto length = static_cast<double>(pyramid.facts.end);
  EXPECT_NEAR(totals.stale / length, report.mean_stale_pages.upper,
              1e-9 * report.mean_stale_pages.upper);
  EXPECT_NEAR(totals.live / length, report.mean_live_pages, 1e-9 * report.mean_live_pages);
  EXPECT_EQ(static_cast<std::uint64_t>(totals.peak), report.peak_stale_pages.upper);
  expect_percentile(totals, 0.5, report.window.upper.p50_ns);
  expect_percentile(totals, 0.9, report.window.upper.p90_ns);
  expect_percentile(totals, 0.99, report.window.upper.p99_ns);
  expect_percentile(totals, 1.0, report.window.upper.max_ns);
}

TEST(FoldAgreement, TheFoldJudgesAsTheLedgerDoes) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const History history = RandomGuest(seed).make(40 + seed * 30);
    const ExposureReport report = judged(history);
    ASSERT_GT(report.unmaps, 0u);
    expect_agreement(report, aggregated(history, seed));
    if (HasFailure()) return;
  }
}

TEST(FoldAgreement, AlsoWhenTheRunOutgrowsItsBuckets) {
  const History history = RandomGuest(7).make(5000);
  const Pyramid pyramid = aggregated(history, 3, {.most_buckets = 16, .most_cells = 256});
  EXPECT_LE(pyramid.buckets.size(), 16u);
  for (std::size_t i = 0; i < kChurnGrids; ++i) {
    EXPECT_LE(pyramid.churn[i].size() + pyramid.spans[i].size(), 256u + 128u) << i;
  }
  expect_agreement(judged(history), pyramid);
}

TEST(FoldAgreement, LostEventsLeaveNoMoreWindowsThanTheLedgerSees) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    History history = RandomGuest(seed).make(600);
    Rng rng(seed);
    std::uint64_t lost = 0;
    std::erase_if(history.guest, [&](const Event&) { return rng.chance(0.02) && ++lost > 0; });
    ExposureInput input{.engine = history.engine, .guest = history.guest};
    input.lost_guest_events = lost;
    const ExposureReport report = judge_exposure(input);
    Aggregation aggregation({});
    aggregation.add(kGuest, {}, lost);
    aggregation.add(kEngine, history.engine);
    aggregation.add(kGuest, history.guest);
    aggregation.finish();
    const Totals totals = totals_of(aggregation.pyramid());
    EXPECT_EQ(totals.unmaps, report.unmaps);
    EXPECT_EQ(totals.zero, report.window.upper.zero);
    EXPECT_EQ(aggregation.pyramid().facts.lost, lost);
  }
}

}  // namespace
}  // namespace violet::exposure_agreement_test
