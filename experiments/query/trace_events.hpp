// Trace events are a window of a cell's events as JSON that Perfetto (ui.perfetto.dev) and Chrome open: calls as slices of
// the guest's track, each mapping as an asynchronous slice from its MAP to the end of its UNMAP, flows that lead from a call
// over the engine to the completion, samples as counters. The format is the Trace Event Format.
//
// Threading: pure functions over what may be shared.
// Invariants: every kept event of the window is in it once. A mapping that begins before the window or ends after it is
// drawn to its edge, and says so; what was lost or not kept is said in `otherData` and marked. Nothing of a run is printed
// but numbers, and text as JSON escapes it.
// Units: the format's are microseconds, with three decimals, since the repetition began.
// Limits: events are taken in pieces, so that memory does not grow with the window; it grows with the mappings that are
// live at once, and of those that nobody unmaps kMostMappings are remembered.
#pragma once

#include <cstddef>
#include <functional>

#include "engine/base/files.hpp"
#include "experiments/query/queries.hpp"

namespace violet::query {

inline constexpr int kTraceEventsVersion = 1;
inline constexpr std::size_t kMostMappings = std::size_t{1} << 20;

// `share` of the window that is written, from 0 to 1.
using ShareDone = std::function<void(double share)>;

// Errors are those of `write`.
Status write_trace_events(const CellQueries& cell, TimeWindow window, const WritePiece& write,
                          const ShareDone& done);

}  // namespace violet::query
