// A property list answers PROBE: the device builds it, drivers and tests parse it.
//
// Threading: pure functions.
// Invariants: a built list has no reserved bit set (D38, D43), lengths without headers (D39), no gaps
// (D40), and is at most `24 * regions` bytes; the parser survives any bytes.
// Limits: RESV_MEM is the only property that the specification defines.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/base/types.hpp"
#include "engine/protocol/wire.hpp"

namespace violet::protocol {

enum class RegionKind : std::uint8_t { kReserved = kResvMemReserved, kMsi = kResvMemMsi };

// A range of I/O virtual addresses that no mapping may use.
struct ReservedRegion {
  IovaRange range;
  RegionKind kind = RegionKind::kReserved;
  bool operator==(const ReservedRegion&) const = default;
};

// The list without the zero bytes that end it; the device writes those up to probe_size (D42).
std::vector<std::byte> build_properties(std::span<const ReservedRegion> regions);

struct ParsedProperties {
  std::vector<ReservedRegion> regions;
  unsigned ignored = 0;    // Properties of unknown type, or with reserved bits (R26, R28).
  bool truncated = false;  // The list ran past its end; what came before is kept.
};
ParsedProperties parse_properties(std::span<const std::byte> list);

}  // namespace violet::protocol
