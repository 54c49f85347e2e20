// An event trace stores the telemetry events of a run (trace.events) in checksummed blocks, each of
// one lcore.
//
//   header  64 bytes   magic "VIOLEVT1", version, bytes per event, ns per tick, ticks and epoch at start, check of
//                      the run's id, check of this header (both 0: older programs wrote none)
//   block   32 bytes   magic "BLCK", number of events, events dropped before them, CRC-32 of the events,
//                      lcore, check of this header (0: older programs wrote none), events before them that
//                      were seen and not kept; then the events (telemetry/event.hpp), 32 bytes each
// Little-endian, as the machine that wrote it.
//
// Threading: a writer is owner-only; a reader is immutable and may be shared.
// Invariants: every block is with the kernel when append() returns, or nothing of it: where there was no room for all
// of it, what was written of it goes, and no block follows. A file cut short by a kill is
// read up to its last whole block, and says so; a damaged header is an error with its offset. Opening
// looks at headers and at each block's first and last event, so its time does not depend on the events. read()
// copies a block and then holds the copy against its checksum: whoever changes or cuts the file meanwhile
// changes nothing of what was read.
// Limits: 65536 events a block. Version 2 only: version 1 had no lcore a block.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/result.hpp"
#include "engine/telemetry/event_bodies.hpp"

namespace violet {

inline constexpr std::uint32_t kEventTraceVersion = 2;
inline constexpr std::size_t kMostBlockEvents = 65536;

struct EventTraceInfo {
  double ns_per_tick = 1;
  Ticks started_ticks = 0;
  double started_epoch_s = 0;
  std::uint32_t run = 0;  // run_check() of the run that it is of; 0: not known.
};

// Tells the traces of two runs apart; never 0.
std::uint32_t run_check(std::string_view run_id);

// What happened to events of a lcore since its last block, and did not make it into the file.
struct MissingEvents {
  std::uint64_t dropped = 0;   // Lost by a full ring: nobody has seen them.
  std::uint64_t not_kept = 0;  // Seen, counted and aggregated, but beyond what the trace keeps.
};

class EventTraceWriter {
 public:
  static constexpr std::uint64_t kHeaderBytes = 64;  // The end() of a trace without blocks.
  static constexpr std::uint64_t kBlockHeaderBytes = 32;

  // Goes on with an existing trace, whose header stays; an unfinished last block is cut off.
  static Result<EventTraceWriter> open(const std::filesystem::path& path,
                                       const EventTraceInfo& info);

  // Events of one lcore, in order. Without events it notes what is missing.
  Status append(std::uint16_t lcore, std::span<const Event> events,
                const MissingEvents& missing = {});
  // Where the last block ends.
  std::uint64_t end() const { return end_; }
  // Gives up what lies behind an earlier end().
  Status cut_back(std::uint64_t end);

 private:
  Status append_block(std::string_view header, std::string_view events);
  EventTraceWriter(FileDescriptor file, std::filesystem::path path)
      : file_(std::move(file)), path_(std::move(path)) {}
  FileDescriptor file_;
  std::filesystem::path path_;
  std::uint64_t end_ = 0;
  std::optional<Error> failed_;  // Why nothing is written any more.
};

class EventTrace {
 public:
  struct Block {
    std::uint64_t offset;  // Of its header in the file.
    std::uint64_t dropped_before;
    std::uint64_t not_kept_before;
    // Of its first and last event, as the file says: only read() verifies them. 0 without events.
    Ticks first, last;
    std::uint32_t count;
    std::uint32_t checksum;
    std::uint16_t lcore;
  };
  enum class Checksums { kVerified, kIgnored };  // Of the events. A fuzzer has no use for them.

  static Result<EventTrace> open(const std::filesystem::path& path);
  // Over bytes that outlive it; `name` is for messages.
  static Result<EventTrace> over(std::span<const std::byte> bytes, std::string name,
                                 Checksums checksums = Checksums::kVerified);

  const std::string& name() const { return name_; }
  const EventTraceInfo& info() const { return info_; }
  const std::vector<Block>& blocks() const { return blocks_; }
  // The block's events, as they were written; the error names the file and the offset. From any thread.
  Result<std::vector<Event>> read(std::size_t block) const;
  bool cut_short() const { return cut_short_; }
  std::uint64_t events() const;
  std::uint64_t dropped() const;
  std::uint64_t not_kept() const;

 private:
  EventTrace(FileDescriptor file, std::span<const std::byte> bytes, std::uint64_t size,
             std::string name)
      : file_(std::move(file)), bytes_(bytes), size_(size), name_(std::move(name)) {}
  Status index();
  bool copy(std::uint64_t offset, std::span<std::byte> into) const;
  // The time of the event there; nothing where the file was cut meanwhile.
  std::optional<Ticks> time_at(std::uint64_t offset) const;

  FileDescriptor file_;  // None over somebody else's bytes.
  std::span<const std::byte> bytes_;
  std::uint64_t size_ = 0;
  std::string name_;
  Checksums checksums_ = Checksums::kVerified;
  EventTraceInfo info_;
  std::vector<Block> blocks_;
  bool cut_short_ = false;
};

}  // namespace violet
