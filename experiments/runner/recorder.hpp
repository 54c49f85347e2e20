// A recorder takes what the lcores leave behind, a hundred times a second, without ever spinning: events into memory
// (for the exposure ledger) and into the run's trace, histograms into the run's logs. It adds what no
// lcore can say: where the repetition is, which endpoints there are, and the counters over time.
//
//     lcores' rings --drain--> events() --append--> trace.events
//     marks, samples --> the recorder's ring --drain--+
//
// Threading: start(), begin_measuring(), mark(), stop() and the results belong to the guest lcore; in
// between a thread of the recorder's own is the only consumer of the rings, the only producer of the
// recorder's ring and the only user of the RunWriter.
// Invariants: nothing it does waits for an lcore. What a full ring dropped is counted, and results
// that depend on events are then marked incomplete. The trace on disk gets the whole early part, up to one time for all
// lcores, and then samples (trace_share.hpp); marks are never left out of it, and events that are left out are counted in it.
// Limits: at most `max_events` are kept a ring; beyond that they count as dropped. The trace on disk
// takes at most `max_trace_bytes` of a repetition.
//
// Why events are not aggregated here while they come in: on a machine with two CPUs this thread shares the
// guest's, and every nanosecond that it spends is missing from what is measured. Copying an event takes
// a few; aggregating takes ten times as much. The aggregation comes after the repetition.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/base/mapped_memory.hpp"
#include "engine/base/result.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/runner/recorded.hpp"
#include "experiments/runner/trace_share.hpp"
#include "experiments/trace/aggregation.hpp"
#include "experiments/trace/event_trace.hpp"

namespace violet {

struct RecorderOptions {
  std::optional<unsigned> cpu = {};  // Nothing: the guest's.
  std::uint64_t period_ms = 10;
  std::size_t max_events = std::size_t{1} << 24;
  std::uint64_t max_trace_bytes = std::uint64_t{32} << 20;
  // What is recorded, for the marks.
  std::uint32_t cell = 0;  // Position in the plan.
  std::uint32_t repetition = 0;
};

// An event log holds the events of one ring and one repetition in memory, in order. It reserves addresses for all that
// it may hold and takes memory as it fills: a vector that doubles would copy hundreds of megabytes while the rings
// overflow.
class EventLog {
 public:
  // For `capacity` events. An error where a process may not have so many addresses (ulimit -v).
  static Result<std::unique_ptr<EventLog>> make(std::size_t capacity);
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  // False when they do not fit: none is taken then.
  bool append(std::span<const Event> events) {
    if (events.size() > capacity_ - size_) return false;
    std::copy(events.begin(), events.end(), events_ + size_);
    size_ += events.size();
    return true;
  }
  std::span<const Event> events() const { return {events_, size_}; }

 private:
  EventLog(std::size_t capacity, MappedMemory memory)
      : capacity_(capacity),
        memory_(std::move(memory)),
        events_(reinterpret_cast<Event*>(memory_.bytes().data())) {}

  std::size_t capacity_;
  std::size_t size_ = 0;
  MappedMemory memory_;
  Event* events_ = nullptr;
};

class Recorder {
 public:
  // `writer` may be null: nothing is written then. `trace` may be null as well.
  Recorder(Recorded& recorded, results::RunWriter* writer, EventTraceWriter* trace,
           const RecorderOptions& options);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Starts to take events: before anything starts, because the ledger needs every mapping's beginning.
  Status start();
  // What is recorded has started: its counters may be sampled.
  void begin_sampling();
  // The guest lcore, between two operations: latencies count from here on.
  void begin_measuring();
  // The guest lcore: a phase other than the first and the last, which start() and stop() mark, begins now.
  // Returns that time, which is the mark's to the tick. Once a phase. The counters of this very time become a
  // sample, so that a rate ends with what was measured and not with the recorder's next look, which may be many
  // milliseconds later.
  Ticks mark(Phase phase) noexcept;
  // Takes the rest and ends. The first error of writing the trace, if there was one.
  Status stop();
  // The first error of writing a histogram log; it costs no trace.
  const std::optional<Error>& log_error() const { return log_error_; }

  // Events of a ring, in order.
  std::span<const Event> events(RingIndex ring) const { return logs_[ring]->events(); }
  // Aggregates what was recorded. Only after stop(), because it takes its time.
  void aggregate_into(Aggregation& aggregation) const;
  // Events of lcores that are missing from events().
  std::uint64_t dropped() const { return dropped_; }
  // Of the lcores: those that were there to be traced, those that the trace has, and until when it has all of them.
  struct Traced {
    std::uint64_t seen = 0, kept = 0;
    Ticks until = ~Ticks{0};
  };
  const Traced& traced() const { return traced_; }

 private:
  static constexpr std::size_t kPhases = 4;
  // `lost` events are missing before event `at` of a ring.
  struct Gap {
    std::size_t at;
    std::uint64_t lost;
  };

  void run();
  void leave(Event event);
  void leave_mark(Phase phase, Ticks at);
  void leave_endpoints();
  void leave_samples(Ticks at, const GaugeReadings& readings);
  void leave_what_happened();
  // Of one round, by ring.
  using Fresh = std::array<std::span<const Event>, kRingCount>;
  void drain();
  std::span<const Event> take(std::size_t ring, MissingEvents& missing);
  void trace(const Fresh& fresh);
  void trace_early(const Fresh& fresh);
  void trace_samples(std::span<const Event> own);
  void append(std::size_t ring, std::span<const Event> events);
  void trace_missing();
  void write_interval();
  void note_error(const Status& status);

  Recorded& recorded_;
  results::RunWriter* writer_;
  EventTraceWriter* trace_;
  RecorderOptions options_;
  LcoreRings rings_;
  std::array<std::unique_ptr<EventLog>, kRingCount> logs_;
  std::array<MissingEvents, kRingCount> missing_;  // Since the ring's last block.
  std::array<std::vector<Gap>, kRingCount> gaps_;
  std::array<std::uint64_t, kRingCount> dropped_before_{};
  std::array<std::uint64_t, kRingCount> dropped_seen_{};
  std::vector<Event> batch_;
  TraceShare share_;
  bool early_ = true;  // All is traced.
  Traced traced_;
  std::uint64_t dropped_ = 0;
  Ticks last_at_ = 0;        // Of the recorder's own events.
  Ticks sampled_until_ = 0;  // No counter of the newest sample was read later.
  double interval_start_s_ = 0;
  results::HdrHistogram last_map_;
  results::HdrHistogram last_unmap_;
  std::optional<Error> error_;      // Of the trace.
  std::optional<Error> log_error_;  // Of the histogram logs.
  // A phase that began and is not in the trace; `at` 0: none. While one is `coming` no sample is taken: it would be
  // later and stand before the mark.
  struct Mark {
    std::atomic<bool> coming{false};
    std::atomic<Ticks> at{0};
    GaugeReadings readings;  // Valid while `at` is not 0.
  };
  std::array<Mark, kPhases> marks_{};
  std::atomic<bool> sampling_{false};
  std::atomic<bool> measuring_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace violet
