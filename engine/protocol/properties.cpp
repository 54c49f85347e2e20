#include "engine/protocol/properties.hpp"

#include <cstring>
#include <optional>

namespace violet::protocol {
namespace {

constexpr std::uint16_t kTypeMask = 0x0fff;
constexpr std::uint16_t kResvMemLength = sizeof(ResvMem) - sizeof(PropertyHead);

ResvMem wire_region(const ReservedRegion& region) {
  ResvMem wire{};  // D38, D43: what is not set below stays zero.
  wire.head.type = kPropertyResvMem;
  wire.head.length = kResvMemLength;  // D39: without the header.
  wire.subtype = static_cast<std::uint8_t>(region.kind);
  wire.start = region.range.first.value;
  wire.end = region.range.last.value;
  return wire;
}

// Nothing for a value that is too short or a range that is none.
std::optional<ReservedRegion> parse_region(std::span<const std::byte> property) {
  ResvMem wire;
  if (property.size() < sizeof(wire)) return std::nullopt;
  std::memcpy(&wire, property.data(), sizeof(wire));
  // R31: the reserved bytes are ignored. R32: an unknown subtype is a reserved region.
  const auto kind = wire.subtype == kResvMemMsi ? RegionKind::kMsi : RegionKind::kReserved;
  const IovaRange range{{wire.start}, {wire.end}};
  if (range.last < range.first) return std::nullopt;
  return ReservedRegion{range, kind};
}

void parse_property(std::uint16_t type, std::span<const std::byte> property,
                    ParsedProperties& parsed) {
  // R26: an unknown type is ignored. R28: so is a property whose reserved bits are set, which is the
  // same comparison. R27: the caller steps by the length and never by the type.
  const auto region = type == kPropertyResvMem ? parse_region(property) : std::nullopt;
  if (region) {
    parsed.regions.push_back(*region);
  } else {
    ++parsed.ignored;
  }
}

}  // namespace

std::vector<std::byte> build_properties(std::span<const ReservedRegion> regions) {
  std::vector<std::byte> list(regions.size() * sizeof(ResvMem));
  std::size_t at = 0;
  for (const auto& region : regions) {
    const ResvMem wire = wire_region(region);
    std::memcpy(list.data() + at, &wire, sizeof(wire));
    at += sizeof(wire);  // D40: the next one starts exactly length + 4 later.
  }
  return list;
}

ParsedProperties parse_properties(std::span<const std::byte> list) {
  ParsedProperties parsed;
  while (list.size() >= sizeof(PropertyHead)) {
    PropertyHead head;
    std::memcpy(&head, list.data(), sizeof(head));
    if ((head.type & kTypeMask) == kPropertyNone) return parsed;
    const std::size_t size = sizeof(head) + head.length;
    if (size > list.size()) {
      parsed.truncated = true;
      return parsed;
    }
    parse_property(head.type, list.first(size), parsed);  // R29: and on with the next one.
    list = list.subspan(size);
  }
  parsed.truncated = !list.empty();
  return parsed;
}

}  // namespace violet::protocol
