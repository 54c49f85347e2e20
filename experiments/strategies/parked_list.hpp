// A parked list keeps addresses of any domain whose UNMAPs are queued, until one flush frees them all.
//
// Threading: owner-only: the guest lcore.
// Invariants: an address is freed only after a flush that began after it was parked; without an answer of the device, never.
#pragma once

#include <vector>

#include "experiments/strategies/strategies.hpp"

namespace violet {

class ParkedList {
 public:
  void park(std::uint16_t endpoint, Iova first, std::uint64_t granules, unsigned cpu) {
    parked_.push_back({endpoint, first, granules, cpu});
  }
  bool empty() const { return parked_.empty(); }
  std::size_t size() const { return parked_.size(); }
  void reserve(std::size_t count) { parked_.reserve(count); }

  // Waits for everything in flight; `domain_of` gives an endpoint's domain.
  template <class DomainOf>
  void flush(const StrategyContext& context, DomainOf&& domain_of) {
    ++context.counters.flushes;
    const bool answered = context.driver.sync();
    if (context.probe.on() && !parked_.empty()) {
      const DomainId last = domain_of(parked_.back().endpoint).id();
      context.probe.record(FlushEvent{last, parked_.size()}.event(context.clock()));
    }
    if (answered) {
      for (const Parked& one : parked_) {
        domain_of(one.endpoint).free_iova(one.first, one.granules, one.cpu);
      }
    }
    parked_.clear();
  }

 private:
  struct Parked {
    std::uint16_t endpoint;
    Iova first;
    std::uint64_t granules;
    unsigned cpu;
  };
  std::vector<Parked> parked_;
};

}  // namespace violet
