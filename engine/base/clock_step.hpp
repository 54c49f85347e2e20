// A clock's step tells how finely the clock of clock.hpp ticks: a counter that a hypervisor scales, or that the processor
// updates by the bus's clock, moves by many ticks at once.
//
// Threading: pure function of the clock that it reads.
#pragma once

#include <optional>

#include "engine/base/clock.hpp"

namespace violet {

struct ClockStep {
  Ticks step = 0;  // What all differences of reads in a row are multiples of.
  Ticks between =
      0;  // The most frequent difference of two reads in a row: what a read takes, in whole steps.
};
// From 100,000 reads in a row, about 2 ms. Nothing: the clock stood still.
std::optional<ClockStep> measure_clock_step(const TickSource& clock = {});

}  // namespace violet
