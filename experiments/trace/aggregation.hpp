// An aggregation turns the events of one cell and repetition into a Pyramid while they come in.
//
//   add(lcore, events)      what a ring or a block of a file held
//   advance(until)           nobody will bring an event before `until` any more: merge and aggregate up to it
//   finish()                 merge and aggregate the rest
//   fit(bytes, kept_until)   make it coarser until it can be stored in so many bytes
//
// Threading: owner-only.
// Invariants: memory is bounded whatever the run's length, but for what was taken and not advanced
// over. What is aggregated depends on the events and their times, not on how they were cut into calls.
// The judgement of what is stale is the exposure ledger's, with the end of reachability at its latest.
// Limits: streams of one lcore may overlap (several rings); events that come later than they should
// count at the time that was advanced to, and in PyramidFacts::reordered.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "engine/telemetry/event.hpp"
#include "experiments/trace/pyramid.hpp"

namespace violet {

struct AggregationOptions {
  double ns_per_tick = 1;
  std::size_t most_buckets = kMostBuckets;  // A power of two in [2, kMostBuckets].
  std::size_t most_cells = kMostCells;
};

class Aggregation {
 public:
  explicit Aggregation(const AggregationOptions& options);
  Aggregation(Aggregation&&) noexcept;
  Aggregation& operator=(Aggregation&&) noexcept;
  ~Aggregation();

  // Where time begins; by default with the kStart mark, or with the first event where there is none.
  void begin_at(Ticks start);
  // Copies the events. `lost_before` of this lcore were lost between its last events and these.
  void add(std::uint16_t lcore, std::span<const Event> events, std::uint64_t lost_before = 0);
  void advance(Ticks complete_until);
  void finish();
  // After finish(); nothing comes after it but pyramid(). Of the parts that take most, neighbours are merged. What helps
  // with single events alone goes first: of the time from `kept_until` on nobody has any. False: not even the
  // coarsest is so small.
  bool fit(std::uint64_t bytes, Ticks kept_until);
  // Added and not yet aggregated.
  std::size_t pending() const;

  // What was aggregated so far, ready to be looked at or stored. Reordering what came in late may cost a few
  // milliseconds. Valid until the next call of anything else.
  const Pyramid& pyramid();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace violet
