// A segment shares a run with viewers: a header, what the run is doing, and the rings of its
// lcores, in a memfd that another process maps read-only through /proc/<pid>/fd/<n>.
//
//     header 8 KiB   magic, version, sizes, process, clock, names, the directory of the rings
//                    status: what runs now, under a sequence lock
//     ring 0..n-1    RingState and events (event_ring.hpp), each at a cache line's multiple
//
// Threading: RunSegment::set_status() by one thread; each ring as event_ring.hpp says. A SegmentView belongs
// to its thread. Everything else in the header is written before anybody can find the segment.
// Invariants: the run never waits for, looks at or knows a viewer. A view trusts nothing: every size
// and offset is checked against the file before it is used, and a file that could shrink is refused,
// because touching what is gone would kill the viewer. Nothing is left behind: the kernel frees the
// memory when the run and its last viewer are gone, however they ended.
// Limits: kMostRings rings; names longer than their fields are cut off, a longer directory is an error.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/mapped_memory.hpp"
#include "engine/base/result.hpp"
#include "engine/telemetry/event_ring.hpp"

namespace violet {

inline constexpr std::uint32_t kSegmentVersion = 2;
inline constexpr std::size_t kMostRings = 16;

enum class RingRole : std::uint32_t { kEngine, kGuest, kEndpoints, kRecorder };
// "engine", "guest", "endpoints", "recorder"
std::string_view to_text(RingRole role);

struct RingPlace {
  std::uint16_t lcore = 0;
  RingRole role = RingRole::kEngine;
  std::size_t capacity = 0;  // Events; a power of two once made.
};

struct SegmentInfo {
  std::int64_t pid = 0;  // Filled in by create().
  double ns_per_tick = 1;
  Ticks started_ticks = 0;
  double started_epoch_s = 0;
  std::string run_id = {};
  std::string run_directory = {};  // Absolute; up to 4095 bytes.
  std::string plan = {};
  std::uint32_t cells = 0;
};

// What the run does now.
struct SegmentStatus {
  std::uint32_t cell = 0;  // Position in the plan.
  std::uint32_t repetition = 0;
  Phase phase = Phase::kStart;
  double share = 0;        // Of the run's steps that are done, 0..1.
  std::string label = {};  // Of the cell.
  // A repetition of a cell is a step; those that were finished before this process began are none.
  struct Step {
    std::uint32_t number = 1;  // From 1.
    std::uint32_t of = 1;
    bool operator==(const Step&) const = default;
  };
  std::optional<Step> step = {};  // Nothing: the run does not say.
  bool operator==(const SegmentStatus&) const = default;
};

// The run's side.
class RunSegment {
 public:
  // Error (kind kEnvironment) when the host gives no memory for it.
  static Result<std::unique_ptr<RunSegment>> create(const SegmentInfo& info,
                                                    std::span<const RingPlace> rings);
  int fd() const { return file_.get(); }
  // In the order given to create().
  EventRing& ring(std::size_t index) { return *rings_[index]; }
  void set_status(const SegmentStatus& status) noexcept;

 private:
  RunSegment(FileDescriptor file, MappedMemory memory)
      : file_(std::move(file)), memory_(std::move(memory)) {}

  FileDescriptor file_;
  MappedMemory memory_;
  std::vector<std::unique_ptr<EventRing>> rings_;  // In that memory.
};

// Where a run's lcores have every CPU, whoever watches shares one with them: then the viewer loses events,
// which it counts and shows, and not the run its time. With a CPU to spare nothing of this is felt. Nice values
// of setpriority(2): beside a lcore that polls, the thread that aggregates gets 3 % of the CPU and the one that
// draws 6 %.
inline constexpr int kAggregatingNice = 15;
inline constexpr int kWatchingNice = 12;
// The calling thread, and those that it creates from now on. A thread that is further back stays there.
void step_back(int nice) noexcept;
// Every thread of this process.
void step_back_all(int nice) noexcept;

// A viewer's side: read-only, and gone without a trace.
class SegmentView {
 public:
  // Errors say what is wrong with the file that process `pid` has as `fd`.
  static Result<SegmentView> attach(std::int64_t pid, int fd);
  // The same for a file by its name.
  static Result<SegmentView> open(const std::string& path);

  const SegmentInfo& info() const { return info_; }
  const std::vector<RingPlace>& rings() const { return rings_; }
  // From the oldest event that is still there. The view outlives the observer.
  RingObserver observe(std::size_t ring) const;
  // Nothing when the run changed it during each attempt: ask again later.
  std::optional<SegmentStatus> status() const noexcept;

 private:
  explicit SegmentView(MappedMemory memory) : memory_(std::move(memory)) {}
  Status check(const std::string& path);

  const std::byte* bytes() const { return memory_.bytes().data(); }

  MappedMemory memory_;  // Read-only.
  SegmentInfo info_;
  std::vector<RingPlace> rings_;
  std::vector<std::size_t> offsets_;
};

}  // namespace violet
