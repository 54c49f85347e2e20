#include "experiments/lessons/guest.hpp"

#include <algorithm>

#include "engine/base/check.hpp"
#include "experiments/lessons/layout.hpp"

namespace violet::lessons {
namespace {

template <class Wire>
std::span<const std::byte> bytes_of(const Wire& wire) {
  return std::as_bytes(std::span(&wire, 1));
}

protocol::Head head(protocol::Type type) { return {static_cast<std::uint8_t>(type), {}}; }

constexpr std::uint32_t kTail = sizeof(protocol::Tail);

}  // namespace

const char* strategy_name(Strategy strategy) {
  static constexpr const char* kNames[] = {"strict", "lazy", "bounce", "optimistic", "direct"};
  return kNames[static_cast<std::size_t>(strategy)];
}

// --- what the driver knows

const BufferView* Guest::find(Iova iova) const {
  const auto found = std::find_if(buffers_.rbegin(), buffers_.rend(), [&](const BufferView& one) {
    return one.use != BufferView::Use::kGone && one.range.contains(iova);
  });
  return found != buffers_.rend() ? &*found : nullptr;
}

BufferView& Guest::at(Iova iova) {
  const BufferView* found = find(iova);
  VIOLET_CHECK(found != nullptr);
  return const_cast<BufferView&>(*found);
}

bool Guest::given_back(Iova iova) const {
  const BufferView* buffer = find(iova);
  return buffer == nullptr || buffer->given_back();
}

Exposure Guest::exposure() const {
  Exposure sum;
  const auto& requests = stage_.requests();
  for (const Window& window : windows_) {
    Ticks end = window.until.value_or(stage_.now());
    if (window.token && requests[*window.token].state == RequestView::State::kAnswered) {
      end = requests[*window.token].answered_at;
    }
    if (end <= window.from) continue;
    ++sum.windows;
    sum.longest_ns = std::max(sum.longest_ns, end - window.from);
    sum.total_ns += end - window.from;
  }
  for (const BufferView& buffer : buffers_) {
    if (buffer.use == BufferView::Use::kSlot || buffer.original) {
      sum.always_mapped_bytes += buffer.bytes;
    }
  }
  return sum;
}

Iova Guest::allocate(std::uint64_t bytes) {
  const auto found = std::find_if(free_.rbegin(), free_.rend(),
                                  [&](const Free& one) { return one.bytes == bytes; });
  if (found != free_.rend()) {
    const Iova iova = found->iova;
    free_.erase(std::next(found).base());
    return iova;
  }
  next_ = (next_ - bytes) & ~(bytes - 1);  // Sizes are powers of two here.
  return {next_};
}

void Guest::forget(BufferView& buffer) {
  buffer.use = BufferView::Use::kGone;
  free_.push_back({buffer.bytes, buffer.range.first});
}

// --- requests

void Guest::add_probe(unsigned endpoint) {
  protocol::Probe wire{};
  wire.head = head(protocol::Type::kProbe);
  wire.endpoint = kEndpointIds[endpoint].value;
  stage_.push(bytes_of(wire), kProbeBytes + kTail, "PROBE", Tone::kPlain);
}

void Guest::add_attach(unsigned endpoint, std::uint32_t domain) {
  protocol::Attach wire{};
  wire.head = head(protocol::Type::kAttach);
  wire.domain = domain;
  wire.endpoint = kEndpointIds[endpoint].value;
  stage_.push(bytes_of(wire), kTail, "ATTACH", Tone::kPlain);
}

Iova Guest::add_map(GuestPhys phys, std::uint64_t bytes, Permissions permissions) {
  const Iova iova = options_.strategy == Strategy::kDirect ? Iova{phys.value} : allocate(bytes);
  BufferView buffer;
  buffer.range = IovaRange::of(iova.value, bytes);
  buffer.phys = phys;
  buffer.bytes = bytes;
  buffer.permissions = permissions;
  protocol::Map wire{};
  wire.head = head(protocol::Type::kMap);
  wire.domain = kDomain;
  wire.virt_start = buffer.range.first.value;
  wire.virt_end = buffer.range.last.value;
  wire.phys_start = phys.value;
  wire.flags = static_cast<std::uint32_t>(permissions);
  stage_.watch(buffer.range);
  buffer.map_token = stage_.push(bytes_of(wire), kTail, "MAP", Tone::kMap);
  ++numbers_.map_requests;
  buffers_.push_back(buffer);
  return iova;
}

void Guest::add_unmap(Iova iova) {
  BufferView& buffer = at(iova);
  protocol::Unmap wire{};
  wire.head = head(protocol::Type::kUnmap);
  wire.domain = kDomain;
  wire.virt_start = buffer.range.first.value;
  wire.virt_end = buffer.range.last.value;
  buffer.unmap_token = stage_.push(bytes_of(wire), kTail, "UNMAP", Tone::kUnmap);
  buffer.use = BufferView::Use::kUnmapping;
  for (Window& window : windows_) {
    if (window.iova == buffer.range.first && open(window)) window.token = buffer.unmap_token;
  }
  ++numbers_.unmap_requests;
}

void Guest::kick() {
  ++numbers_.kicks;
  if (stage_.placement() == Placement::kSidecore) return;
  ++numbers_.exits;
  stage_.move(Part::kDriver, Part::kQueue, "kick");
  stage_.engine_runs_in_exit();
}

void Guest::start_waiting() {
  kick();
  ++numbers_.waits;
}

void Guest::reap() {
  for (const std::uint32_t token : stage_.reap()) {
    for (BufferView& buffer : buffers_) {
      if (buffer.use == BufferView::Use::kMapping && buffer.map_token == token) {
        buffer.use = BufferView::Use::kLive;
      } else if (buffer.use == BufferView::Use::kUnmapping && buffer.unmap_token == token) {
        forget(buffer);
      }
    }
  }
}

bool Guest::sync() {
  if (stage_.unanswered() > 0) {
    start_waiting();
    constexpr int kMostPolls = 1000;
    for (int i = 0; i < kMostPolls && stage_.unanswered() > 0; ++i) stage_.wait_for_engine();
  }
  reap();
  return stage_.unanswered() == 0;
}

// --- strategies

void Guest::attach(unsigned endpoint) {
  add_attach(endpoint);
  VIOLET_CHECK(sync());
}

Iova Guest::map(GuestPhys phys, std::uint64_t bytes, Permissions permissions) {
  if (options_.strategy == Strategy::kDirect) return {phys.value};
  if (options_.strategy == Strategy::kBounce) return bounce_map(phys, bytes, permissions);
  if (options_.strategy == Strategy::kOptimistic) {
    if (const auto kept = reuse(phys, bytes, permissions)) return *kept;
  }
  const Iova iova = add_map(phys, bytes, permissions);
  sync();
  return iova;
}

void Guest::unmap(Iova iova) {
  switch (options_.strategy) {
    case Strategy::kDirect:
      return;
    case Strategy::kBounce:
      return bounce_unmap(at(iova));
    case Strategy::kOptimistic:
      return keep(at(iova));
    case Strategy::kStrict:
      add_unmap(iova);
      sync();
      return;
    case Strategy::kLazy:
      add_unmap(iova);
      unmap_returns(iova);
      if (numbers_.unmap_requests % options_.flush_entries == 0) flush();
  }
}

void Guest::unmap_returns(Iova iova) {
  BufferView& buffer = at(iova);
  buffer.returned_at = stage_.now();
  if (options_.strategy == Strategy::kLazy) buffer.use = BufferView::Use::kParked;
  windows_.push_back({stage_.now(), buffer.range.first, buffer.unmap_token, std::nullopt});
}

void Guest::flush() {
  ++numbers_.flushes;
  sync();
  for (BufferView& buffer : buffers_) {
    if (buffer.use == BufferView::Use::kParked) forget(buffer);
  }
}

void Guest::tick() {
  if (options_.strategy == Strategy::kOptimistic) {
    const Ticks now = stage_.now();
    if (now >= options_.keep_ns) tear_down(0, now - options_.keep_ns);
    return;
  }
  const auto due = [&](const BufferView& buffer) {
    return buffer.use == BufferView::Use::kParked &&
           stage_.now() - *buffer.returned_at >= options_.flush_timer_ns;
  };
  if (std::any_of(buffers_.begin(), buffers_.end(), due)) flush();
}

void Guest::map_everything(std::uint64_t bytes) {
  const Iova iova = add_map({Memory::kFirstPage}, bytes, Permissions::kReadWrite);
  VIOLET_CHECK(sync());
  at(iova).use = BufferView::Use::kSlot;
}

// --- bounce

Iova Guest::bounce_map(GuestPhys phys, std::uint64_t bytes, Permissions permissions) {
  const auto idle = std::find_if(buffers_.begin(), buffers_.end(), [&](const BufferView& one) {
    return one.use == BufferView::Use::kSlot && one.bytes == bytes &&
           one.permissions == permissions;
  });
  Iova iova{};
  if (idle != buffers_.end()) {
    iova = idle->range.first;
    ++numbers_.reuses;
  } else {
    iova = add_map(stage_.memory().add("bounce slot", bytes / kPageBytes), bytes, permissions);
    sync();
  }
  BufferView& slot = at(iova);
  slot.use = BufferView::Use::kLive;
  slot.original = phys;
  if (allows(permissions, Access::kRead)) copy(phys, slot.phys, bytes);
  return iova;
}

void Guest::bounce_unmap(BufferView& slot) {
  if (allows(slot.permissions, Access::kWrite)) copy(slot.phys, *slot.original, slot.bytes);
  slot.use = BufferView::Use::kSlot;
  slot.original.reset();
}

void Guest::copy(GuestPhys from, GuestPhys to, std::uint64_t bytes) {
  stage_.spend(stage_.costs().copy_4k * bytes / kPageBytes);
  stage_.memory().copy(from, to, bytes);
  stage_.move(Part::kMemory, Part::kDriver, "copy", Tone::kCopy);
  stage_.move(Part::kDriver, Part::kMemory, "copy", Tone::kCopy);
  numbers_.bytes_copied += bytes;
}

// --- optimistic teardown

std::optional<Iova> Guest::reuse(GuestPhys phys, std::uint64_t bytes, Permissions permissions) {
  for (BufferView& buffer : buffers_) {
    if (buffer.use != BufferView::Use::kKept || buffer.phys != phys || buffer.bytes != bytes ||
        buffer.permissions != permissions) {
      continue;
    }
    ++numbers_.reuses;
    buffer.use = BufferView::Use::kLive;
    buffer.returned_at.reset();
    for (Window& window : windows_) {
      if (window.iova == buffer.range.first && open(window)) window.until = stage_.now();
    }
    return buffer.range.first;
  }
  return std::nullopt;
}

void Guest::keep(BufferView& buffer) {
  buffer.use = BufferView::Use::kKept;
  unmap_returns(buffer.range.first);
  tear_down(options_.keep_quota, std::nullopt);
}

std::size_t Guest::kept() const {
  return static_cast<std::size_t>(
      std::count_if(buffers_.begin(), buffers_.end(),
                    [](const BufferView& one) { return one.use == BufferView::Use::kKept; }));
}

// The oldest first, until `down_to` are left or the rest is younger; one sync for all.
void Guest::tear_down(std::size_t down_to, std::optional<Ticks> older_than) {
  bool any = false;
  while (kept() > down_to) {
    BufferView* oldest = nullptr;
    for (BufferView& buffer : buffers_) {
      if (buffer.use != BufferView::Use::kKept) continue;
      if (oldest == nullptr || *buffer.returned_at < *oldest->returned_at) oldest = &buffer;
    }
    if (older_than && *oldest->returned_at > *older_than) break;
    add_unmap(oldest->range.first);
    any = true;
  }
  if (any) sync();
}

}  // namespace violet::lessons
