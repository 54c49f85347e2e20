#include "experiments/runner/recorder.hpp"

#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "engine/base/clock.hpp"

namespace violet {
namespace {

constexpr std::size_t kEventBatch = 4096;
constexpr std::uint64_t kSliceNs = 10'000'000;  // Of events, given to an aggregation at once.
constexpr double kIntervalS = 0.5;  // Histograms are logged this often, so a kill loses less.

void pin(std::thread& thread, unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(thread.native_handle(), sizeof(set), &set);
}

// What `now` counted beyond `before`, which it contains.
results::HdrHistogram difference(const results::HdrHistogram& now,
                                 const results::HdrHistogram& before) {
  results::HdrHistogram out(now.layout());
  now.for_each([&](const results::HdrBucket& bucket) {
    const std::uint64_t more = bucket.count - before.count_at(bucket.low);
    if (more > 0) out.record_n(bucket.low, more);
  });
  return out;
}

}  // namespace

Result<std::unique_ptr<EventLog>> EventLog::make(std::size_t capacity) {
  auto mapped = MappedMemory::map(capacity * sizeof(Event), PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
  if (!mapped) {
    return fail(ErrorKind::kEnvironment,
                "{} MiB of addresses for the events of a ring cannot be had: {}; raise ulimit -v",
                capacity * sizeof(Event) >> 20, mapped.error().message);
  }
  // Fewer page faults; without it everything works.
  const std::span<std::byte> bytes = mapped->bytes();
  static_cast<void>(::madvise(bytes.data(), bytes.size(), MADV_HUGEPAGE));
  return std::unique_ptr<EventLog>(new EventLog(capacity, *std::move(mapped)));
}

Recorder::Recorder(Recorded& recorded, results::RunWriter* writer, EventTraceWriter* trace,
                   const RecorderOptions& options)
    : recorded_(recorded),
      writer_(writer),
      trace_(trace),
      options_(options),
      rings_(recorded.rings()),
      batch_(kEventBatch),
      share_(options.max_trace_bytes) {}

Recorder::~Recorder() {
  if (thread_.joinable()) static_cast<void>(stop());
}

Status Recorder::start() {
  for (auto& log : logs_) {
    VIOLET_TRY(log, EventLog::make(options_.max_events));
  }
  for (std::size_t i = 0; i < kRingCount; ++i) {
    // The run's rings may hold what a repetition that failed left at its end.
    while (rings_[i]->drain(batch_) > 0) continue;
    dropped_before_[i] = dropped_seen_[i] = rings_[i]->dropped();
  }
  leave_mark(Phase::kStart, now_ticks());
  leave_endpoints();
  thread_ = std::thread([this] { run(); });
  if (options_.cpu) pin(thread_, *options_.cpu);
  return {};
}

void Recorder::begin_sampling() {
  sampling_.store(true, std::memory_order_release);  // partner: leave_what_happened()'s acquire
}

void Recorder::begin_measuring() {
  recorded_.histograms().reset();
  if (writer_ != nullptr) interval_start_s_ = writer_->elapsed_s();
  measuring_.store(true, std::memory_order_release);  // partner: write_interval()'s acquire
}

Ticks Recorder::mark(Phase phase) noexcept {
  Mark& mark = marks_[static_cast<std::size_t>(phase)];
  mark.coming.store(true, std::memory_order_relaxed);
  // Said before the clock is read. partner: leave_what_happened()'s fence
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const Ticks at = now_ticks();
  mark.readings = recorded_.gauges();
  mark.at.store(at, std::memory_order_release);  // partner: leave_what_happened()'s acquire
  return at;
}

Status Recorder::stop() {
  stop_.store(true, std::memory_order_release);  // partner: run()'s acquire
  thread_.join();
  leave_what_happened();
  leave_mark(Phase::kEnd, now_ticks());
  drain();
  trace_missing();
  write_interval();
  for (std::size_t i = 0; i < kRecorderRing; ++i) {
    dropped_ += rings_[i]->dropped() - dropped_before_[i];
  }
  if (error_) return tl::unexpected<Error>(*error_);
  return {};
}

void Recorder::aggregate_into(Aggregation& aggregation) const {
  // In slices of time, so that it never holds more than two of them. It is told that a slice is complete
  // one later, because the order within a ring is only about that of time (event.hpp).
  const Ticks slice = ns_to_ticks(kSliceNs);
  std::array<std::size_t, kRingCount> at{};
  std::array<std::size_t, kRingCount> gap{};
  const auto take_until = [&](std::size_t ring, Ticks until) {
    const std::span<const Event> events = logs_[ring]->events();
    const auto& gaps = gaps_[ring];
    while (at[ring] < events.size() && events[at[ring]].at < until) {
      std::uint64_t lost = 0;
      for (; gap[ring] < gaps.size() && gaps[gap[ring]].at <= at[ring]; ++gap[ring]) {
        lost += gaps[gap[ring]].lost;
      }
      const std::size_t end = gap[ring] < gaps.size() ? gaps[gap[ring]].at : events.size();
      std::size_t to = at[ring] + 1;
      while (to < end && events[to].at < until) ++to;
      aggregation.add(rings_[ring]->lcore(), events.subspan(at[ring], to - at[ring]), lost);
      at[ring] = to;
    }
    return at[ring] == events.size();
  };
  const auto own = events(kRecorderRing);
  if (own.empty()) return;
  bool done = false;
  for (Ticks until = own.front().at + slice; !done; until += slice) {
    done = true;
    for (std::size_t ring = 0; ring < kRingCount; ++ring) done &= take_until(ring, until);
    aggregation.advance(until - slice);
  }
  for (std::size_t ring = 0; ring < kRingCount; ++ring) {
    std::uint64_t lost = 0;
    for (; gap[ring] < gaps_[ring].size(); ++gap[ring]) lost += gaps_[ring][gap[ring]].lost;
    if (lost > 0) aggregation.add(rings_[ring]->lcore(), {}, lost);
  }
  aggregation.finish();
}

void Recorder::run() {
  auto last_interval = std::chrono::steady_clock::now();
  while (!stop_.load(std::memory_order_acquire)) {  // partner: stop()
    // taste: allow sleep because the recorder wakes by time: lcores must not have to wake it.
    std::this_thread::sleep_for(std::chrono::milliseconds(options_.period_ms));
    leave_what_happened();
    drain();
    const auto now = std::chrono::steady_clock::now();
    if (std::chrono::duration<double>(now - last_interval).count() < kIntervalS) continue;
    last_interval = now;
    if (early_) trace_missing();
    write_interval();
  }
}

void Recorder::leave(Event event) {
  // In order, whatever the clocks of two cores say.
  event.at = last_at_ = std::max(last_at_, event.at);
  rings_[kRecorderRing]->record(event);
}

void Recorder::leave_mark(Phase phase, Ticks at) {
  leave(MarkEvent{options_.cell, options_.repetition, phase}.event(at));
}

void Recorder::leave_endpoints() {
  const Ticks at = now_ticks();
  for (const EndpointConfig& endpoint : recorded_.endpoints()) {
    for (const auto& region : endpoint.reserved) {
      leave(
          RegionEvent{endpoint.id, region.range, static_cast<std::uint8_t>(region.kind)}.event(at));
    }
    if (endpoint.reserved.empty()) leave(RegionEvent::none(endpoint.id).event(at));
  }
}

void Recorder::leave_samples(Ticks at, const GaugeReadings& readings) {
  for (const GaugeReading& reading : readings) {
    leave(SampleEvent{reading.gauge, static_cast<std::uint8_t>(reading.lcore), reading.value}.event(
        at));
  }
}

void Recorder::leave_what_happened() {
  const Ticks now = now_ticks();
  // What is not said to come by now comes later than `now`. partner: mark()'s fence
  std::atomic_thread_fence(std::memory_order_seq_cst);
  bool coming = false;
  for (std::size_t phase = 0; phase < kPhases; ++phase) {
    const bool said = marks_[phase].coming.load(std::memory_order_relaxed);
    // partner: mark()'s release
    const Ticks at = marks_[phase].at.exchange(0, std::memory_order_acquire);
    if (at == 0) {
      coming |= said;
      continue;
    }
    marks_[phase].coming.store(false, std::memory_order_relaxed);
    leave_mark(static_cast<Phase>(phase), at);
    // A sample that was read meanwhile is newer: counters must not seem to run backwards.
    if (at > sampled_until_) leave_samples(at, marks_[phase].readings);
  }
  if (coming) return;
  // partner: begin_sampling()'s release, which comes after the driver was made
  if (!sampling_.load(std::memory_order_acquire)) return;
  const auto readings = recorded_.gauges();
  sampled_until_ = now_ticks();
  leave_samples(now, readings);
}

void Recorder::drain() {
  Fresh fresh;
  std::array<MissingEvents, kRingCount> missing;
  for (std::size_t i = 0; i < kRingCount; ++i) fresh[i] = take(i, missing[i]);
  if (trace_ != nullptr) trace(fresh);
  // What is missing now is so before what comes next.
  for (std::size_t i = 0; i < kRingCount; ++i) {
    missing_[i].dropped += missing[i].dropped;
    missing_[i].not_kept += missing[i].not_kept;
  }
}

std::span<const Event> Recorder::take(std::size_t ring, MissingEvents& missing) {
  EventRing& source = *rings_[ring];
  EventLog& log = *logs_[ring];
  // What is dropped by now was dropped after what the ring holds.
  const std::uint64_t dropped = source.dropped();
  const std::size_t before = log.events().size();
  // Bounded by what the ring holds: a producer that never pauses must not keep us here.
  for (std::size_t left = source.capacity(); left > 0;) {
    const std::size_t count = source.drain(batch_);
    if (count == 0) break;
    left -= std::min(left, count);
    if (!log.append(std::span(batch_).first(count))) missing.not_kept += count;
  }
  missing.dropped = dropped - std::exchange(dropped_seen_[ring], dropped);
  dropped_ += missing.not_kept;
  if (missing.dropped + missing.not_kept > 0) {
    gaps_[ring].push_back({log.events().size(), missing.dropped + missing.not_kept});
  }
  return log.events().subspan(before);
}

void Recorder::trace(const Fresh& fresh) {
  for (std::size_t i = 0; i < kRecorderRing; ++i) traced_.seen += fresh[i].size();
  if (early_) {
    trace_early(fresh);
  } else {
    for (std::size_t i = 0; i < kRecorderRing; ++i) missing_[i].not_kept += fresh[i].size();
    trace_samples(fresh[kRecorderRing]);
  }
}

// All of it, or up to the time at which the share is used up.
void Recorder::trace_early(const Fresh& fresh) {
  const std::uint64_t before = trace_->end();
  append(kRecorderRing, fresh[kRecorderRing]);
  constexpr std::size_t kBlocks = (1 + kLcoreRingEvents / kMostBlockEvents) * kRecorderRing;
  const std::uint64_t headers =
      trace_->end() - before + kBlocks * EventTraceWriter::kBlockHeaderBytes;
  const std::uint64_t left = share_.events_left();
  const std::size_t most = (left - std::min(left, headers)) / sizeof(Event);
  const auto lcores = std::span(fresh).first(kRecorderRing);
  const Ticks end = end_of_early_part(lcores, most);
  early_ = end == ~Ticks{0};
  if (!early_) traced_.until = end;
  for (std::size_t i = 0; i < kRecorderRing; ++i) {
    const auto kept = early_ ? fresh[i] : fresh[i].first(events_before(fresh[i], end));
    traced_.kept += kept.size();
    append(i, kept);
    missing_[i].not_kept += fresh[i].size() - kept.size();
  }
  share_.took_events(trace_->end() - before);
  if (!early_) trace_missing();
}

// Those that a mark came with always.
void Recorder::trace_samples(std::span<const Event> own) {
  if (own.empty()) return;
  const bool marked = std::any_of(
      own.begin(), own.end(), [](const Event& event) { return event.kind != EventKind::kSample; });
  const std::uint64_t before = trace_->end();
  constexpr std::uint64_t kHeaders = kRingCount * EventTraceWriter::kBlockHeaderBytes;
  if (!share_.due(own.size_bytes() + kHeaders) && !marked) return;
  append(kRecorderRing, own);
  trace_missing();
  if (!marked) share_.took_samples(trace_->end() - before);
}

void Recorder::append(std::size_t ring, std::span<const Event> events) {
  if (events.empty()) return;
  note_error(trace_->append(rings_[ring]->lcore(), events, std::exchange(missing_[ring], {})));
}

// Says in the trace what it lacks, also when nothing follows.
void Recorder::trace_missing() {
  if (trace_ == nullptr) return;
  for (std::size_t i = 0; i < kRingCount; ++i) {
    if (missing_[i].dropped + missing_[i].not_kept == 0) continue;
    note_error(trace_->append(rings_[i]->lcore(), {}, std::exchange(missing_[i], {})));
  }
}

void Recorder::write_interval() {
  // partner: begin_measuring()'s release, which comes after the histograms were emptied
  if (writer_ == nullptr || !measuring_.load(std::memory_order_acquire)) return;
  const double now_s = writer_->elapsed_s();
  auto map = recorded_.histograms().map_ns.snapshot();
  auto unmap = recorded_.histograms().unmap_ns.snapshot();
  const double length_s = now_s - interval_start_s_;
  const auto logged = [&](const Status& status) {
    if (!status && !log_error_) log_error_ = status.error();
  };
  logged(writer_->interval("map", interval_start_s_, length_s, difference(map, last_map_)));
  logged(writer_->interval("unmap", interval_start_s_, length_s, difference(unmap, last_unmap_)));
  last_map_ = std::move(map);
  last_unmap_ = std::move(unmap);
  interval_start_s_ = now_s;
}

void Recorder::note_error(const Status& status) {
  if (!status && !error_) error_ = status.error();
}

}  // namespace violet
