#include "experiments/trace/event_trace.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "engine/base/files.hpp"

namespace violet {
namespace {

struct FileHeader {
  char magic[8] = {'V', 'I', 'O', 'L', 'E', 'V', 'T', '1'};
  std::uint32_t version = kEventTraceVersion;
  std::uint32_t event_bytes = sizeof(Event);
  double ns_per_tick = 1;
  std::uint64_t started_ticks = 0;
  double started_epoch_s = 0;
  std::uint64_t reserved[3] = {};
};
static_assert(sizeof(FileHeader) == 64);

struct BlockHeader {
  char magic[4] = {'B', 'L', 'C', 'K'};
  std::uint32_t events = 0;
  std::uint64_t dropped_before = 0;
  std::uint32_t crc = 0;
  std::uint16_t lcore = 0;
  std::uint16_t reserved = 0;
  std::uint64_t not_kept_before = 0;
};
static_assert(sizeof(BlockHeader) == 32);

// Events are 32 bytes and so are headers, so every event of a mapped file is aligned.
static_assert(alignof(Event) <= 32 && sizeof(FileHeader) % alignof(Event) == 0);

constexpr std::size_t kBlocksBetween = 2048;  // About a quarter of a gigabyte.

std::uint32_t events_checksum(std::span<const Event> events) {
  const auto bytes = std::as_bytes(events);
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

template <class T>
std::string_view bytes_of(const T& object) {
  return {reinterpret_cast<const char*>(&object), sizeof(T)};
}

Status check_header(const FileHeader& header, const std::string& name) {
  const FileHeader ours;
  if (std::memcmp(header.magic, ours.magic, sizeof ours.magic) != 0) {
    return fail("{}: not an event trace", name);
  }
  if (header.version != kEventTraceVersion) {
    return fail(
        "{}: an event trace of version {}, this program reads version {}; run the plan again", name,
        header.version, kEventTraceVersion);
  }
  if (header.event_bytes != sizeof(Event)) {
    return fail("{}: events of {} bytes, this program reads {}", name, header.event_bytes,
                sizeof(Event));
  }
  if (!std::isfinite(header.ns_per_tick) || header.ns_per_tick <= 0) {
    return fail("{}: offset 16: a tick of {} ns", name, header.ns_per_tick);
  }
  return {};
}

// Removes a block that a killed writer left unfinished.
Status repair(int fd, const std::filesystem::path& path) {
  VIOLET_TRY(const EventTrace trace, EventTrace::open(path));
  std::uint64_t end = sizeof(FileHeader);
  for (const auto& block : trace.blocks()) end += sizeof(BlockHeader) + block.events.size_bytes();
  if (::ftruncate(fd, static_cast<off_t>(end)) == 0) return {};
  return fail("{}: cannot be repaired: {}", path.string(), std::strerror(errno));
}

}  // namespace

Result<EventTraceWriter> EventTraceWriter::open(const std::filesystem::path& path,
                                                const EventTraceInfo& info) {
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file.valid()) return fail("{}: cannot be written: {}", path.string(), std::strerror(errno));
  const int fd = file.get();
  EventTraceWriter writer(std::move(file), path);
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail("{}: {}", path.string(), std::strerror(errno));
  // Less than a header is a writer that was killed at once.
  if (static_cast<std::size_t>(status.st_size) >= sizeof(FileHeader)) {
    VIOLET_TRY(repair(fd, path));
    return writer;
  }
  if (::ftruncate(fd, 0) != 0) return fail("{}: {}", path.string(), std::strerror(errno));
  FileHeader header;
  header.ns_per_tick = info.ns_per_tick;
  header.started_ticks = info.started_ticks;
  header.started_epoch_s = info.started_epoch_s;
  VIOLET_TRY(write_all(fd, bytes_of(header), path));
  return writer;
}

Status EventTraceWriter::append(std::uint16_t lcore, std::span<const Event> events,
                                const MissingEvents& missing) {
  MissingEvents before = missing;
  do {
    const auto part = events.first(std::min(events.size(), kMostBlockEvents));
    events = events.subspan(part.size());
    BlockHeader header;
    header.events = static_cast<std::uint32_t>(part.size());
    header.dropped_before = std::exchange(before.dropped, 0);
    header.crc = events_checksum(part);
    header.lcore = lcore;
    header.not_kept_before = std::exchange(before.not_kept, 0);
    VIOLET_TRY(write_all(file_.get(), bytes_of(header), path_));
    const auto* body = reinterpret_cast<const char*>(part.data());
    VIOLET_TRY(write_all(file_.get(), {body, part.size_bytes()}, path_));
  } while (!events.empty());
  return {};
}

Result<EventTrace> EventTrace::open(const std::filesystem::path& path) {
  VIOLET_TRY(MappedMemory mapped, MappedMemory::of_file(path));
  const std::span<const std::byte> bytes = mapped.bytes();
  EventTrace trace(std::move(mapped), bytes, path.string());
  VIOLET_TRY(trace.index());
  return trace;
}

Result<EventTrace> EventTrace::over(std::span<const std::byte> bytes, std::string name) {
  EventTrace trace(MappedMemory(), bytes, std::move(name));
  VIOLET_TRY(trace.index());
  return trace;
}

Status EventTrace::index() {
  FileHeader header;
  if (bytes_.size() < sizeof header) return fail("{}: too short for an event trace", name_);
  std::memcpy(&header, bytes_.data(), sizeof header);
  VIOLET_TRY(check_header(header, name_));
  info_ = {header.ns_per_tick, header.started_ticks, header.started_epoch_s};
  for (std::size_t at = sizeof header; at < bytes_.size();) {
    BlockHeader block;
    cut_short_ = bytes_.size() - at < sizeof block;
    if (cut_short_) return {};
    std::memcpy(&block, bytes_.data() + at, sizeof block);
    if (std::memcmp(block.magic, BlockHeader().magic, sizeof block.magic) != 0 ||
        block.events > kMostBlockEvents) {
      return fail("{}: offset {}: no block of events begins here", name_, at);
    }
    const std::size_t body = at + sizeof block, length = block.events * sizeof(Event);
    cut_short_ = bytes_.size() - body < length;
    if (cut_short_) return {};
    const std::span events(reinterpret_cast<const Event*>(bytes_.data() + body), block.events);
    // The kernel maps more around each header than was asked for.
    if (blocks_.size() % kBlocksBetween == kBlocksBetween - 1) give_back_pages();
    blocks_.push_back(
        {events, block.dropped_before, block.not_kept_before, block.crc, block.lcore});
    at = body + length;
  }
  return {};
}

Status EventTrace::verify(std::size_t block) const {
  const Block& checked = blocks_[block];
  if (events_checksum(checked.events) == checked.checksum) return {};
  const auto* first = reinterpret_cast<const std::byte*>(checked.events.data());
  return fail("{}: offset {}: the checksum of {} events does not fit", name_,
              static_cast<std::size_t>(first - bytes_.data()) - sizeof(BlockHeader),
              checked.events.size());
}

std::uint64_t EventTrace::events() const {
  std::uint64_t total = 0;
  for (const Block& block : blocks_) total += block.events.size();
  return total;
}

std::uint64_t EventTrace::dropped() const {
  std::uint64_t total = 0;
  for (const Block& block : blocks_) total += block.dropped_before;
  return total;
}

std::uint64_t EventTrace::not_kept() const {
  std::uint64_t total = 0;
  for (const Block& block : blocks_) total += block.not_kept_before;
  return total;
}

}  // namespace violet
