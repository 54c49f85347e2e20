// trace.events: the telemetry events of a run in checksummed blocks.
//
//   header  64 bytes   magic "VIOLEVT1", version, bytes per event, ns per tick, ticks and epoch at start
//   block   32 bytes   magic "BLCK", number of events, events dropped before them, CRC-32 of the events;
//                      then the events (telemetry/event.hpp), 32 bytes each
// Little-endian, as the machine that wrote it.
//
// Threading: a writer is owner-only; a reader is immutable and may be shared.
// Invariants: E1 every block is with the kernel when append() returns. E2 a file cut short by a kill is
// read up to its last whole block, and says so; any other damage is an error with its offset.
// Limits: 65536 events a block; a reader maps the file and copies nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "engine/base/result.hpp"
#include "engine/telemetry/event.hpp"

namespace violet::results {

inline constexpr std::uint32_t kEventTraceVersion = 1;
inline constexpr std::size_t kMostBlockEvents = 65536;

struct EventTraceInfo {
  double ns_per_tick = 1;
  Ticks started_ticks = 0;
  double started_epoch_s = 0;
};

class EventTraceWriter {
 public:
  // Goes on with an existing trace, whose header stays; an unfinished last block is cut off.
  static Result<EventTraceWriter> open(const std::filesystem::path& path,
                                       const EventTraceInfo& info);
  EventTraceWriter(EventTraceWriter&& other) noexcept;
  EventTraceWriter& operator=(EventTraceWriter&& other) noexcept;
  ~EventTraceWriter();

  // `dropped` of them were lost between the last call and these.
  Status append(std::span<const Event> events, std::uint64_t dropped = 0);

 private:
  EventTraceWriter(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}
  int fd_ = -1;
  std::filesystem::path path_;
};

class EventTrace {
 public:
  struct Block {
    std::span<const Event> events;
    std::uint64_t dropped_before;
  };

  static Result<EventTrace> open(const std::filesystem::path& path);
  EventTrace(EventTrace&& other) noexcept;
  EventTrace& operator=(EventTrace&& other) noexcept;
  ~EventTrace();

  const EventTraceInfo& info() const { return info_; }
  const std::vector<Block>& blocks() const { return blocks_; }
  bool cut_short() const { return cut_short_; }
  std::uint64_t events() const;
  std::uint64_t dropped() const;

 private:
  EventTrace(const std::byte* bytes, std::size_t size) : bytes_(bytes), size_(size) {}
  Status index(const std::filesystem::path& path);

  const std::byte* bytes_ = nullptr;
  std::size_t size_ = 0;
  EventTraceInfo info_;
  std::vector<Block> blocks_;
  bool cut_short_ = false;
};

}  // namespace violet::results
