// A request is decoded from bytes into host types: what the driver asked for, with every byte taken from the
// copy once, so that a hostile guest has nothing to change behind a check.
//
// Threading: pure functions over plain values.
// Invariants: decode() calls its visitor exactly once and reads nothing beyond the span.
// Limits: checks form only (is the type known, is the body long enough); rules that need the
// device's state are the device's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>
#include <variant>

#include "engine/base/types.hpp"
#include "engine/protocol/wire.hpp"

namespace violet::protocol {

struct AttachRequest {
  DomainId domain;
  EndpointId endpoint;
  std::uint32_t flags;
  bool reserved_is_zero;
};
struct DetachRequest {  // D20: its reserved bytes are ignored, so they are not kept.
  DomainId domain;
  EndpointId endpoint;
};
struct MapRequest {
  DomainId domain;
  Mapping
      mapping;  // Its range is not yet known to be ordered; its permissions are those of `flags`.
  std::uint32_t flags;  // All of them, the unknown ones too.
};
struct UnmapRequest {
  DomainId domain;
  IovaRange range;  // Not yet known to be ordered.
  bool reserved_is_zero;
};
struct ProbeRequest {  // D35: its reserved bytes are ignored, so they are not kept.
  EndpointId endpoint;
};
// No head, or a type that no version of the specification defines (D9).
struct UnknownRequest {
  std::uint8_t type;
};
// A known type whose device-readable part ends too early.
struct ShortRequest {
  Type type;
};

// For requests that have to be kept.
using AnyRequest = std::variant<UnknownRequest, ShortRequest, AttachRequest, DetachRequest,
                                MapRequest, UnmapRequest, ProbeRequest>;

template <std::size_t N>
bool all_zero(const std::uint8_t (&bytes)[N]) {
  return std::all_of(std::begin(bytes), std::end(bytes), [](std::uint8_t b) { return b == 0; });
}

// D10: head.reserved is ignored, in every request.
inline AttachRequest typed(const Attach& wire) {
  return {{wire.domain}, {wire.endpoint}, wire.flags, all_zero(wire.reserved)};
}
inline DetachRequest typed(const Detach& wire) { return {{wire.domain}, {wire.endpoint}}; }
inline MapRequest typed(const Map& wire) {
  return {{wire.domain},
          {{{wire.virt_start}, {wire.virt_end}},
           {wire.phys_start},
           static_cast<Permissions>(wire.flags & (kMapRead | kMapWrite | kMapMmio))},
          wire.flags};
}
inline UnmapRequest typed(const Unmap& wire) {
  return {{wire.domain}, {{wire.virt_start}, {wire.virt_end}}, all_zero(wire.reserved)};
}
inline ProbeRequest typed(const Probe& wire) { return {{wire.endpoint}}; }

template <class Wire, class Visitor>
decltype(auto) decode_as(Type type, std::span<const std::byte> readable, Visitor& visitor) {
  if (readable.size() < sizeof(Wire)) return visitor(ShortRequest{type});
  Wire wire;
  std::memcpy(&wire, readable.data(), sizeof(wire));
  return visitor(typed(wire));
}

// Calls visitor(request) with one of the alternatives of AnyRequest. Bytes beyond the known layout
// are ignored: a later version may append fields.
template <class Visitor>
decltype(auto) decode(std::span<const std::byte> readable, Visitor&& visitor) {
  if (readable.size() < sizeof(Head)) return visitor(UnknownRequest{0});
  const auto type = static_cast<Type>(readable[0]);
  switch (type) {
    case Type::kMap:
      return decode_as<Map>(type, readable, visitor);
    case Type::kUnmap:
      return decode_as<Unmap>(type, readable, visitor);
    case Type::kAttach:
      return decode_as<Attach>(type, readable, visitor);
    case Type::kDetach:
      return decode_as<Detach>(type, readable, visitor);
    case Type::kProbe:
      return decode_as<Probe>(type, readable, visitor);
  }
  return visitor(UnknownRequest{static_cast<std::uint8_t>(type)});
}

inline AnyRequest decode(std::span<const std::byte> readable) {
  return decode(readable, [](const auto& request) { return AnyRequest(request); });
}

}  // namespace violet::protocol
