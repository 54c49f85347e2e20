// Which blocks of a trace belong to which cell and repetition, by the marks that the recorder left.
//
// Threading: pure function.
// Limits: a trace without marks is one cell. A repetition that was run twice (resumed) is its last run.
#pragma once

#include <cstdint>
#include <vector>

#include "experiments/trace/event_trace.hpp"

namespace violet::gui {

struct TraceCell {
  std::uint32_t cell = 0;
  std::uint32_t repetition = 0;
  bool marked = false;              // The trace says so.
  Ticks start = 0, end = 0;         // First and last event.
  std::vector<std::size_t> blocks;  // In the order of the file.
  std::uint64_t events = 0;
  std::uint64_t lost = 0;
  std::uint64_t not_kept = 0;
  Ticks kept_until = ~Ticks{0};  // The first moment of which events may be missing in the file.
};

// In order of time.
std::vector<TraceCell> cells_of(const results::EventTrace& trace);

}  // namespace violet::gui
