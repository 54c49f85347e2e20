#include "dataplane/virtqueue/queue_layout.hpp"

#include <bit>

namespace violet {
namespace {

constexpr std::uint64_t line_up(std::uint64_t bytes) {
  return (bytes + (kCacheLine - 1)) & ~std::uint64_t{kCacheLine - 1};
}

Result<std::byte*> resolve_area(const GuestMemory& memory, const char* name, GuestPhys at,
                                std::uint64_t bytes, std::uint64_t alignment) {
  std::byte* const host = memory.host(at, bytes);
  if (host == nullptr) {
    return fail("the virtqueue's {} area at {:#x} is outside guest memory", name, at.value);
  }
  const auto address = reinterpret_cast<std::uintptr_t>(host);
  if (at.value % alignment != 0 || address % alignment != 0) {
    return fail("the virtqueue's {} area at {:#x} is not aligned to {} bytes", name, at.value,
                alignment);
  }
  return host;
}

Status check_size(const QueueLayout& layout) {
  if (layout.size == 0 || layout.size > kMaxQueueSize) {
    return fail("a virtqueue of {} descriptors is not possible", layout.size);
  }
  if (layout.format == RingFormat::kSplit && !std::has_single_bit(layout.size)) {
    return fail("a split virtqueue's size is a power of two, not {}", layout.size);
  }
  return {};
}

}  // namespace

std::uint64_t QueueLayout::driver_bytes() const {
  // Flags, index, ring, used_event; or an event suppression structure.
  return format == RingFormat::kSplit ? ring::kRingHead + 2 * std::uint64_t{size} + 2 : 4;
}

std::uint64_t QueueLayout::device_bytes() const {
  if (format == RingFormat::kPacked) return 4;
  return ring::kRingHead + ring::kUsedElement * std::uint64_t{size} + 2;
}

QueueLayout QueueLayout::at(RingFormat format, std::uint32_t size, GuestPhys base) {
  QueueLayout layout{format, size, base, {}, {}, {}};
  layout.driver = {base.value + line_up(layout.descriptor_bytes())};
  layout.device = {layout.driver.value + line_up(layout.driver_bytes())};
  layout.indirect_tables = {layout.device.value + line_up(layout.device_bytes())};
  return layout;
}

std::uint64_t QueueLayout::bytes(RingFormat format, std::uint32_t size) {
  const QueueLayout layout = at(format, size, {0});
  return layout.indirect_tables.value + layout.indirect_bytes();
}

Result<QueueAreas> resolve(const GuestMemory& memory, const QueueLayout& layout) {
  VIOLET_TRY(check_size(layout));
  const bool split = layout.format == RingFormat::kSplit;
  VIOLET_TRY(const auto descriptors,
             resolve_area(memory, "descriptor", layout.descriptors, layout.descriptor_bytes(), 16));
  VIOLET_TRY(const auto driver,
             resolve_area(memory, "driver", layout.driver, layout.driver_bytes(), split ? 2 : 4));
  VIOLET_TRY(const auto device,
             resolve_area(memory, "device", layout.device, layout.device_bytes(), 4));
  return QueueAreas{descriptors, driver, device};
}

}  // namespace violet
