// An event's text says in words what the event says in fields, one line of a list.
//
// Threading: pure functions.
// Limits: an event of a foreign file may hold any bytes; a number without a word is printed as the number.
#pragma once

#include <optional>
#include <string>

#include "engine/telemetry/event_bodies.hpp"

namespace violet::query {

const char* to_text(EventKind kind);          // "dma_map", "UNMAP executed", "unknown"
std::string to_text(Gauge gauge);             // "requests in flight"
std::string owner_text(const Event& event);   // "endpoint 0x28", "domain 1"; empty: nobody's.
std::string detail_text(const Event& event);  // "4 KiB, R/W, buffer page 0x1f3"
// The event's first address; nothing for kinds that have none.
std::optional<Iova> address_of(const Event& event);

std::string size_text(double bytes);  // "4 KiB", "1.5 MiB", three significant digits

}  // namespace violet::query
