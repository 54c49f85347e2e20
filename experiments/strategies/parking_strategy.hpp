// A parking strategy queues the UNMAP at unmap and keeps the addresses, whatever their domain, until one flush frees all of them.
// When one comes, besides for want of addresses, is the matter of those that derive from it.
//
// Threading: as strategy.hpp.
// Invariants: an address is freed only after a flush that began after its unmap; without an answer of the device, never.
#pragma once

#include <vector>

#include "experiments/strategies/basic_strategy.hpp"

namespace violet {

class ParkingStrategy : public MappedStrategy {
 public:
  using MappedStrategy::MappedStrategy;

  void drain() override { flush(); }

 protected:
  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) override {
    if (MappedStrategy::do_map(out, cpu, coherent)) return true;
    // What is parked may hold the last address.
    if (parked_.empty()) return false;
    flush();
    return MappedStrategy::do_map(out, cpu, coherent);
  }
  void retire(const MappedRange& range) override { parked_.push_back(range); }

  std::size_t parked() const { return parked_.size(); }
  // Waits for everything in flight.
  void flush() {
    ++context_.counters.flushes;
    retire_now(parked_);
    if (context_.probe.on() && !parked_.empty()) {
      const DomainId last = domain(parked_.back().endpoint).id();
      context_.probe.record(FlushEvent{last, parked_.size()}.event(context_.clock()));
    }
    parked_.clear();
  }

 private:
  std::vector<MappedRange> parked_;
};

}  // namespace violet
