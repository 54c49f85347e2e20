// A run that goes on, watched from outside: pull() copies what is new, a worker sorts it into cells.
//
//     LiveSource --pull(), main thread--> queue --worker--> LiveCell (events, pyramid) <-- questions
//
// Threading: pull(), alive(), cells() and open_cell() from one thread (the main one); cells as LiveCell.
// Invariants: A1 pull() copies at most kMostAPull events and never waits. A2 what waits for the worker is
// bounded by what it does in kMostLagS, and by kMostWaiting events: beyond that nothing is read, and what
// the rings then overwrite is counted as lost. So a viewer that gets little of a CPU shows less, not later. A3 the run is only read.
// A4 nothing is shown past a time for which a ring may still hold events that were not read.
// Limits: events are shown once the recorder has said what time it is, a few tens of milliseconds later.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "engine/telemetry/segment.hpp"
#include "experiments/query/live_cell.hpp"

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
  virtual bool alive(std::string* why) const = 0;
};

// Splits what the rings gave into cells, in order of time. The worker's half, without its thread.
class LiveSorter {
 public:
  struct Taken {
    std::size_t ring = 0;
    std::vector<Event> events;
    std::uint64_t lost_before = 0;
    bool all = true;  // That the ring had; otherwise the next pull goes on there.
  };
  using NameCell = CellInfo (*)(void* context, std::uint32_t cell, std::uint32_t repetition);

  // `missed`: the rings of which older events had been overwritten when the first were taken.
  LiveSorter(const SegmentInfo& info, std::vector<RingPlace> rings, std::vector<bool> missed,
             const SegmentStatus& status, NameCell name, void* context);

  // Sorts in; cells that begin are appended to `fresh`.
  void sort(std::vector<Taken> taken, bool at_end, std::vector<std::shared_ptr<LiveCell>>& fresh);

 private:
  // Events that follow each other, and how many are lost before them.
  struct Piece {
    std::vector<Event> events;
    std::size_t given = 0;
    std::uint64_t lost = 0;
  };
  struct Waiting {
    std::deque<Piece> pieces;
    // What the ring still holds is no older than this; nothing while it has been read to its end.
    std::optional<Ticks> behind;
    Ticks newest = 0;
    bool missed = false;  // Its first events here are not its first.
  };
  void begin(std::uint32_t cell, std::uint32_t repetition, Ticks at, bool from_the_start,
             std::vector<std::shared_ptr<LiveCell>>& fresh);
  void give(Ticks until, bool all, bool ends);

  SegmentInfo info_;
  std::vector<RingPlace> rings_;
  SegmentStatus status_;
  NameCell name_;
  void* context_;
  std::vector<Waiting> waiting_;
  std::deque<Event> starts_;  // Marks of cells that have not begun yet.
  std::shared_ptr<LiveCell> current_;
  Ticks current_start_ = 0;
  bool seen_any_ = false;
  Ticks recorder_ = 0;  // The newest time that the recorder told.
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
  Result<std::shared_ptr<const CellQueries>> open_cell(std::size_t index,
                                                       const OpenProgress& progress) override;
  bool alive(std::string* why) const override { return source_->alive(why); }
  void pull() override;
  // Waits until the worker has sorted what was pulled; for tests.
  void settle();

 private:
  void work();
  std::vector<bool> missed() const;
  void copy_ring(std::size_t ring, std::size_t& budget);

  std::unique_ptr<LiveSource> source_;
  std::vector<CellInfo> plan_;  // By position in the plan.
  std::vector<std::uint64_t> lost_;
  std::vector<bool> read_to_end_;       // Rings, in this pull.
  std::vector<bool> told_read_to_end_;  // What the worker knows of that.
  std::vector<Event> buffer_;
  std::vector<LiveSorter::Taken> pulled_;  // In this pull.

  mutable std::mutex mutex_;  // Guards what follows.
  std::condition_variable changed_;
  std::vector<LiveSorter::Taken> queue_;
  std::size_t waiting_ = 0;
  std::size_t most_waiting_ = kMostAPull;
  bool ended_ = false;  // The run: what comes now is the rest.
  bool stopping_ = false;
  bool busy_ = false;
  bool finished_ = false;  // The rest has been sorted.
  std::vector<std::shared_ptr<LiveCell>> cells_;
  std::thread worker_;
};

}  // namespace violet::query
