#include "experiments/results/event_trace.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "experiments/results/files.hpp"

namespace violet::results {
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
  std::uint32_t reserved[3] = {};
};
static_assert(sizeof(BlockHeader) == 32);

// Events are 32 bytes and so are headers, so every event of a mapped file is aligned.
static_assert(alignof(Event) <= 32 && sizeof(FileHeader) % alignof(Event) == 0);

std::uint32_t checksum(std::span<const Event> events) {
  const auto bytes = std::as_bytes(events);
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

template <class T>
std::string_view bytes_of(const T& object) {
  return {reinterpret_cast<const char*>(&object), sizeof(T)};
}

Status check_header(const FileHeader& header, const std::filesystem::path& path) {
  const FileHeader ours;
  if (std::memcmp(header.magic, ours.magic, sizeof ours.magic) != 0) {
    return fail("{}: not an event trace", path.string());
  }
  if (header.version != kEventTraceVersion || header.event_bytes != sizeof(Event)) {
    return fail("{}: version {} with events of {} bytes, this program reads {} with {}",
                path.string(), header.version, header.event_bytes, kEventTraceVersion,
                sizeof(Event));
  }
  if (!std::isfinite(header.ns_per_tick) || header.ns_per_tick <= 0) {
    return fail("{}: offset 16: a tick of {} ns", path.string(), header.ns_per_tick);
  }
  return {};
}

// Removes a block that a killed writer left unfinished.
Status repair(int fd, const std::filesystem::path& path) {
  const auto trace = EventTrace::open(path);
  if (!trace) return tl::unexpected(trace.error());
  std::uint64_t end = sizeof(FileHeader);
  for (const auto& block : trace->blocks()) end += sizeof(BlockHeader) + block.events.size_bytes();
  if (::ftruncate(fd, static_cast<off_t>(end)) == 0) return {};
  return fail("{}: cannot be repaired: {}", path.string(), std::strerror(errno));
}

}  // namespace

Result<EventTraceWriter> EventTraceWriter::open(const std::filesystem::path& path,
                                                const EventTraceInfo& info) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return fail("{}: cannot be written: {}", path.string(), std::strerror(errno));
  EventTraceWriter writer(fd, path);
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail("{}: {}", path.string(), std::strerror(errno));
  // Less than a header is a writer that was killed at once.
  if (static_cast<std::size_t>(status.st_size) >= sizeof(FileHeader)) {
    const Status repaired = repair(fd, path);
    if (!repaired) return tl::unexpected(repaired.error());
    return writer;
  }
  if (::ftruncate(fd, 0) != 0) return fail("{}: {}", path.string(), std::strerror(errno));
  FileHeader header;
  header.ns_per_tick = info.ns_per_tick;
  header.started_ticks = info.started_ticks;
  header.started_epoch_s = info.started_epoch_s;
  const Status written = write_all(fd, bytes_of(header), path);
  if (!written) return tl::unexpected(written.error());
  return writer;
}

EventTraceWriter::EventTraceWriter(EventTraceWriter&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

EventTraceWriter& EventTraceWriter::operator=(EventTraceWriter&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

EventTraceWriter::~EventTraceWriter() {
  if (fd_ >= 0) ::close(fd_);
}

Status EventTraceWriter::append(std::span<const Event> events, std::uint64_t dropped) {
  do {
    const auto part = events.first(std::min(events.size(), kMostBlockEvents));
    events = events.subspan(part.size());
    BlockHeader header;
    header.events = static_cast<std::uint32_t>(part.size());
    header.dropped_before = std::exchange(dropped, 0);
    header.crc = checksum(part);
    std::string block(bytes_of(header));
    block.append(reinterpret_cast<const char*>(part.data()), part.size_bytes());
    const Status written = write_all(fd_, block, path_);
    if (!written) return written;
  } while (!events.empty());
  return {};
}

Result<EventTrace> EventTrace::open(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (fd < 0 || ::fstat(fd, &status) != 0) {
    const std::string reason = std::strerror(errno);
    if (fd >= 0) ::close(fd);
    return fail("{}: cannot be read: {}", path.string(), reason);
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* bytes = size == 0 ? nullptr : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  ::close(fd);
  if (bytes == MAP_FAILED)
    return fail("{}: cannot be mapped: {}", path.string(), std::strerror(errno));
  EventTrace trace(static_cast<const std::byte*>(bytes), size);
  const Status indexed = trace.index(path);
  if (!indexed) return tl::unexpected(indexed.error());
  return trace;
}

EventTrace::EventTrace(EventTrace&& other) noexcept { *this = std::move(other); }

EventTrace& EventTrace::operator=(EventTrace&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(size_, other.size_);
  std::swap(info_, other.info_);
  std::swap(blocks_, other.blocks_);
  std::swap(cut_short_, other.cut_short_);
  return *this;
}

EventTrace::~EventTrace() {
  if (bytes_ != nullptr) ::munmap(const_cast<std::byte*>(bytes_), size_);
}

Status EventTrace::index(const std::filesystem::path& path) {
  FileHeader header;
  if (size_ < sizeof header) return fail("{}: too short for an event trace", path.string());
  std::memcpy(&header, bytes_, sizeof header);
  const Status known = check_header(header, path);
  if (!known) return known;
  info_ = {header.ns_per_tick, header.started_ticks, header.started_epoch_s};
  for (std::size_t at = sizeof header; at < size_;) {
    BlockHeader block;
    cut_short_ = size_ - at < sizeof block;
    if (cut_short_) return {};
    std::memcpy(&block, bytes_ + at, sizeof block);
    if (std::memcmp(block.magic, BlockHeader().magic, sizeof block.magic) != 0 ||
        block.events > kMostBlockEvents) {
      return fail("{}: offset {}: no block of events begins here", path.string(), at);
    }
    const std::size_t body = at + sizeof block, length = block.events * sizeof(Event);
    cut_short_ = size_ - body < length;
    if (cut_short_) return {};
    const std::span events(reinterpret_cast<const Event*>(bytes_ + body), block.events);
    if (checksum(events) != block.crc) {
      return fail("{}: offset {}: the checksum of {} events does not fit", path.string(), at,
                  block.events);
    }
    blocks_.push_back({events, block.dropped_before});
    at = body + length;
  }
  return {};
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

}  // namespace violet::results
