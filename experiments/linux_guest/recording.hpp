// A guest recording writes the run directory of a real guest: its events, live for a viewer and in the run's files; what it left exposed, seen
// from outside; and the same as a trace that can be replayed.
//
//     rings --Recorder--> trace.events, trace.pyramid --> results.json
//                    \--> guest.vtrace (capture_log.hpp, datasets)
//
// Threading: the main thread, but for mark().
// Invariants: a viewer finds the run as it finds any other (live.json). What was lost is counted, and results that
// depend on it are then without a value. The trace for replay is whole or not there.
// Limits: kMostEvents a ring are kept, which is half a GiB of memory for each; the rest is counted as lost.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "engine/telemetry/segment.hpp"
#include "experiments/linux_guest/machine.hpp"
#include "experiments/results/live_mark.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/runner/recorder.hpp"
#include "experiments/runner/trace_files.hpp"

namespace violet::linux_guest {

struct RecordingSetup {
  std::filesystem::path runs_root = "runs";
  std::string command_line;
  results::Fact revision{{}, "the caller does not say"};
};

struct GuestResults {
  std::map<std::string, double> metrics;  // Those with a value.
  std::vector<std::string> warnings;
};

class GuestRecording {
 public:
  static constexpr std::size_t kMostEvents = std::size_t{1} << 24;

  static Result<std::unique_ptr<GuestRecording>> create(const GuestSetup& guest,
                                                        const RecordingSetup& setup);

  LcoreRings rings() { return segment_ ? rings_of(*segment_) : LcoreRings{}; }
  const std::filesystem::path& directory() const { return writer_.directory(); }
  // The machine, which outlives finish(), is about to run; the recorder's thread keeps to this CPU.
  Status start(Machine& machine, unsigned cpu);
  // The guest's work begins (kMeasure) or is over (kTakeDown). Any one thread.
  void mark(Phase phase);
  // The machine has stopped. What the report of the guest says becomes metrics.
  Result<GuestResults> finish(const GuestReport& report);

 private:
  GuestRecording(const GuestSetup& guest, results::RunWriter writer, TraceFiles trace)
      : guest_(guest), writer_(std::move(writer)), trace_(std::move(trace)) {}
  void show();
  results::RepetitionRecord to_record(const GuestReport& report) const;
  // A kernel before 6.11 takes iommu.strict=0 and is strict all the same.
  bool is_strict_after_all(const GuestReport& report) const;
  Status write_replay(const GuestReport& report);

  const GuestSetup& guest_;
  results::RunWriter writer_;
  TraceFiles trace_;
  std::unique_ptr<RunSegment> segment_;
  std::optional<results::LiveMark> live_mark_;
  std::string not_live_;
  Machine* machine_ = nullptr;
  std::unique_ptr<Recorder> recorder_;
  Ticks started_ = 0, ended_ = 0;
  // Of the guest's work; 0: it never came.
  std::atomic<Ticks> work_began_{0}, work_ended_{0};
  std::map<std::string, std::uint64_t> counts_before_, counts_after_;  // Then.
  SegmentStatus status_;
};

// "lazy sidecore fio"
std::string cell_label(const GuestSetup& guest);

}  // namespace violet::linux_guest
