// A live run reads a run from outside while it goes on: pull() copies new events, a worker sorts
// them into cells.
//
//     LiveSource --pull(), main thread--> queue --worker: LiveSorter--> LiveCell (events, pyramid) <-- questions
//
// Threading: pull(), progress(), cells() and open_cell() from one thread (the main one); cells as LiveCell.
// Invariants: pull() copies at most kMostAPull events and never waits. What waits for the worker is
// bounded by what it does in kMostLagS, and by kMostWaiting events: beyond that nothing is read, and what
// the rings then overwrite is counted as lost. So a viewer that gets little of a CPU shows less, not later: each
// pull looks into every ring, or there is none. The
// run is only read. Nothing is shown past a time for which a ring may still hold events that were not read.
// A run that is over is said to be so once all that it left has been sorted, so that every number is final then.
// Limits: events are shown once the recorder has said what time it is, a few tens of milliseconds later.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "engine/telemetry/segment.hpp"
#include "experiments/query/live_sorter.hpp"

namespace violet::query {

// Where the events come from: the shared memory of another process, or a test. read() never waits, and returns the
// events of a ring in order.
class LiveSource {
 public:
  virtual ~LiveSource() = default;
  virtual const SegmentInfo& info() const = 0;
  virtual const std::vector<RingPlace>& rings() const = 0;
  virtual std::size_t read(std::size_t ring, std::span<Event> out) = 0;
  // Of the ring's events, those that had been overwritten before anybody looked.
  virtual std::uint64_t missed(std::size_t ring) const = 0;
  // Never seen here or never recorded, since then.
  virtual std::uint64_t lost(std::size_t ring) const = 0;
  virtual std::optional<SegmentStatus> status() const = 0;
  // Whether its process is there.
  virtual bool running() const = 0;
  // Of a run whose process is gone. May read files.
  struct Ending {
    bool died = false;  // It did not say itself that it had ended.
    std::string
        how;  // "finished"; "its process 123 is gone without having said that the run has ended"
  };
  virtual Ending ending() const = 0;
  // On the clock of the events.
  virtual Ticks now() const = 0;
};

class LiveRun : public RunQueries {
 public:
  static constexpr std::size_t kMostAPull = 1 << 18;
  static constexpr std::size_t kMostWaiting = 1 << 21;
  static constexpr std::size_t kLeastWaiting = 1 << 15;
  static constexpr double kMostLagS = 0.3;

  LiveRun(std::unique_ptr<LiveSource> source, std::vector<CellInfo> plan);
  ~LiveRun() override;

  std::string name() const override { return source_->info().run_id; }
  std::string path() const override { return source_->info().run_directory; }
  std::vector<CellInfo> cells() const override;
  std::size_t cell_count() const override;
  Result<std::shared_ptr<const CellQueries>> open_cell(std::size_t index,
                                                       const OpenProgress& progress) override;
  RunProgress progress() const override;
  void pull() override;
  // Waits until the worker has sorted what was pulled; for tests.
  void settle();

 private:
  void work();
  std::vector<bool> missed() const;
  void read_rings(std::size_t& budget);
  void copy_ring(std::size_t ring, std::size_t& budget);
  void tell_what_was_read();
  std::optional<double> lag_s(bool idle, std::optional<Ticks> shown_until) const;

  std::unique_ptr<LiveSource> source_;
  std::vector<CellInfo> plan_;  // By position in the plan.
  Ticks attached_;
  std::vector<std::uint64_t> lost_;
  std::vector<bool> read_to_end_;       // Rings, in this pull.
  std::vector<bool> told_read_to_end_;  // What the worker knows of that.
  std::vector<Event> buffer_;
  std::vector<LiveSorter::RingBatch> pulled_;  // In this pull.
  std::optional<SegmentStatus> status_;        // The last that could be read.
  std::optional<LiveSource::Ending> ending_;   // Once the process is gone.

  mutable std::mutex mutex_;  // Guards what follows.
  std::condition_variable changed_;
  std::vector<LiveSorter::RingBatch> queue_;
  std::optional<SegmentStatus> said_;  // While all of the queue was read; see LiveSorter::sort().
  std::size_t waiting_ = 0;
  std::size_t most_waiting_ = kMostAPull;
  std::string why_cut_;
  bool ended_ = false;  // The run: what comes now is the rest.
  bool stopping_ = false;
  bool busy_ = false;
  bool finished_ = false;  // The rest has been sorted.
  std::optional<Ticks> shown_until_;
  bool in_cell_ = false;
  std::vector<std::shared_ptr<LiveCell>> cells_;
  std::thread worker_;
};

}  // namespace violet::query
