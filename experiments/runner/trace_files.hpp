// Trace files are those of a run that are for looking at: trace.events and trace.pyramid.
//
// Threading: by the run's thread, before and after it measures; in between the recorder writes events().
// Invariants: results do not depend on these files, and where a disk is full the files make room for the results: what
// was traced last goes first. One that a resumed run finds damaged is set aside as <name>.damaged and begins anew;
// `warn` is called with its name.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "experiments/results/run_directory.hpp"
#include "experiments/trace/event_trace.hpp"
#include "experiments/trace/pyramid_file.hpp"

namespace violet {

// Whether the disk of a run directory may be too full for its results: for a few repetitions, and for what is made of
// them all when the run is closed, results.json.
bool lacks_room(const std::filesystem::path& directory);

// Less than this says too little of a repetition to be worth a look.
inline constexpr std::uint64_t kLeastTraceShare = std::uint64_t{64} << 10;

// Whether a budget is enough for the first repetition of so many cells.
constexpr bool traces_within(std::uint64_t budget_mib, std::size_t cells) {
  return cells > 0 && (budget_mib << 20) / cells >= kLeastTraceShare;
}

class TraceFiles {
 public:
  static Result<TraceFiles> open(const results::RunWriter& writer,
                                 const std::function<void(const std::string&)>& warn);

  EventTraceWriter& events() { return events_; }
  PyramidWriter& pyramids() { return pyramids_; }
  // What follows is one repetition.
  void begin_repetition();
  // What both files take, in bytes.
  std::uint64_t bytes() const { return events_.end() + pyramids_.end(); }
  // What the next of `left` repetitions may take of what is left of a budget. What one leaves goes to those after it.
  std::uint64_t share(std::uint64_t budget, std::size_t left) const {
    return std::max((budget - std::min(budget, bytes())) / left, kLeastTraceShare);
  }
  // Gives up the newest repetition; after those of this process all that there was when the files were opened. False:
  // nothing is left.
  bool give_up_newest();

 private:
  struct Ends {
    std::uint64_t events, pyramids;
  };
  TraceFiles(EventTraceWriter events, PyramidWriter pyramids)
      : events_(std::move(events)), pyramids_(std::move(pyramids)) {}
  Ends ends() const { return {events_.end(), pyramids_.end()}; }

  EventTraceWriter events_;
  PyramidWriter pyramids_;
  std::vector<Ends>
      begun_;  // Where each repetition begins; the first: what earlier processes traced.
};

}  // namespace violet
