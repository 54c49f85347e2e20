#include "engine/telemetry/segment.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <utility>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace violet {
namespace {

constexpr std::size_t kHeaderBytes = 8192;
constexpr std::size_t kMostCapacity = std::size_t{1} << 32;
constexpr std::array<char, 8> kMagic = {'V', 'I', 'O', 'L', 'S', 'E', 'G', 'M'};

struct RingEntry {
  std::uint32_t lcore;
  std::uint32_t role;
  std::uint64_t capacity;
  std::uint64_t offset;  // From the segment's begin.
};

struct Header {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t header_bytes;
  std::uint64_t segment_bytes;
  std::int64_t pid;
  double ns_per_tick;
  std::uint64_t started_ticks;
  double started_epoch_s;
  std::uint32_t cells;
  std::uint32_t ring_count;
  std::array<RingEntry, kMostRings> rings;
  std::array<char, 256> run_id;
  std::array<char, 128> plan;
  std::array<char, 4096> run_directory;
};

struct StatusWords {
  std::uint32_t cell;
  std::uint32_t repetition;
  std::uint32_t phase;
  std::uint32_t step;  // From 1; 0: not said.
  std::uint32_t steps;
  std::uint32_t reserved;
  double share;
  std::array<char, 232> label;
};
static_assert(sizeof(StatusWords) % sizeof(Word) == 0);

struct StatusBlock {
  Word sequence;  // Odd: being changed.
  std::array<Word, sizeof(StatusWords) / sizeof(Word)> words;
};
constexpr std::size_t kStatusOffset = 6144;
static_assert(sizeof(Header) <= kStatusOffset &&
              kStatusOffset + sizeof(StatusBlock) <= kHeaderBytes);

template <std::size_t N>
void put_text(std::array<char, N>& field, std::string_view text) {
  field = {};
  std::copy_n(text.begin(), std::min(text.size(), N - 1), field.begin());
}
template <std::size_t N>
std::string text_of(const std::array<char, N>& field) {
  return {field.data(), ::strnlen(field.data(), N)};
}

constexpr std::size_t aligned(std::size_t bytes) {
  return (bytes + kCacheLine - 1) & ~(kCacheLine - 1);
}

Header header_for(const SegmentInfo& info, std::span<const RingPlace> rings) {
  Header header{};
  header.magic = kMagic;
  header.version = kSegmentVersion;
  header.header_bytes = kHeaderBytes;
  header.pid = ::getpid();
  header.ns_per_tick = info.ns_per_tick;
  header.started_ticks = info.started_ticks;
  header.started_epoch_s = info.started_epoch_s;
  header.cells = info.cells;
  put_text(header.run_id, info.run_id);
  put_text(header.plan, info.plan);
  put_text(header.run_directory, info.run_directory);
  header.ring_count = static_cast<std::uint32_t>(rings.size());
  std::size_t offset = kHeaderBytes;
  for (std::size_t i = 0; i < rings.size(); ++i) {
    const std::size_t capacity = std::bit_ceil(rings[i].capacity);
    header.rings[i] = {rings[i].lcore, static_cast<std::uint32_t>(rings[i].role), capacity, offset};
    offset = aligned(offset + EventRing::bytes(capacity));
  }
  header.segment_bytes = offset;
  return header;
}

// A file of `size` bytes that can neither shrink nor grow.
Result<FileDescriptor> make_file(std::size_t size) {
  FileDescriptor file(::memfd_create("violet-run", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) {
    return fail(ErrorKind::kEnvironment, "no shared memory: {}", std::strerror(errno));
  }
  if (::ftruncate(file.get(), static_cast<off_t>(size)) == 0 &&
      ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0) {
    return file;
  }
  return fail(ErrorKind::kEnvironment, "no shared memory of {} bytes: {}", size,
              std::strerror(errno));
}

}  // namespace

std::string_view to_text(RingRole role) {
  constexpr std::array<std::string_view, 4> kNames = {"engine", "guest", "endpoints", "recorder"};
  return kNames[static_cast<std::size_t>(role)];
}

Result<std::unique_ptr<RunSegment>> RunSegment::create(const SegmentInfo& info,
                                                       std::span<const RingPlace> rings) {
  VIOLET_CHECK(rings.size() <= kMostRings);
  if (info.run_directory.size() >= sizeof(Header::run_directory)) {
    return fail("the path of the run directory is too long for a live view");
  }
  const Header header = header_for(info, rings);
  VIOLET_TRY(FileDescriptor file, make_file(header.segment_bytes));
  const int fd = file.get();
  // Populated: lcores must not meet page faults.
  auto memory = MappedMemory::map(header.segment_bytes, PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_POPULATE, fd);
  if (!memory) {
    return fail(ErrorKind::kEnvironment, "no shared memory of {} bytes: {}", header.segment_bytes,
                memory.error().message);
  }
  // From here on only this mapping can write. Kernels before 5.1 do not know the seal.
  static_cast<void>(::fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
  static_cast<void>(::fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
  std::unique_ptr<RunSegment> segment(new RunSegment(std::move(file), *std::move(memory)));
  std::byte* const bytes = segment->memory_.bytes().data();
  std::memcpy(bytes, &header, sizeof header);
  for (std::size_t i = 0; i < rings.size(); ++i) {
    const RingEntry& at = header.rings[i];
    segment->rings_.push_back(std::make_unique<EventRing>(
        std::span(bytes + at.offset, EventRing::bytes(at.capacity)), at.capacity, rings[i].lcore));
  }
  return segment;
}

void RunSegment::set_status(const SegmentStatus& status) noexcept {
  const auto step = status.step.value_or(SegmentStatus::Step{0, 0});
  StatusWords words{status.cell,
                    status.repetition,
                    static_cast<std::uint32_t>(status.phase),
                    step.number,
                    step.of,
                    0,
                    status.share,
                    {}};
  put_text(words.label, status.label);
  auto* block = reinterpret_cast<StatusBlock*>(memory_.bytes().data() + kStatusOffset);
  const Word sequence = load_word(block->sequence, std::memory_order_relaxed);
  store_word(block->sequence, sequence + 1, std::memory_order_relaxed);
  // release: whoever acquires one of these words sees the odd sequence afterwards (status()).
  store_words(block->words.data(), words, std::memory_order_release);
  // release: partner is status()'s first load.
  store_word(block->sequence, sequence + 2, std::memory_order_release);
}

Result<SegmentView> SegmentView::attach(std::int64_t pid, int fd) {
  return open(fmt::format("/proc/{}/fd/{}", pid, fd));
}

Result<SegmentView> SegmentView::open(const std::string& path) {
  // Not blocking: the name may be that of a pipe.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat about {};
  if (!file.valid() || ::fstat(file.get(), &about) != 0) {
    return fail("{}: cannot be opened: {}", path, std::strerror(errno));
  }
  const int seals = S_ISREG(about.st_mode) ? ::fcntl(file.get(), F_GET_SEALS) : -1;
  const auto size = static_cast<std::size_t>(about.st_size);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || size < kHeaderBytes) {
    return fail("{}: not the shared memory of a run", path);
  }
  auto memory = MappedMemory::map(size, PROT_READ, MAP_SHARED, file.get());
  if (!memory) return fail("{}: cannot be mapped: {}", path, memory.error().message);
  SegmentView view(*std::move(memory));
  VIOLET_TRY(view.check(path));
  return view;
}

Status SegmentView::check(const std::string& path) {
  const std::size_t size = memory_.bytes().size();
  Header header;
  std::memcpy(&header, bytes(), sizeof header);
  if (header.magic != kMagic) return fail("{}: not the shared memory of a run", path);
  if (header.version != kSegmentVersion || header.header_bytes != kHeaderBytes) {
    return fail(
        "{}: shared memory of version {}, this program reads {}: the run and the viewer are "
        "of different builds",
        path, header.version, kSegmentVersion);
  }
  if (header.segment_bytes != size) {
    return fail("{}: {} bytes, its header says {}", path, size, header.segment_bytes);
  }
  if (!std::isfinite(header.ns_per_tick) || header.ns_per_tick <= 0) {
    return fail("{}: a tick of {} ns", path, header.ns_per_tick);
  }
  if (header.ring_count > kMostRings) return fail("{}: {} rings", path, header.ring_count);
  std::size_t free_from = kHeaderBytes;
  for (std::size_t i = 0; i < header.ring_count; ++i) {
    const RingEntry& ring = header.rings[i];
    const bool sound = std::has_single_bit(ring.capacity) && ring.capacity <= kMostCapacity &&
                       ring.lcore <= 0xffff &&
                       ring.role <= static_cast<std::uint32_t>(RingRole::kRecorder) &&
                       ring.offset % kCacheLine == 0 && ring.offset >= free_from &&
                       ring.offset <= size && size - ring.offset >= EventRing::bytes(ring.capacity);
    if (!sound) return fail("{}: ring {} does not lie inside the segment", path, i);
    free_from = ring.offset + EventRing::bytes(ring.capacity);
    rings_.push_back(
        {static_cast<std::uint16_t>(ring.lcore), static_cast<RingRole>(ring.role), ring.capacity});
    offsets_.push_back(ring.offset);
  }
  info_ = {header.pid,
           header.ns_per_tick,
           header.started_ticks,
           header.started_epoch_s,
           text_of(header.run_id),
           text_of(header.run_directory),
           text_of(header.plan),
           header.cells};
  return {};
}

namespace {

// On Linux the priority is a thread's; 0: the caller.
void step_back(id_t thread, int nice) noexcept {
  if (::getpriority(PRIO_PROCESS, thread) < nice)
    static_cast<void>(::setpriority(PRIO_PROCESS, thread, nice));
}

}  // namespace

void step_back(int nice) noexcept { step_back(id_t{0}, nice); }

void step_back_all(int nice) noexcept {
  DIR* tasks = ::opendir("/proc/self/task");
  if (tasks == nullptr) return step_back(nice);
  while (const dirent* one = ::readdir(tasks)) {
    const long thread = std::strtol(one->d_name, nullptr, 10);
    if (thread > 0) step_back(static_cast<id_t>(thread), nice);
  }
  ::closedir(tasks);
}

RingObserver SegmentView::observe(std::size_t ring) const {
  const auto* state = reinterpret_cast<const RingState*>(bytes() + offsets_[ring]);
  return {state, reinterpret_cast<const Word*>(state + 1), rings_[ring].capacity};
}

std::optional<SegmentStatus> SegmentView::status() const noexcept {
  constexpr int kTries = 64;  // A change takes some 50 ns.
  const auto* block = reinterpret_cast<const StatusBlock*>(bytes() + kStatusOffset);
  for (int i = 0; i < kTries; ++i) {
    // acquire: partner is set_status()'s last store.
    const Word before = load_word(block->sequence, std::memory_order_acquire);
    // acquire: partners are set_status()'s stores of the words.
    const auto words = load_words<StatusWords>(block->words.data(), std::memory_order_acquire);
    const Word after = load_word(block->sequence, std::memory_order_relaxed);
    if (before != after || before % 2 != 0) continue;
    const auto phase = std::min(words.phase, static_cast<std::uint32_t>(Phase::kEnd));
    SegmentStatus status{words.cell, words.repetition, static_cast<Phase>(phase), words.share,
                         text_of(words.label)};
    if (words.step > 0) status.step = {words.step, words.steps};
    return status;
  }
  return std::nullopt;
}

}  // namespace violet
