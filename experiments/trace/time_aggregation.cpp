#include "experiments/trace/time_aggregation.hpp"

#include <algorithm>
#include <utility>

namespace violet {
namespace {

// Some microseconds: what is shorter is looked at event by event anyway, and every halving costs.
constexpr unsigned kFirstShift = 14;
constexpr unsigned kMostShift = 63;
// Cells that make a pyramid too big, so that it gets coarser even if there are few buckets.
constexpr std::size_t kMostBinCells = std::size_t{1} << 22;
constexpr std::size_t kMostGaugeCells = std::size_t{1} << 20;
constexpr std::size_t kMostGaugesABucket = 1024;
constexpr std::size_t kMostFaults = std::size_t{1} << 16;
constexpr std::size_t kMostProbes = std::size_t{1} << 17;

void merge_level(LevelStats& into, const LevelStats& from) {
  if (from.low > from.high) return;
  if (into.low > into.high) {
    into = from;
    return;
  }
  into.low = std::min(into.low, from.low);
  into.high = std::max(into.high, from.high);
  into.integral += from.integral;
}

void merge_timed(TimedStats& into, const TimedStats& from) {
  into.count += from.count;
  into.min = std::min(into.min, from.min);
  into.max = std::max(into.max, from.max);
  into.sum += from.sum;
}

void merge_bucket(PyramidBucket& into, const PyramidBucket& from) {
  for (std::size_t i = 0; i < kEventKinds; ++i) into.kinds[i] += from.kinds[i];
  into.lost += from.lost;
  into.gap |= from.gap;
  into.unmaps += from.unmaps;
  into.zero_windows += from.zero_windows;
  into.persistent_unmaps += from.persistent_unmaps;
  into.open_unmaps += from.open_unmaps;
  into.probes += from.probes;
  into.hits += from.hits;
  for (std::size_t i = 0; i < kTimedOperations; ++i) merge_timed(into.timed[i], from.timed[i]);
  merge_level(into.stale, from.stale);
  merge_level(into.live, from.live);
}

bool same_bucket(const BinCell& a, const BinCell& b) { return a.bucket == b.bucket; }

bool gauge_before(const GaugeCell& a, const GaugeCell& b) {
  if (a.bucket != b.bucket) return a.bucket < b.bucket;
  if (a.lcore != b.lcore) return a.lcore < b.lcore;
  return a.gauge != b.gauge ? a.gauge < b.gauge : a.last_at < b.last_at;
}

}  // namespace

TimeAggregation::TimeAggregation(Pyramid& pyramid, double ns_per_tick, std::size_t most_buckets)
    : pyramid_(pyramid),
      buckets_(pyramid.buckets),
      most_(most_buckets),
      shift_(pyramid.facts.shift),
      bin_of_(std::size_t{1} << 16),
      bins_(kTimedOperations * kEndpoints * LogBins::kCount),
      windows_(pyramid.windows) {
  pyramid.facts.ns_per_tick = ns_per_tick;
  shift_ = kFirstShift;
  bucket_end_ = Ticks{1} << shift_;
  for (std::size_t took = 0; took < bin_of_.size(); ++took) {
    const auto ticks = static_cast<double>(unpack_ticks(static_cast<std::uint16_t>(took)));
    bin_of_[took] = static_cast<std::uint8_t>(LogBins::of(ticks * ns_per_tick));
  }
  add_bucket();
}

// --- The axis ---

void TimeAggregation::add_bucket() {
  PyramidBucket& bucket = buckets_.emplace_back();
  bucket.stale = {stale_.value, stale_.value, 0};
  bucket.live = {live_.value, live_.value, 0};
}

void TimeAggregation::move_to(Ticks at) {
  flush_bins();
  while (at >> shift_ >= most_ && shift_ < kMostShift) halve();
  for (const auto& cells : pyramid_.latencies) {
    while (cells.size() > kMostBinCells && shift_ < kMostShift) halve();
  }
  while (pyramid_.gauges.size() > kMostGaugeCells && shift_ < kMostShift) halve();
  settle(stale_, at, &PyramidBucket::stale);
  settle(live_, at, &PyramidBucket::live);
  while (buckets_.size() <= at >> shift_) add_bucket();
  bucket_end_ = ((at >> shift_) + 1) << shift_;
  // The last bucket of all has no end that a number can say.
  if (bucket_end_ <= at) bucket_end_ = ~Ticks{0};
  const auto last = static_cast<std::uint32_t>(buckets_.size() - 1);
  while (gauges_from_ < pyramid_.gauges.size() && pyramid_.gauges[gauges_from_].bucket < last) {
    ++gauges_from_;
  }
}

void TimeAggregation::halve() {
  ++shift_;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    if (i == 0) continue;
    if (i % 2 == 0) {
      buckets_[i / 2] = buckets_[i];
    } else {
      merge_bucket(buckets_[i / 2], buckets_[i]);
    }
  }
  buckets_.resize((buckets_.size() + 1) / 2);
  for (auto& cells : pyramid_.latencies) {
    for (BinCell& cell : cells) cell.bucket = static_cast<std::uint16_t>(cell.bucket / 2);
    SortedLog<BinCell, Less, Combine>(cells).resort(same_bucket);
  }
  windows_.tidy();
  for (BinCell& cell : pyramid_.windows) cell.bucket = static_cast<std::uint16_t>(cell.bucket / 2);
  windows_.resort(same_bucket);
  halve_gauges();
  for (ProbeRecord& probe : pyramid_.probes) probe.bucket /= 2;
  if (probes_thinned_) thin_probes();
}

