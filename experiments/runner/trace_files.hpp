// Trace files are those of a run that are for looking at: trace.events and trace.pyramid.
//
// Threading: by the run's thread, before it measures.
// Invariants: results do not depend on these files. One that a resumed run finds damaged is set aside as
// <name>.damaged and begins anew; `warn` is called with its name.
#pragma once

#include <functional>
#include <string>

#include "experiments/results/run_directory.hpp"
#include "experiments/trace/event_trace.hpp"

namespace violet {

Result<EventTraceWriter> open_trace_files(const results::RunWriter& writer,
                                          const std::function<void(const std::string&)>& warn);

}  // namespace violet
