#include "engine/protocol/fault.hpp"

#include <bit>
#include <cstring>

namespace violet::protocol {
namespace {

FaultReason known_reason(std::uint8_t reason) {
  const bool known = reason <= static_cast<std::uint8_t>(FaultReason::kMapping);
  return known ? static_cast<FaultReason>(reason) : FaultReason::kUnknown;
}

}  // namespace

FaultRecord encode_fault(const FaultReport& report) {
  Fault wire{};  // D48: reserved and reserved1 stay zero.
  wire.reason = static_cast<std::uint8_t>(report.reason);
  // D49: nothing but the direction and ADDRESS, which says that the address is valid (D51).
  wire.flags = (report.access == Access::kRead ? kFaultRead : kFaultWrite) | kFaultAddress;
  wire.endpoint = report.endpoint.value;
  wire.address = report.address.value;
  return std::bit_cast<FaultRecord>(wire);
}

std::optional<ParsedFault> parse_fault(std::span<const std::byte> record) {
  Fault wire;
  if (record.size() < sizeof(wire)) return std::nullopt;
  std::memcpy(&wire, record.data(), sizeof(wire));
  if (!all_zero(wire.reserved)) return std::nullopt;  // R33
  // R34: reserved1 is ignored. R35: so are flags that are not defined.
  const std::uint32_t flags = wire.flags;
  ParsedFault fault{known_reason(wire.reason),
                    {wire.endpoint},
                    (flags & kFaultRead) != 0,
                    (flags & kFaultWrite) != 0,
                    std::nullopt};
  if ((flags & kFaultAddress) != 0) fault.address = Iova{wire.address};
  return fault;
}

}  // namespace violet::protocol
