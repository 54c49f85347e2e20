// A watched run joins the recording of a run with the cells that only its viewer has, once the
// viewer has watched it to its end.
//
//     recording: the first repetition of every cell --+
//                                                     +--> one list, in order of time
//     live: every repetition that was seen -----------+
//
// Threading: as RunQueries; immutable.
// Invariants: a cell of the recording is shown from there, because it is whole there; but of a run that died
// the one that has more events is, because the recording may lack the last moments. No cell that was shown
// live disappears.
// Limits: cells that only the watcher has are gone with it: CellInfo::unrecorded says so.
#pragma once

#include <memory>

#include "experiments/query/queries.hpp"

namespace violet::query {

// `live` is over: see RunProgress. Error when its recording cannot be opened, for the reason of that.
Result<std::shared_ptr<RunQueries>> open_watched(const std::shared_ptr<RunQueries>& live);
// The same for a recording that is open already.
std::shared_ptr<RunQueries> join_watched(std::shared_ptr<RunQueries> recording, RunQueries& live);

}  // namespace violet::query
