// A live sorter splits the events of a run's rings into cells, in order of time: what the worker of
// a live run does, without the thread.
//
//     rings --LiveRun::pull()--> RingBatch --sort()--> LiveCell, LiveCell, ...
//
// The recorder's marks say where a cell begins and ends (Phase). Each is a border, and a border is crossed once
// nothing of the cell before it can still be in a ring: at once where every ring was read to its end after the
// mark was, and otherwise when what is known of all rings is later than the mark.
//
// Threading: owner-only; the cells that it hands out as LiveCell says.
// Invariants: what lies between a cell's first mark and its kEnd mark, both included, is that cell's, however
// the rings were read. What lies between two cells is nobody's, as it is nobody's in the recording. A cell
// ends with its kEnd mark and not with the next cell. A mark that was lost is made up for by the next one,
// or by what the run says it does; the cell then says that its beginning is missing. Nothing is shown past
// a time for which a ring may still hold events that were not read.
// Limits: events that an lcore took the time of more than kSkewNs before it recorded them count where the cell
// then is.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/telemetry/segment.hpp"
#include "experiments/query/live_cell.hpp"

namespace violet::query {

class LiveSorter {
 public:
  // Of one ring. The recorder's ring is read to its end before any other: `all` of another ring then says that
  // it holds nothing older than the recorder's newest event.
  struct RingBatch {
    std::size_t ring = 0;
    std::vector<Event> events;
    std::uint64_t lost_before = 0;
    bool all = true;  // That the ring had; otherwise the next pull goes on there.
  };
  // Position in the plan, and repetition.
  struct CellKey {
    std::uint32_t cell = 0;
    std::uint32_t repetition = 0;
    bool operator==(const CellKey&) const = default;
  };
  using NameCell = CellInfo (*)(void* context, const CellKey& key);
  using Cells = std::vector<std::shared_ptr<LiveCell>>;

  // `missed`: the rings of which older events had been overwritten when the first were taken.
  LiveSorter(const SegmentInfo& info, std::vector<RingPlace> rings, const std::vector<bool>& missed,
             NameCell name, void* context);

  // Sorts in; cells that begin are appended to `fresh`. `now` is what the run said it does, before the rings were
  // read as well as after it; nothing: that changed meanwhile, or could not be read.
  void sort(std::vector<RingBatch> taken, const std::optional<SegmentStatus>& now, Cells& fresh);
  // Nothing comes any more; `why_cut` goes to a cell whose kEnd mark never came.
  void end(const std::string& why_cut, Cells& fresh);

  // Everything before it is shown; nothing: the recorder has said nothing so far.
  std::optional<Ticks> shown_until() const { return shown_until_; }
  // Whether a cell goes on, as far as the marks that were taken say.
  bool in_cell() const { return open_; }

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
  struct Border {
    enum class Kind { kBegins, kBeginsUnseen, kEnds };  // Unseen: its first mark was lost.
    Kind kind;
    Ticks at;
    CellKey cell;
  };

  void take(RingBatch part);
  void note(const Event& event);
  void note_mark(const Event& event);
  void end_gap(const std::optional<CellKey>& cell);
  void cross(bool all_read, Ticks until, Cells& fresh);
  void begin(const Border& border, Cells& fresh);
  void give(Ticks until, bool ends);
  void give_ring(std::size_t ring, Ticks until, bool ends, std::vector<LiveCell::Batch>& batches);
  void forget_given();
  Ticks skew() const;

  SegmentInfo info_;
  std::vector<RingPlace> rings_;
  NameCell name_;
  void* context_;
  std::vector<Waiting> waiting_;
  std::deque<Border> borders_;  // Not crossed yet.
  // After the last border: which cell, and whether it goes on there.
  std::optional<CellKey> newest_;
  bool open_ = false;
  // The recorder's events up to here are missing: which cell it is that goes on is not known. At the very
  // beginning that is so, too.
  bool in_gap_ = true;
  Ticks gap_from_ = 0;
  std::optional<Ticks> gap_end_;
  std::optional<SegmentStatus> said_;  // By the run, last.
  bool began_ = false;                 // The gap at the very beginning is over.
  std::shared_ptr<LiveCell> current_;
  Ticks current_start_ = 0;
  Ticks recorder_ = 0;  // The newest time among the recorder's events.
  std::optional<Ticks> shown_until_;
};

}  // namespace violet::query
