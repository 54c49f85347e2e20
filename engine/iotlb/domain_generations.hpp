// A generation counter belongs to a domain and is found by its tag, in a table of fixed size.
//
// Threading: the engine bumps, everybody reads; see GenerationCounter.
// Invariants: a tag always has the same counter.
// Limits: two tags that share a counter (kCounters apart) are invalidated together: more is lost than must be,
// never less. One cache line a counter, 64 KiB in all.
#pragma once

#include <array>
#include <cstddef>

#include "engine/iotlb/generation_iotlb.hpp"

namespace violet {

class DomainGenerations {
 public:
  static constexpr std::size_t kCounters = 1024;

  // Tags are handed out in sequence: the low bits spread the youngest kCounters perfectly.
  GenerationCounter& of(DomainTag tag) { return counters_[tag.value % kCounters]; }
  const GenerationCounter& of(DomainTag tag) const { return counters_[tag.value % kCounters]; }

 private:
  std::array<GenerationCounter, kCounters> counters_;
};

}  // namespace violet
