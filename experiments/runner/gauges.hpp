// What the recorder reads off a running testbed a hundred times a second: counters that their lcores
// update anyway, so that looking costs them nothing.
//
// Threading: any thread, once Testbed::start() has returned.
// Invariants: every Gauge once a sample, with the number of the lcore that it belongs to.
#pragma once

#include <array>
#include <cstdint>

#include "engine/telemetry/event.hpp"

namespace violet {

class Testbed;

inline constexpr std::size_t kGauges = static_cast<std::size_t>(Gauge::kCount);

struct GaugeReading {
  Gauge gauge;
  std::uint16_t lcore;
  std::uint64_t value;
};
std::array<GaugeReading, kGauges> read_gauges(const Testbed& testbed);

}  // namespace violet
