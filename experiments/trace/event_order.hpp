// An event order puts the events of several lcores into one order of time: a merge of streams, a
// queue of pieces of rings or blocks, and the gaps in which events are missing.
//
// Threading: owner-only.
// Invariants: at the same instant what changes mappings comes first (EventTraits), then the streams in their order.
// Events of one stream keep their order.
// Limits: a stream that is not in order of time makes the result so; the queue raises its times. EventMerger has
// kMostStreams streams, EventGaps kMost gaps: beyond that the oldest two become one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/clock.hpp"
#include "engine/telemetry/event.hpp"

namespace violet {

// Where a stream stands: the rest of its current piece. `next_piece` of the merge brings the one after.
struct MergeCursor {
  const Event* at = nullptr;
  const Event* end = nullptr;
  bool empty() const { return at == end; }
};

// Visits all events with a time below `until` (or all) in order: visit(stream, event) returns false to
// stop. `refill(stream, cursor)` puts the next piece into an empty cursor, or leaves it empty.
template <class Refill, class Visit>
void merge_events(std::span<MergeCursor> cursors, Ticks until, bool all, Refill&& refill,
                  Visit&& visit) {
  const auto before = [](const Event& a, std::size_t stream_a, const Event& b,
                         std::size_t stream_b) {
    if (a.at != b.at) return a.at < b.at;
    const bool first_a = traits_of(a.kind).changes_mappings;
    return first_a != traits_of(b.kind).changes_mappings ? first_a : stream_a < stream_b;
  };
  for (std::size_t i = 0; i < cursors.size(); ++i) {
    if (cursors[i].empty()) refill(i, cursors[i]);
  }
  while (true) {
    std::size_t best = cursors.size(), second = cursors.size();
    for (std::size_t i = 0; i < cursors.size(); ++i) {
      if (cursors[i].empty()) continue;
      if (best == cursors.size() || before(*cursors[i].at, i, *cursors[best].at, best)) {
        second = best;
        best = i;
      } else if (second == cursors.size() ||
                 before(*cursors[i].at, i, *cursors[second].at, second)) {
        second = i;
      }
    }
    if (best == cursors.size()) return;
    MergeCursor& cursor = cursors[best];
    // As long as this stream is ahead of the next one, nobody else has to be looked at.
    do {
      if (!all && cursor.at->at >= until) return;
      if (!visit(best, *cursor.at++)) return;
    } while (!cursor.empty() &&
             (second == cursors.size() || before(*cursor.at, best, *cursors[second].at, second)));
    if (cursor.empty()) refill(best, cursor);
  }
}

// Events that were taken in and not yet merged by time.
class EventMerger {
 public:
  static constexpr std::size_t kMostStreams = 64;

  // Returns how many events came out of order.
  std::uint64_t take(std::uint16_t lcore, std::span<const Event> events);
  // visit(lcore, event) for all events before `until`, or all there are.
  template <class Visit>
  void merge(Ticks until, bool all, Visit&& visit) {
    cursors_.clear();
    for (Stream& stream : streams_) cursors_.push_back(stream.cursor());
    merge_events(
        std::span<MergeCursor>(cursors_), until, all, [](std::size_t, MergeCursor&) {},
        [&](std::size_t stream, const Event& event) {
          visit(streams_[stream].lcore, event);
          return true;
        });
    for (std::size_t i = 0; i < streams_.size(); ++i) streams_[i].drop_to(cursors_[i].at);
  }
  // Waiting to be merged.
  std::size_t size() const;

 private:
  struct Stream {
    std::uint16_t lcore = 0;
    Ticks last = 0;
    std::size_t head = 0;
    std::vector<Event> events;
    MergeCursor cursor() const { return {events.data() + head, events.data() + events.size()}; }
    void drop_to(const Event* at);
  };
  Stream& stream_for(std::uint16_t lcore, Ticks first);

  std::vector<Stream> streams_;
  std::vector<MergeCursor> cursors_;
};

// The times in which events are missing, of all lcores together: apart from each other and in order.
class EventGaps {
 public:
  static constexpr std::size_t kMost = 1 << 16;

  void add(Ticks from, Ticks to) {
    if (gaps_.size() >= kMost) {
      gaps_[1].from = gaps_[0].from;
      gaps_.erase(gaps_.begin());
    }
    Gap gap{from, to};
    const auto first = std::lower_bound(gaps_.begin(), gaps_.end(), from,
                                        [](const Gap& one, Ticks at) { return one.to < at; });
    auto end = first;
    for (; end != gaps_.end() && end->from <= to; ++end) {
      gap = {std::min(gap.from, end->from), std::max(gap.to, end->to)};
    }
    gaps_.insert(gaps_.erase(first, end), gap);
    next_end_ = std::min(next_end_, to);
  }

  // Whether events may be missing in a lifetime from `from` to `to`.
  bool touch(Ticks from, Ticks to) const {
    const auto gap = after(from);
    return gap != gaps_.end() && gap->from <= to;
  }

  // The first end of a gap that was not passed.
  Ticks next_end() const { return next_end_; }
  void pass(Ticks at) {
    const auto next = after(at);
    next_end_ = next == gaps_.end() ? ~Ticks{0} : next->to;
  }

 private:
  struct Gap {
    Ticks from, to;
  };
  // The first that ends after `at`.
  std::vector<Gap>::const_iterator after(Ticks at) const {
    return std::upper_bound(gaps_.begin(), gaps_.end(), at,
                            [](Ticks now, const Gap& gap) { return now < gap.to; });
  }

  std::vector<Gap> gaps_;
  Ticks next_end_ = ~Ticks{0};
};

}  // namespace violet
