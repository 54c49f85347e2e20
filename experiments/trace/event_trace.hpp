// An event trace stores the telemetry events of a run (trace.events) in checksummed blocks, each of
// one lcore.
//
//   header  64 bytes   magic "VIOLEVT1", version, bytes per event, ns per tick, ticks and epoch at start
//   block   32 bytes   magic "BLCK", number of events, events dropped before them, CRC-32 of the events,
//                      lcore, events before them that were seen and not kept;
//                      then the events (telemetry/event.hpp), 32 bytes each
// Little-endian, as the machine that wrote it.
//
// Threading: a writer is owner-only; a reader is immutable and may be shared.
// Invariants: every block is with the kernel when append() returns. A file cut short by a kill is
// read up to its last whole block, and says so; a damaged header is an error with its offset. Opening
// looks at headers alone, so its time does not depend on the events; verify() tells whether a
// block's events are those that were written.
// Limits: 65536 events a block; a reader maps the file and copies nothing. Version 2 only: version 1 had
// no lcore a block.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/mapped_memory.hpp"
#include "engine/base/result.hpp"
#include "engine/telemetry/event_bodies.hpp"

namespace violet {

inline constexpr std::uint32_t kEventTraceVersion = 2;
inline constexpr std::size_t kMostBlockEvents = 65536;

struct EventTraceInfo {
  double ns_per_tick = 1;
  Ticks started_ticks = 0;
  double started_epoch_s = 0;
};

// What happened to events of a lcore since its last block, and did not make it into the file.
struct MissingEvents {
  std::uint64_t dropped = 0;   // Lost by a full ring: nobody has seen them.
  std::uint64_t not_kept = 0;  // Seen, counted and aggregated, but beyond what the trace keeps.
};

class EventTraceWriter {
 public:
  // Goes on with an existing trace, whose header stays; an unfinished last block is cut off.
  static Result<EventTraceWriter> open(const std::filesystem::path& path,
                                       const EventTraceInfo& info);

  // Events of one lcore, in order. Without events it notes what is missing.
  Status append(std::uint16_t lcore, std::span<const Event> events,
                const MissingEvents& missing = {});

 private:
  EventTraceWriter(FileDescriptor file, std::filesystem::path path)
      : file_(std::move(file)), path_(std::move(path)) {}
  FileDescriptor file_;
  std::filesystem::path path_;
};

class EventTrace {
 public:
  struct Block {
    std::span<const Event> events;
    std::uint64_t dropped_before;
    std::uint64_t not_kept_before;
    std::uint32_t checksum;
    std::uint16_t lcore;
  };

  static Result<EventTrace> open(const std::filesystem::path& path);
  // Over bytes that outlive it, aligned as an Event; `name` is for messages.
  static Result<EventTrace> over(std::span<const std::byte> bytes, std::string name);

  const EventTraceInfo& info() const { return info_; }
  const std::vector<Block>& blocks() const { return blocks_; }
  // Whether the block's events are what was written; the error names the file and the offset.
  Status verify(std::size_t block) const;
  void give_back_pages() const { mapped_.give_back_pages(); }
  bool cut_short() const { return cut_short_; }
  std::uint64_t events() const;
  std::uint64_t dropped() const;
  std::uint64_t not_kept() const;

 private:
  EventTrace(MappedMemory mapped, std::span<const std::byte> bytes, std::string name)
      : mapped_(std::move(mapped)), bytes_(bytes), name_(std::move(name)) {}
  Status index();

  MappedMemory mapped_;  // Empty over somebody else's bytes.
  std::span<const std::byte> bytes_;
  std::string name_;
  EventTraceInfo info_;
  std::vector<Block> blocks_;
  bool cut_short_ = false;
};

}  // namespace violet
