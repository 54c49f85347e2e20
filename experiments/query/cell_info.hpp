// A cell's info says which cell of a run it is, in which repetition, and what is known of its recording.
//
// Threading: plain values.
// Units: times are nanoseconds since the repetition began (its kStart mark); windows are half-open [from, to).
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace violet::query {

using Nanos = std::int64_t;

struct TimeWindow {
  Nanos from = 0;
  Nanos to = 0;
  // A damaged file can name any two times: a length that Nanos cannot hold is the longest that it can.
  Nanos length() const {
    Nanos length = 0;
    if (!__builtin_sub_overflow(to, from, &length)) return length;
    return to > from ? std::numeric_limits<Nanos>::max() : std::numeric_limits<Nanos>::min();
  }
  bool contains(Nanos at) const { return from <= at && at < to; }
  bool operator==(const TimeWindow&) const = default;
};

// Whether the numbers of a run's results are of this repetition as well, in the words of `report`.
struct Standing {
  enum class Kind : std::uint8_t {
    kUnknown,     // There are no results to ask: a trace by itself, a repetition that goes on.
    kCounts,      // As any other.
    kNoExposure,  // But for its exposure, which is judged of those that lost no event.
    kDisturbed,   // It counts, and no verdict rests on it.
    kSetAside,    // Another one counts in its place.
    kUnfinished,  // It failed, or was interrupted: there are no numbers of it.
  };
  Kind kind = Kind::kUnknown;
  std::string words;  // "disturbed by the host, not counted"; empty: it counts, or nobody knows.
  std::string why;    // Empty with `words`.
  // "other programs had the CPU of an lcore for 63 % of the time"; empty: nothing did; nothing: not known.
  std::optional<std::string> disturbance = {};
};

// One cell of the plan in one repetition: what a tab of the application shows.
struct CellInfo {
  std::string run_id;
  std::string cell_id;
  std::string label;
  std::uint32_t repetition = 0;
  std::string strategy, workload, placement, iotlb, store;  // Empty where the run does not say.
  TimeWindow whole;               // From the first mark to the last event.
  TimeWindow measured;            // What the results are about; inside `whole`.
  bool measure_marked = false;    // Else nobody said what was measured, and it is `whole`.
  std::uint64_t events = 0;       // Seen by the pyramid.
  std::uint64_t kept_events = 0;  // Of those, in the trace: what can be looked at one by one.
  Nanos kept_until = 0;           // Events after this are in the pyramid only.
  std::uint64_t lost = 0;         // Dropped by full rings: those that were counted.
  bool lost_unknown = false;      // Others as well, and nobody knows how many.
  bool lossy() const { return lost > 0 || lost_unknown; }
  std::optional<double> injected_percent;  // Of the measured time; nothing: not known, and why.
  std::string injected_because = "it is in the results of the run, which are not at hand";
  Standing standing;
  // The least time that its clock tells apart, which may be many ticks. Nothing: not known; a tick at least.
  std::optional<double> clock_step_ns;
  bool live = false;  // Still growing.
  // Calls on mappings that stay mapped by design: of their events there is a sample only
  // (experiments/guest/persistent_lifetimes.hpp), so that rates and counts of calls are too low.
  bool calls_sampled = false;
  // What the device keeps reaching after unmaps, by the strategy's design. It is no stale page: what does not end
  // has no end that comes late.
  enum class Stays : std::uint8_t {
    kNothing,  // Every unmap ends its mapping.
    kPool,     // Slots that buffers are copied through; of the guest's own buffers none.
    kBuffers,  // The guest's own buffers: there is nothing to count.
  };
  Stays stays = Stays::kNothing;
  bool cut_short = false;   // The file ends in the middle of a block.
  bool unrecorded = false;  // Seen live and in no file: gone with who has seen it.
  std::string notice;       // What else a reader should know; empty: nothing.
};

}  // namespace violet::query