// One of each kind in a bucket is enough when there are many.
void TimeAggregation::thin_probes() {
  std::vector<ProbeRecord> kept;
  for (const ProbeRecord& probe : pyramid_.probes) {
    const auto same = [&](const ProbeRecord& other) {
      return other.bucket == probe.bucket && other.reached == probe.reached;
    };
    const std::size_t recent = kept.size() - std::min<std::size_t>(2, kept.size());
    if (std::none_of(kept.begin() + static_cast<std::ptrdiff_t>(recent), kept.end(), same)) {
      kept.push_back(probe);
    }
  }
  pyramid_.probes = std::move(kept);
  pyramid_.facts.probes_thinned = 1;
}

void TimeAggregation::halve_gauges() {
  auto& cells = pyramid_.gauges;
  for (GaugeCell& cell : cells) cell.bucket /= 2;
  std::sort(cells.begin(), cells.end(), gauge_before);
  std::size_t kept = 0;
  for (const GaugeCell& cell : cells) {
    GaugeCell* last = kept == 0 ? nullptr : &cells[kept - 1];
    if (last == nullptr || last->bucket != cell.bucket || last->lcore != cell.lcore ||
        last->gauge != cell.gauge) {
      cells[kept++] = cell;
      continue;
    }
    last->low = std::min(last->low, cell.low);
    last->high = std::max(last->high, cell.high);
    last->last = cell.last;
    last->last_at = cell.last_at;
    last->samples += cell.samples;
    last->sum += cell.sum;
  }
  cells.resize(kept);
  gauges_from_ = 0;
}

PyramidBucket& TimeAggregation::bucket_of(Ticks at) {
  return buckets_[std::min<std::size_t>(at >> shift_, buckets_.size() - 1)];
}

// --- Latencies ---

void TimeAggregation::timed(Timed operation, std::uint8_t endpoint, std::uint16_t took) {
  const Ticks ticks = unpack_ticks(took);
  TimedStats& stats = now().timed[static_cast<std::size_t>(operation)];
  ++stats.count;
  stats.min = std::min(stats.min, ticks);
  stats.max = std::max(stats.max, ticks);
  stats.sum += static_cast<double>(ticks);
  const std::size_t row = static_cast<std::size_t>(operation) * kEndpoints + endpoint;
  const std::size_t at = row * LogBins::kCount + bin_of_[took];
  if (bins_[at]++ == 0) touched_.push_back(static_cast<std::uint32_t>(at));
}

void TimeAggregation::flush_bins() {
  std::sort(touched_.begin(), touched_.end());
  const auto bucket = static_cast<std::uint16_t>(buckets_.size() - 1);
  for (const std::uint32_t at : touched_) {
    const std::size_t row = at / LogBins::kCount;
    pyramid_.latencies[row / kEndpoints].push_back(
        {bucket, static_cast<std::uint8_t>(row % kEndpoints),
         static_cast<std::uint8_t>(at % LogBins::kCount), std::exchange(bins_[at], 0)});
  }
  touched_.clear();
}

// --- Levels ---

void TimeAggregation::settle(Level& level, Ticks at, LevelStats PyramidBucket::*stats) {
  while (level.since < at) {
    const std::size_t index = level.since >> shift_;
    while (buckets_.size() <= index) add_bucket();
    const Ticks end = ((level.since >> shift_) + 1) << shift_;
    const Ticks until = end <= level.since ? at : std::min(at, end);
    (buckets_[index].*stats).integral +=
        static_cast<double>(level.value) * static_cast<double>(until - level.since);
    level.since = until;
  }
}

