// An event body names the fields of one kind of event. A writer fills in the body and calls
// event(); a reader calls the body's of(). No other code knows which field of an event holds what.
//     probe.record(AttachEvent{endpoint, domain}.event(EventKind::kAttach, now));
//     if (event.kind == EventKind::kAttach) use(AttachEvent::of(event).domain);
//
// Threading: plain values.
// Invariants: of() undoes event().
// Limits: those of the fields. The bytes of a foreign file make bodies as well: what a number means has to be
// checked where it matters.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/base/types.hpp"
#include "engine/telemetry/event.hpp"

namespace violet {

// kMapDone, kUnmapExecuted, kUnmapCompleted
struct MappingEvent {
  DomainId domain;
  IovaRange range;
  Permissions permissions = Permissions::kNone;  // Of kMapDone: the MAP's flags.

  constexpr Event event(EventKind kind, Ticks at) const {
    return {at,
            kind,
            static_cast<std::uint8_t>(permissions),
            0,
            domain.value,
            range.first.value,
            range.last.value};
  }
  static constexpr MappingEvent of(const Event& event) {
    return {{event.id}, {{event.a}, {event.b}}, static_cast<Permissions>(event.status)};
  }
  // False of what no engine has left.
  constexpr bool ordered() const { return range.first <= range.last; }
};

// kAttach, kDetach
struct AttachEvent {
  EndpointId endpoint;
  DomainId domain;

  constexpr Event event(EventKind kind, Ticks at) const {
    return {at, kind, 0, 0, endpoint.value, domain.value, 0};
  }
  static constexpr AttachEvent of(const Event& event) {
    return {{event.id}, {static_cast<std::uint32_t>(event.a)}};
  }
};

// kFault
struct FaultEvent {
  EndpointId endpoint;
  Iova iova;
  std::uint8_t reason = 0;  // protocol::FaultReason

  constexpr Event event(Ticks at) const {
    return {at, EventKind::kFault, reason, 0, endpoint.value, iova.value, 0};
  }
  static constexpr FaultEvent of(const Event& event) {
    return {{event.id}, {event.a}, event.status};
  }
};

// kInvalidationStalled
struct StallEvent {
  std::uint32_t reader = 0;  // That the grace period waits for.
  Ticks waited = 0;

  constexpr Event event(Ticks at) const {
    return {at, EventKind::kInvalidationStalled, 0, 0, reader, waited, 0};
  }
  static constexpr StallEvent of(const Event& event) { return {event.id, event.a}; }
};

// kDmaMap, kDmaUnmap
struct DmaEvent {
  EndpointId endpoint;
  Iova iova;                    // Of the buffer's first byte.
  std::uint32_t bytes = 0;      // Below 4 GiB.
  std::uint64_t phys_page = 0;  // Number of the page of the buffer's first byte; fits in 32 bits.
  Permissions needed = Permissions::kNone;   // By the call's direction.
  Permissions granted = Permissions::kNone;  // What the device may do there.
  bool persistent = false;                   // The address stays reachable by design.
  bool kept =
      false;  // Of a map: it took over the mapping that the pages' last unmap left in place.

  constexpr Event event(EventKind kind, Ticks at, Ticks took = 0) const {
    const unsigned status = static_cast<unsigned>(needed) | static_cast<unsigned>(granted) << 2 |
                            (persistent ? kPersistent : 0) | (kept ? kKept : 0);
    return {at,
            kind,
            static_cast<std::uint8_t>(status),
            pack_ticks(took),
            endpoint.value,
            iova.value,
            bytes | phys_page << 32};
  }
  static constexpr DmaEvent of(const Event& event) {
    DmaEvent body = of_status(event.status);
    body.endpoint = {event.id};
    body.iova = {event.a};
    body.bytes = static_cast<std::uint32_t>(event.b);
    body.phys_page = event.b >> 32;
    return body;
  }
  // Where no more is kept of an event.
  static constexpr DmaEvent of_status(std::uint8_t status) {
    DmaEvent body;
    body.needed = static_cast<Permissions>(status & 3);
    body.granted = static_cast<Permissions>(status >> 2 & 3);
    body.persistent = (status & kPersistent) != 0;
    body.kept = (status & kKept) != 0;
    return body;
  }
  // More than the direction needs.
  constexpr bool has_slack() const { return (granted & needed) == needed && granted != needed; }

 private:
  static constexpr unsigned kPersistent = 1u << 5;
  static constexpr unsigned kKept = 1u << 6;
};

// kFlush: of a flush queue
struct FlushEvent {
  DomainId domain;
  std::uint64_t released = 0;  // Entries.

  constexpr Event event(Ticks at, Ticks took = 0) const {
    return {at, EventKind::kFlush, 0, pack_ticks(took), domain.value, released, 0};
  }
  static constexpr FlushEvent of(const Event& event) { return {{event.id}, event.a}; }
};

// kKick: a notification was sent to the device
struct KickEvent {
  std::uint64_t in_flight = 0;  // Requests.

  constexpr Event event(Ticks at) const { return {at, EventKind::kKick, 0, 0, 0, in_flight, 0}; }
  static constexpr KickEvent of(const Event& event) { return {event.a}; }
};

// kTranslate
struct TranslateEvent {
  enum class Outcome : std::uint8_t { kHit, kMiss, kFault };
  EndpointId endpoint;
  Iova iova;
  std::uint64_t bytes = 0;  // That it is good for.
  Outcome outcome = Outcome::kHit;

