// probe: what a telemetry event costs the code that leaves it, time stamp included.
//
// Three arms do the same arithmetic; one has no event, one a probe that is off, one a probe that is on and
// whose ring is emptied, untimed, between the passes. What an arm takes beyond the first is the event.
#include <fmt/core.h>

#include <array>
#include <span>

#include "engine/telemetry/event_ring.hpp"
#include "experiments/scorecard/lab.hpp"

namespace violet::scorecard {
namespace {

constexpr std::size_t kEvents = 4096;  // In a pass; they fit in the ring.

struct Emitter {
  Probe probe;
  TickSource ticks;
};

// As the device leaves its events: a look whether the probe is on, then the stamp and the record.
template <bool kWithEvent>
[[gnu::noinline]] std::uint64_t pass(const Emitter& emitter, std::uint64_t seed) {
  std::uint64_t x = seed;
  for (std::size_t i = 0; i < kEvents; ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    if constexpr (kWithEvent) {
      if (emitter.probe.on()) {
        emitter.probe.record(
            MappingEvent{{1}, {{x}, {x + 4095}}}.event(EventKind::kMapDone, emitter.ticks()));
      }
    }
    asm volatile("" : "+r"(x) : : "memory");  // Same code around the event in every arm.
  }
  return x;
}

// Empties the ring; the sum of what the events carried, and how many there were.
struct Drained {
  std::uint64_t events = 0;
  std::uint64_t sum = 0;
};
Drained drain(EventRing& ring) {
  static std::array<Event, 256> events;
  Drained drained;
  while (const std::size_t count = ring.drain(events)) {
    for (const Event& event : std::span(events).first(count)) drained.sum += event.a;
    drained.events += count;
  }
  return drained;
}

std::uint64_t expected_sum(std::uint64_t seed) {
  std::uint64_t x = seed;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kEvents; ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    sum += x;
  }
  return sum;
}

struct ProbeSamples {
  Samples without, off, on;
};

// One repetition: the arms take turns pass by pass.
bool repeat_probe(EventRing& ring, std::size_t passes, ProbeSamples& samples) {
  const Emitter silent{};
  const Emitter emitting{Probe(&ring), {}};
  std::array<double, 3> ns{};
  bool right = true;
  for (std::uint64_t seed = 1; seed <= passes; ++seed) {
    std::array<std::uint64_t, 3> x{};
    ns[0] += ns_each(kEvents, [&] { x[0] = pass<false>(silent, seed); });
    ns[1] += ns_each(kEvents, [&] { x[1] = pass<true>(silent, seed); });
    ns[2] += ns_each(kEvents, [&] { x[2] = pass<true>(emitting, seed); });
    const Drained drained = drain(ring);
    right &= x[0] == x[1] && x[1] == x[2] && drained.events == kEvents;
    right &= drained.sum == expected_sum(seed);
  }
  const auto each = static_cast<double>(passes);
  samples.without.push_back(ns[0] / each);
  samples.off.push_back((ns[1] - ns[0]) / each);
  samples.on.push_back((ns[2] - ns[0]) / each);
  return right;
}

}  // namespace

Result<Findings> measure_probe(Lab& lab) {
  EventRing ring(1 << 13);
  ProbeSamples samples;
  bool right = true;
  for (std::size_t i = 0; i < lab.repetitions() + 1; ++i) {
    if (i == 1) samples = {};
    right &= repeat_probe(ring, lab.size(200, 2), samples);
    lab.tick();
  }
  if (!right || ring.dropped() != 0) return fail("events were lost or changed");
  Samples stamps;
  for (std::size_t i = 0; i < lab.repetitions(); ++i) {
    std::uint64_t sum = 0;
    const TickSource ticks;
    stamps.push_back(ns_each(kEvents, [&] {
      for (std::size_t k = 0; k < kEvents; ++k) sum += ticks();
    }));
    if (sum == 0) return fail("the clock stands still");
  }
  return Findings{
      {"probe",
       {results::median_estimate(samples.off), results::median_estimate(samples.on)},
       fmt::format("{} off, {} on; the time stamp alone {}", ns_text(samples.off),
                   ns_text(samples.on), ns_text(stamps)),
       fmt::format("the time stamp alone costs {} on this machine", ns_text(stamps)),
       "beyond a loop without an event; time stamp included, the ring emptied between the passes "
       "by the "
       "same lcore"}};
}

}  // namespace violet::scorecard
