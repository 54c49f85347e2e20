// The cells of a trace are told apart by the marks that the recorder left, and hold which blocks are theirs and which
// of those can be used.
//
// Threading: pure functions over what may be shared.
// Invariants: a mark counts only when its block is what was written. To which cell a block belongs is said by
// its last event, which nobody has verified: check_blocks() looks at all blocks that may be the cell's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "experiments/query/block_cache.hpp"
#include "experiments/query/queries.hpp"

namespace violet::query {

// Which blocks of a trace belong to which cell and repetition, by the marks that the recorder left. A trace without
// marks is one cell; a repetition that was run twice (resumed) is its last run.
struct TraceCell {
  std::uint32_t cell = 0;
  std::uint32_t repetition = 0;
  bool marked = false;                      // The trace says so.
  Ticks start = 0, end = 0;                 // First and last event.
  std::optional<Ticks> measure, take_down;  // When measuring began and ended, if the trace says so.
  std::vector<std::size_t> blocks;          // In the order of the file.
  std::uint64_t events = 0;
  std::uint64_t lost = 0;
  std::uint64_t not_kept = 0;
  Ticks kept_until = ~Ticks{0};  // The first moment of which events may be missing in the file.
};

// In order of time. Blocks of the recorder that are damaged go to `damaged`: marks may be missing.
std::vector<TraceCell> cells_of(const EventTrace& trace, std::vector<Error>* damaged);

// What of a cell's blocks can be used.
struct SoundBlocks {
  std::vector<std::size_t> blocks;  // Those before the first damaged one.
  Ticks kept_until = ~Ticks{0};     // As TraceCell's.
  std::optional<Error> first_damage;
  std::size_t damaged = 0;
};
// Verifies them. The error is that it was cancelled.
Result<SoundBlocks> check_blocks(const BlockCache& cache, const TraceCell& cell,
                                 const OpenProgress& progress);

// Says how far it is with the events of a cell, now and then.
class Share {
 public:
  Share(const OpenProgress& progress, std::uint64_t events)
      : progress_(progress), events_(std::max<std::uint64_t>(1, events)) {}
  Status done(std::uint64_t events) {
    done_ += events;
    if (step_++ % 16 != 0) return {};
    if (progress_.cancel(progress_.context)) return fail("opening the cell was cancelled");
    progress_.report(progress_.context, static_cast<double>(done_) / static_cast<double>(events_));
    return {};
  }

 private:
  const OpenProgress& progress_;
  std::uint64_t events_, done_ = 0;
  std::size_t step_ = 0;
};

}  // namespace violet::query