  constexpr Event event(Ticks at, Ticks took) const {
    return {at,
            EventKind::kTranslate,
            static_cast<std::uint8_t>(outcome),
            pack_ticks(took),
            endpoint.value,
            iova.value,
            bytes};
  }
  static constexpr TranslateEvent of(const Event& event) {
    return {{event.id}, {event.a}, event.b, static_cast<Outcome>(event.status)};
  }
};

// kRogueProbe
struct ProbeEvent {
  EndpointId endpoint;
  Iova iova;
  Access access = Access::kRead;
  bool reached = false;  // Memory; else it was denied.

  // `at` is the middle of what it `took`; 0: not known.
  constexpr Event event(Ticks at, Ticks took = 0) const {
    return {at,
            EventKind::kRogueProbe,
            static_cast<std::uint8_t>(reached),
            pack_ticks(took),
            endpoint.value,
            iova.value,
            static_cast<std::uint64_t>(access)};
  }
  static constexpr ProbeEvent of(const Event& event) {
    return {{event.id}, {event.a}, static_cast<Access>(event.b), event.status != 0};
  }
};

// kCopy: into or out of a bounce buffer
struct CopyEvent {
  EndpointId endpoint;
  Iova iova;
  std::uint64_t bytes = 0;

  constexpr Event event(Ticks at, Ticks took = 0) const {
    return {at, EventKind::kCopy, 0, pack_ticks(took), endpoint.value, iova.value, bytes};
  }
  static constexpr CopyEvent of(const Event& event) { return {{event.id}, {event.a}, event.b}; }
};

// kMark
struct MarkEvent {
  std::uint32_t cell = 0;  // Position in the plan.
  std::uint32_t repetition = 0;
  Phase phase = Phase::kStart;

  constexpr Event event(Ticks at) const {
    return {at, EventKind::kMark, static_cast<std::uint8_t>(phase), 0, cell, repetition, 0};
  }
  static constexpr MarkEvent of(const Event& event) {
    return {event.id, static_cast<std::uint32_t>(event.a), static_cast<Phase>(event.status)};
  }
};

// kSample: a running total or a level at this moment
struct SampleEvent {
  Gauge gauge = Gauge::kPolls;
  std::uint8_t lcore = 0;  // That it belongs to.
  std::uint64_t value = 0;

  constexpr Event event(Ticks at) const {
    return {at, EventKind::kSample, lcore, 0, static_cast<std::uint32_t>(gauge), value, 0};
  }
  static constexpr SampleEvent of(const Event& event) {
    return {static_cast<Gauge>(event.id), event.status, event.a};
  }
};

// kEndpoint: an endpoint and one of its reserved regions
struct RegionEvent {
  EndpointId endpoint;
  IovaRange range;        // last < first: the endpoint has none.
  std::uint8_t kind = 0;  // protocol::RegionKind

  constexpr Event event(Ticks at) const {
    return {at, EventKind::kEndpoint, kind, 0, endpoint.value, range.first.value, range.last.value};
  }
  static constexpr RegionEvent of(const Event& event) {
    return {{event.id}, {{event.a}, {event.b}}, event.status};
  }
  static constexpr RegionEvent none(EndpointId endpoint) { return {endpoint, {{1}, {0}}, 0}; }
};

// kMapTarget: where the mapping leads
struct TargetEvent {
  DomainId domain;
  Iova iova;               // The mapping's first.
  GuestPhys phys;          // What that translates to.
  std::uint8_t flags = 0;  // Of the MAP.

  constexpr Event event(Ticks at) const {
    return {at, EventKind::kMapTarget, flags, 0, domain.value, iova.value, phys.value};
  }
  static constexpr TargetEvent of(const Event& event) {
    return {{event.id}, {event.a}, {event.b}, event.status};
  }
};

// kAccess
struct AccessEvent {
  EndpointId endpoint;
  Iova iova;
  std::uint64_t bytes = 0;
  Access access = Access::kRead;
  std::uint8_t result = 0;  // DmaResult of dataplane/dma/dma_port.hpp

  constexpr Event event(Ticks at, Ticks took) const {
    return {at,
            EventKind::kAccess,
            static_cast<std::uint8_t>(static_cast<unsigned>(access) | unsigned{result} << 2),
            pack_ticks(took),
            endpoint.value,
            iova.value,
            bytes};
  }
  static constexpr AccessEvent of(const Event& event) {
    return {{event.id},
            {event.a},
            event.b,
            static_cast<Access>(event.status & 3),
            static_cast<std::uint8_t>(event.status >> 2)};
  }
};

// Which addresses an event is about; nothing for kinds that have none. What would wrap around, or is not ordered,
// is about its first address.
constexpr std::optional<IovaRange> addresses_of(const Event& event) {
  std::uint64_t last = event.a;
  switch (traits_of(event.kind).addresses) {
    case EventAddresses::kNone:
      return std::nullopt;
    case EventAddresses::kOne:
      break;
    case EventAddresses::kRange:
      last = event.b;
      break;
    case EventAddresses::kBuffer:
      last = event.a + DmaEvent::of(event).bytes - (DmaEvent::of(event).bytes == 0 ? 0 : 1);
      break;
    case EventAddresses::kBytes:
      last = event.a + event.b - (event.b == 0 ? 0 : 1);
      break;
  }
  return IovaRange{{event.a}, {last < event.a ? event.a : last}};
}

}  // namespace violet
