// A run that goes on, watched from outside: pull() copies what is new, a worker sorts it into cells.
//
//     LiveSource --pull(), main thread--> queue --worker--> LiveCell (events, pyramid) <-- questions
//
// Threading: pull(), alive(), cells() and open_cell() from one thread (the main one); cells as LiveCell.
// Invariants: A1 pull() copies at most kMostAPull events and never waits. A2 what waits for the worker is
// bounded by kMostWaiting events: beyond that nothing is read, and what the rings then overwrite is
// counted as lost. A3 the run is only read.
// Limits: events are shown once the recorder has said what time it is, a few tens of milliseconds later.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gui/feed/live_cell.hpp"
#include "gui/feed/live_source.hpp"

namespace violet::gui {

// Splits what the rings gave into cells, in order of time. The worker's half, without its thread.
class LiveSorter {
 public:
  struct Taken {
    std::size_t ring = 0;
    std::vector<Event> events;
    std::uint64_t lost_before = 0;
  };
  using NameCell = CellInfo (*)(void* context, std::uint32_t cell, std::uint32_t repetition);

  LiveSorter(const SegmentInfo& info, std::vector<RingPlace> rings, const SegmentStatus& status,
             NameCell name, void* context);

  // Sorts in; cells that begin are appended to `fresh`.
  void sort(std::vector<Taken> taken, bool at_end, std::vector<std::shared_ptr<LiveCell>>& fresh);

 private:
  struct Waiting {
    std::deque<Event> events;
    std::uint64_t lost = 0;
  };
  void begin(std::uint32_t cell, std::uint32_t repetition, Ticks at, bool from_the_start,
             std::vector<std::shared_ptr<LiveCell>>& fresh);
  void give(Ticks until, bool all);

  SegmentInfo info_;
  std::vector<RingPlace> rings_;
  SegmentStatus status_;
  NameCell name_;
  void* context_;
  std::vector<Waiting> waiting_;
  std::deque<Event> starts_;  // Marks of cells that have not begun yet.
  std::shared_ptr<LiveCell> current_;
  bool seen_any_ = false;
  Ticks recorder_ = 0;  // The newest time that the recorder told.
};

class LiveRun : public RunFeed {
 public:
  static constexpr std::size_t kMostAPull = 1 << 18;
  static constexpr std::size_t kMostWaiting = 1 << 21;

  LiveRun(std::unique_ptr<LiveSource> source, std::vector<CellInfo> plan);
  ~LiveRun() override;

  std::string name() const override { return source_->info().run_id; }
  std::string path() const override { return source_->info().run_directory; }
  std::vector<CellInfo> cells() const override;
  Result<std::shared_ptr<const CellFeed>> open_cell(std::size_t index,
                                                    const OpenProgress& progress) override;
  bool alive(std::string* why) const override { return source_->alive(why); }
  void pull() override;
  // Waits until the worker has sorted what was pulled; for tests.
  void settle();

 private:
  void work();
  bool copy_ring(std::size_t ring, std::size_t& budget);

  std::unique_ptr<LiveSource> source_;
  std::vector<CellInfo> plan_;  // By position in the plan.
  std::vector<std::uint64_t> lost_;
  std::vector<Event> buffer_;

  mutable std::mutex mutex_;  // Guards what follows.
  std::condition_variable changed_;
  std::vector<LiveSorter::Taken> queue_;
  std::size_t waiting_ = 0;
  bool ended_ = false;  // The run: what comes now is the rest.
  bool stopping_ = false;
  bool busy_ = false;
  bool finished_ = false;  // The rest has been sorted.
  std::vector<std::shared_ptr<LiveCell>> cells_;
  std::thread worker_;
};

}  // namespace violet::gui
