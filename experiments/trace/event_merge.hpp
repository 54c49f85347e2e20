// Brings the events of several lcores into one order of time.
//
// Threading: owner-only.
// Invariants: at the same instant what changes mappings comes first (EventTraits), then the streams in their order.
// Events of one stream keep their order.
// Limits: a stream that is not in order of time makes the result so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

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

}  // namespace violet
