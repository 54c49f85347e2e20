#include "experiments/trace/event_trace.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
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
  std::uint32_t run = 0;
  std::uint32_t check = 0;
  std::uint64_t reserved[2] = {};
};
static_assert(sizeof(FileHeader) == EventTraceWriter::kHeaderBytes);

struct BlockHeader {
  char magic[4] = {'B', 'L', 'C', 'K'};
  std::uint32_t events = 0;
  std::uint64_t dropped_before = 0;
  std::uint32_t crc = 0;
  std::uint16_t lcore = 0;
  std::uint16_t check = 0;
  std::uint64_t not_kept_before = 0;
};
static_assert(sizeof(BlockHeader) == EventTraceWriter::kBlockHeaderBytes);

std::uint32_t events_checksum(std::span<const Event> events) {
  const auto bytes = std::as_bytes(events);
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

std::uint32_t never_zero(uLong crc) { return crc == 0 ? 1 : static_cast<std::uint32_t>(crc); }

// Of all of the file's header but itself; never 0.
std::uint32_t header_check(FileHeader header) {
  header.check = 0;
  return never_zero(::crc32(0, reinterpret_cast<const Bytef*>(&header), sizeof header));
}

// Of all of a block's header but itself; never 0.
std::uint16_t header_check(BlockHeader header) {
  header.check = 0;
  const auto crc = static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(&header), sizeof header));
  const auto folded = static_cast<std::uint16_t>(crc ^ (crc >> 16));
  return folded == 0 ? std::uint16_t{1} : folded;
}

Status check_block(const BlockHeader& header, std::uint64_t at, const std::string& name) {
  if (std::memcmp(header.magic, BlockHeader().magic, sizeof header.magic) != 0 ||
      header.events > kMostBlockEvents) {
    return fail("{}: offset {}: no block of events begins here", name, at);
  }
  if (header.check != 0 && header.check != header_check(header)) {
    return fail("{}: offset {}: the header of this block of events is damaged", name, at);
  }
  return {};
}

template <class T>
std::span<std::byte> bytes_in(T& object) {
  return std::as_writable_bytes(std::span(&object, 1));
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
  if (header.check != 0 && header.check != header_check(header)) {
    return fail("{}: the header of this event trace is damaged: its check does not fit", name);
  }
  if (!std::isfinite(header.ns_per_tick) || header.ns_per_tick <= 0) {
    return fail("{}: offset 16: a tick of {} ns", name, header.ns_per_tick);
  }
  return {};
}

// Where the last whole block ends: a killed writer may have left an unfinished one behind it.
Result<std::uint64_t> end_of_blocks(const std::filesystem::path& path, std::uint32_t run) {
  VIOLET_TRY(const EventTrace trace, EventTrace::open(path));
  if (trace.info().run != 0 && run != 0 && trace.info().run != run) {
    return fail("{}: this is the trace of another run", path.string());
  }
  if (trace.blocks().empty()) return sizeof(FileHeader);
  const auto& last = trace.blocks().back();
  return last.offset + sizeof(BlockHeader) + last.count * sizeof(Event);
}

}  // namespace

std::uint32_t run_check(std::string_view run_id) {
  return never_zero(
      ::crc32(0, reinterpret_cast<const Bytef*>(run_id.data()), static_cast<uInt>(run_id.size())));
}

Result<EventTraceWriter> EventTraceWriter::open(const std::filesystem::path& path,
                                                const EventTraceInfo& info) {
  VIOLET_TRY(FileDescriptor file, open_own_file(path, O_RDWR | O_CREAT | O_APPEND));
  const int fd = file.get();
  EventTraceWriter writer(std::move(file), path);
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail("{}: {}", path.string(), std::strerror(errno));
  // Less than a header is a writer that was killed at once.
  if (static_cast<std::size_t>(status.st_size) >= sizeof(FileHeader)) {
    VIOLET_TRY(const std::uint64_t end, end_of_blocks(path, info.run));
    VIOLET_TRY(writer.cut_back(end));
    return writer;
  }
  if (::ftruncate(fd, 0) != 0) return fail("{}: {}", path.string(), std::strerror(errno));
  FileHeader header;
  header.ns_per_tick = info.ns_per_tick;
  header.started_ticks = info.started_ticks;
  header.started_epoch_s = info.started_epoch_s;
  header.run = info.run;
  header.check = header_check(header);
  VIOLET_TRY(write_all(fd, bytes_of(header), path));
  writer.end_ = sizeof header;
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
    header.check = header_check(header);
    const auto* body = reinterpret_cast<const char*>(part.data());
    VIOLET_TRY(append_block(bytes_of(header), {body, part.size_bytes()}));
  } while (!events.empty());
  return {};
}