void TimeAggregation::move(Level& level, Ticks at, int by, LevelStats PyramidBucket::*stats) {
  settle(level, at, stats);
  level.value += by;
  LevelStats& here = now().*stats;
  here.low = std::min(here.low, level.value);
  here.high = std::max(here.high, level.value);
}

// --- Exposure ---

void TimeAggregation::window(Ticks unmapped, Ticks length, std::uint8_t endpoint) {
  PyramidBucket& bucket = bucket_of(unmapped);
  ++bucket.unmaps;
  if (length == 0) {
    ++bucket.zero_windows;
    return;
  }
  const double ns = static_cast<double>(length) * pyramid_.facts.ns_per_tick;
  const auto index = static_cast<std::uint16_t>(&bucket - buckets_.data());
  if (windows_.add({index, endpoint, static_cast<std::uint8_t>(LogBins::of(ns)), 1})) {
    windows_.tidy();
  }
}

void TimeAggregation::change_open(Ticks unmapped, int by) {
  bucket_of(unmapped).open_unmaps += static_cast<std::uint32_t>(by);
}

void TimeAggregation::probe(Ticks at, const ProbeEvent& probe) {
  ++now().probes;
  now().hits += probe.reached ? 1 : 0;
  const auto bucket = static_cast<std::uint32_t>(buckets_.size() - 1);
  pyramid_.probes.push_back({at, probe.iova.value, probe.reached ? 1u : 0u, bucket});
  if (pyramid_.probes.size() < kMostProbes) return;
  probes_thinned_ = true;
  thin_probes();
}

// Of `kept` every other one stays.
void TimeAggregation::thin_faults() {
  auto& kept = pyramid_.faults;
  for (std::size_t i = 0; 2 * i < kept.size(); ++i) kept[i] = kept[2 * i];
  kept.resize((kept.size() + 1) / 2);
  pyramid_.facts.faults_thinned *= 2;
}

bool TimeAggregation::shrink() {
  const bool coarsest = buckets_.size() <= 1;
  if (!coarsest) coarsen((buckets_.size() + 1) / 2);
  const std::size_t most = buckets_.size() * sizeof(PyramidBucket);
  if (pyramid_.probes.size() * sizeof(ProbeRecord) > most) {
    probes_thinned_ = true;
    thin_probes();
  }
  const bool many_faults = pyramid_.faults.size() * sizeof(FaultRecord) > most;
  if (many_faults) thin_faults();
  return !coarsest || many_faults;
}

void TimeAggregation::fault(Ticks at, const FaultEvent& fault) {
  auto& kept = pyramid_.faults;
  if (kept.size() >= kMostFaults) thin_faults();
  if (faults_seen_++ % pyramid_.facts.faults_thinned == 0) {
    kept.push_back({at, fault.iova.value, fault.endpoint.value, fault.reason});
  }
}

// --- Gauges and gaps ---

void TimeAggregation::gauge(Ticks at, const SampleEvent& sample) {
  const auto gauge =
      static_cast<std::uint16_t>(std::min(static_cast<std::uint32_t>(sample.gauge), 0xffffu));
  const std::uint64_t value = sample.value;
  auto& cells = pyramid_.gauges;
  const auto bucket = static_cast<std::uint32_t>(buckets_.size() - 1);
  for (std::size_t i = gauges_from_; i < cells.size(); ++i) {
    GaugeCell& cell = cells[i];
    if (cell.bucket != bucket || cell.lcore != sample.lcore || cell.gauge != gauge) continue;
    cell.low = std::min(cell.low, value);
    cell.high = std::max(cell.high, value);
    cell.last = value;
    cell.last_at = at;
    ++cell.samples;
    cell.sum += static_cast<double>(value);
    return;
  }
  if (cells.size() - gauges_from_ >= kMostGaugesABucket) return;
  cells.push_back(
      {bucket, sample.lcore, gauge, value, value, value, at, 1, static_cast<double>(value)});
}

void TimeAggregation::gap(Ticks from, Ticks to, std::uint64_t lost) {
  const std::size_t last = std::min<std::size_t>(to >> shift_, buckets_.size() - 1);
  for (std::size_t i = std::min<std::size_t>(from >> shift_, last); i <= last; ++i) {
    buckets_[i].gap = 1;
  }
  buckets_[last].lost += static_cast<std::uint32_t>(std::min<std::uint64_t>(lost, ~0u));
}

void TimeAggregation::show(Ticks now_at) {
  if (leaves_bucket(now_at)) move_to(now_at);
  settle(stale_, now_at, &PyramidBucket::stale);
  settle(live_, now_at, &PyramidBucket::live);
  flush_bins();
  windows_.tidy();
}

}  // namespace violet
