// Takes what the lcores leave behind, a few times a second, without ever spinning: events into memory
// (for the exposure ledger) and into the run's trace, histograms into the run's logs.
//
// Threading: start(), stop() and the results belong to the guest lcore; in between a thread of the
// recorder's own is the only consumer of the rings and the only user of the RunWriter.
// Invariants: nothing it does waits for an lcore. What a full ring dropped is counted, and results
// that depend on events are then marked incomplete.
// Limits: at most `max_events` are kept a ring; beyond that they count as dropped. The trace on disk
// gets the events of at most `max_trace_events`.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "experiments/results/event_trace.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/runner/testbed.hpp"

namespace violet {

struct RecorderOptions {
  std::optional<unsigned> cpu;  // Nothing: the guest's.
  std::uint64_t period_ms = 10;
  std::size_t max_events = std::size_t{1} << 24;
  std::size_t max_trace_events = std::size_t{1} << 20;
};

class Recorder {
 public:
  // `writer` may be null: nothing is written then. `trace` may be null as well.
  Recorder(Testbed& testbed, results::RunWriter* writer, results::EventTraceWriter* trace,
           const RecorderOptions& options);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Starts to take events: before the testbed starts, because the ledger needs every mapping's beginning.
  void start();
  // The guest lcore, between two operations: latencies count from here on.
  void begin_measuring();
  // Takes the rest and ends. The first error of writing, if there was one.
  Status stop();

  // Events of ring i of Testbed::rings(), in order.
  const std::vector<Event>& events(std::size_t ring) const { return events_[ring]; }
  // Events that are missing from the vectors.
  std::uint64_t dropped() const { return dropped_; }

 private:
  void run();
  void drain();
  void write_interval();
  void note_error(const Status& status);

  Testbed& testbed_;
  results::RunWriter* writer_;
  results::EventTraceWriter* trace_;
  RecorderOptions options_;
  std::vector<EventRing*> rings_;
  std::vector<std::vector<Event>> events_;
  std::vector<std::uint64_t> dropped_before_;
  std::vector<Event> batch_;
  std::size_t traced_ = 0;
  std::uint64_t dropped_ = 0;
  double interval_start_s_ = 0;
  results::HdrHistogram last_map_;
  results::HdrHistogram last_unmap_;
  std::optional<Error> error_;
  std::atomic<bool> measuring_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace violet