Status EventTraceWriter::append_block(std::string_view header, std::string_view events) {
  if (failed_) return tl::unexpected<Error>(*failed_);
  Status written = write_all(file_.get(), header, path_);
  if (written) written = write_all(file_.get(), events, path_);
  if (written) {
    end_ += header.size() + events.size();
    return {};
  }
  failed_ = written.error();
  static_cast<void>(cut_back(end_));  // A reader takes an unfinished last block for what it is.
  return written;
}

Status EventTraceWriter::cut_back(std::uint64_t end) {
  if (::ftruncate(file_.get(), static_cast<off_t>(end)) != 0) {
    return fail("{}: cannot be cut: {}", path_.string(), std::strerror(errno));
  }
  end_ = end;
  return {};
}

Result<EventTrace> EventTrace::open(const std::filesystem::path& path) {
  VIOLET_TRY(FileDescriptor file, open_regular_file(path));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail("{}: {}", path.string(), std::strerror(errno));
  EventTrace trace(std::move(file), {}, static_cast<std::uint64_t>(status.st_size), path.string());
  VIOLET_TRY(trace.index());
  return trace;
}

Result<EventTrace> EventTrace::over(std::span<const std::byte> bytes, std::string name,
                                    Checksums checksums) {
  EventTrace trace(FileDescriptor(), bytes, bytes.size(), std::move(name));
  trace.checksums_ = checksums;
  VIOLET_TRY(trace.index());
  return trace;
}

bool EventTrace::copy(std::uint64_t offset, std::span<std::byte> into) const {
  if (file_.valid()) return read_at(file_.get(), offset, into) == into.size();
  if (offset > bytes_.size() || into.size() > bytes_.size() - offset) return false;
  if (!into.empty()) std::memcpy(into.data(), bytes_.data() + offset, into.size());
  return true;
}

std::optional<Ticks> EventTrace::time_at(std::uint64_t offset) const {
  Ticks at = 0;
  static_assert(offsetof(Event, at) == 0);
  if (!copy(offset, bytes_in(at))) return std::nullopt;
  return at;
}

Status EventTrace::index() {
  FileHeader header;
  if (!copy(0, bytes_in(header))) return fail("{}: too short for an event trace", name_);
  VIOLET_TRY(check_header(header, name_));
  info_ = {header.ns_per_tick, header.started_ticks, header.started_epoch_s, header.run};
  for (std::uint64_t at = sizeof header; at < size_;) {
    BlockHeader block;
    cut_short_ = !copy(at, bytes_in(block));
    if (cut_short_) return {};
    VIOLET_TRY(check_block(block, at, name_));
    const std::uint64_t body = at + sizeof block, length = block.events * sizeof(Event);
    cut_short_ = size_ - body < length;
    if (cut_short_) return {};
    const auto first = block.events == 0 ? 0 : time_at(body);
    const auto last = block.events == 0 ? 0 : time_at(body + length - sizeof(Event));
    cut_short_ = !first || !last;
    if (cut_short_) return {};
    blocks_.push_back({at, block.dropped_before, block.not_kept_before, *first, *last, block.events,
                       block.crc, block.lcore});
    at = body + length;
  }
  return {};
}

Result<std::vector<Event>> EventTrace::read(std::size_t block) const {
  const Block& wanted = blocks_[block];
  std::vector<Event> events(wanted.count);
  if (!copy(wanted.offset + sizeof(BlockHeader), std::as_writable_bytes(std::span(events)))) {
    return fail("{}: offset {}: a block of {} events that was there has been cut off", name_,
                wanted.offset, wanted.count);
  }
  if (checksums_ == Checksums::kVerified && events_checksum(events) != wanted.checksum) {
    return fail("{}: offset {}: the checksum of {} events does not fit", name_, wanted.offset,
                wanted.count);
  }
  return events;
}

std::uint64_t EventTrace::events() const {
  std::uint64_t total = 0;
  for (const Block& block : blocks_) total += block.count;
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
