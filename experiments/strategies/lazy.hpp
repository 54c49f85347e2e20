// A lazy strategy (DMA-FQ) queues the UNMAP without a kick at unmap and keeps the address in a flush queue. The UNMAP rides on the next map's kick; a polling device executes it at once.
//
// Threading: as strategy.hpp.
// Invariants: no address is reused too early, because the flush queue releases it only after a flush that began
// later; the flush is a sync of the driver, because virtio-iommu has no domain flush on the wire.
#pragma once

#include <memory>
#include <vector>

#include "experiments/guest/flush_queue.hpp"
#include "experiments/strategies/basic_strategy.hpp"

namespace violet {

class Lazy : public MappedStrategy {
 public:
  Lazy(const StrategyContext& context, const FlushQueueOptions& options)
      : MappedStrategy(context), options_(options) {}

  void tick(Ticks now) override;
  void drain() override;
  const FlushQueue& flush_queue(std::uint16_t endpoint) const { return queues_[endpoint]->queue; }

 protected:
  void retire(const MappedRange& range) override;

 private:
  class Parking final : public FlushQueue::Owner {
   public:
    Parking(Lazy& lazy, std::uint16_t endpoint)
        : queue(*this, lazy.options_), lazy_(lazy), endpoint_(endpoint) {}
    bool flush_all() override;
    void release(Iova first, std::uint64_t granules, unsigned cpu) override;

    FlushQueue queue;

   private:
    Lazy& lazy_;
    std::uint16_t endpoint_;
  };

  Status opened(std::uint16_t endpoint) override;

  FlushQueueOptions options_;
  std::vector<std::unique_ptr<Parking>> queues_;  // One a domain.
};

// Both register the same two settings with defaults of their own.
std::vector<Setting> lazy_settings(std::int64_t entries, double timer_ms);
std::unique_ptr<Strategy> make_lazy(const StrategyContext& context, bool per_cpu);

}  // namespace violet
