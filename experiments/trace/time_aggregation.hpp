// A time aggregation adds what needs no page to buckets of time: counts, latencies with their
// histograms, levels, gauges, windows, gaps, probes and faults. It owns the time axis: when a run
// outgrows its buckets, neighbours merge.
//
// Threading: owner-only. Precondition: calls come in time order, but for windows and gaps, which may lie
// in the past; times are ticks since the start.
// Invariants: buckets() <= most; every bucket up to the newest exists.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/telemetry/event_bodies.hpp"
#include "experiments/trace/pyramid.hpp"
#include "experiments/trace/sorted_log.hpp"

namespace violet {

class TimeAggregation {
 public:
  // Fills the arrays of `pyramid`, which outlives it.
  TimeAggregation(Pyramid& pyramid, double ns_per_tick, std::size_t most_buckets);

  // Whether `at` lies behind the newest bucket: then move_to() comes first.
  bool leaves_bucket(Ticks at) const { return at >= bucket_end_; }
  // Makes the bucket of `at` the newest.
  void move_to(Ticks at);

  void count(EventKind kind) { ++now().kinds[static_cast<std::size_t>(kind)]; }
  PyramidBucket& now() { return buckets_.back(); }
  // `took` is packed and not 0.
  void timed(Timed operation, std::uint8_t endpoint, std::uint16_t took);
  void move_stale(Ticks at, int by) { move(stale_, at, by, &PyramidBucket::stale); }
  void move_live(Ticks at, int by) { move(live_, at, by, &PyramidBucket::live); }
  void window(Ticks unmapped, Ticks length, std::uint8_t endpoint);
  void change_open(Ticks unmapped, int by);
  void gauge(Ticks at, const SampleEvent& sample);
  void gap(Ticks from, Ticks to, std::uint64_t lost);
  void probe(Ticks at, const ProbeEvent& probe);
  void fault(Ticks at, const FaultEvent& fault);
  // Merges neighbours until there are at most so many buckets; nothing comes after it.
  void coarsen(std::size_t most) {
    flush_bins();
    while (buckets_.size() > most) halve();
    bucket_end_ = Ticks{buckets_.size()} << shift_;
    if (bucket_end_ >> shift_ != buckets_.size()) bucket_end_ = ~Ticks{0};
  }
  // Merges neighbours once, and thins the probes and the faults where they take more than the buckets; nothing comes
  // after it but more of it. False: it is as coarse as can be.
  bool shrink();
  // Brings everything up to `now`.
  void show(Ticks now);

 private:
  struct Level {
    std::int64_t value = 0;
    Ticks since = 0;
  };
  struct Less {
    bool operator()(const BinCell& a, const BinCell& b) const {
      if (a.bucket != b.bucket) return a.bucket < b.bucket;
      return a.endpoint != b.endpoint ? a.endpoint < b.endpoint : a.bin < b.bin;
    }
  };
  struct Combine {
    void operator()(BinCell& into, const BinCell& from) const { into.count += from.count; }
  };
  static constexpr std::size_t kEndpoints = kOtherEndpoint + std::size_t{1};

  void halve();
  void halve_gauges();
  void thin_probes();
  void thin_faults();
  void add_bucket();
  void flush_bins();
  void settle(Level& level, Ticks at, LevelStats PyramidBucket::*stats);
  void move(Level& level, Ticks at, int by, LevelStats PyramidBucket::*stats);
  PyramidBucket& bucket_of(Ticks at);

  Pyramid& pyramid_;
  std::vector<PyramidBucket>& buckets_;
  std::size_t most_;
  unsigned& shift_;
  Ticks bucket_end_;
  Level stale_, live_;
  std::vector<std::uint8_t> bin_of_;  // By packed duration.
  // The newest bucket's histograms, and which of their bins are not empty.
  std::vector<std::uint32_t> bins_;
  std::vector<std::uint32_t> touched_;
  SortedLog<BinCell, Less, Combine> windows_;
  std::size_t gauges_from_ = 0;  // Of the newest bucket.
  std::uint64_t faults_seen_ = 0;
  bool probes_thinned_ = false;
};

}  // namespace violet
