// A fault record tells a driver of an access that was refused: encoded for the event queue, and parsed.
//
// Threading: pure functions.
// Invariants: an encoded record has no reserved bit set (D48) and no undefined flag (D49).
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "engine/base/types.hpp"
#include "engine/protocol/wire.hpp"

namespace violet::protocol {

struct FaultReport {
  Iova address;
  EndpointId endpoint;
  Access access;
  FaultReason reason;
  bool operator==(const FaultReport&) const = default;
};

using FaultRecord = std::array<std::byte, sizeof(Fault)>;

FaultRecord encode_fault(const FaultReport& report);

struct ParsedFault {
  FaultReason reason;  // R36: an unknown reason is kUnknown.
  EndpointId endpoint;
  bool read;
  bool write;
  std::optional<Iova> address;  // Only with the ADDRESS flag (D51).
};
// Nothing when the record is too short or its reserved bytes are set (R33).
std::optional<ParsedFault> parse_fault(std::span<const std::byte> record);

}  // namespace violet::protocol
