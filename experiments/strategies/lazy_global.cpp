// lazy-global (Linux from 2008 to 2016, drivers/iommu/intel-iommu.c: deferred_flush, HIGH_WATER_MARK 250, commits
// 5e0d2a6fc094 and 80b20dd853a2): one list under one lock for all domains and CPUs; 250 addresses or 10 ms, then one flush
// frees them all.
#include <algorithm>

#include "experiments/strategies/basic_strategy.hpp"
#include "experiments/strategies/parked_list.hpp"

namespace violet {
namespace {

// Invariants: an address is freed only after a flush that began after it was parked.
// Limits: the cost of the one lock is not modelled: one lcore plays all CPUs.
class LazyGlobal final : public MappedStrategy {
 public:
  LazyGlobal(const StrategyContext& context, std::size_t most, Ticks timer)
      : MappedStrategy(context), most_(most), timer_(timer) {
    parked_.reserve(most);
  }

  void tick(Ticks now) override {
    MappedStrategy::tick(now);
    if (!parked_.empty() && now >= due_) flush();
  }
  void drain() override { flush(); }

 private:
  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) override {
    if (MappedStrategy::do_map(out, cpu, coherent)) return true;
    // What is parked may hold the last address.
    if (parked_.empty()) return false;
    flush();
    return MappedStrategy::do_map(out, cpu, coherent);
  }

  void retire(std::uint16_t endpoint, Iova first, std::uint64_t granules, unsigned cpu) override {
    if (parked_.size() == most_) flush();
    if (parked_.empty()) due_ = context_.timer_now() + timer_;
    parked_.park(endpoint, first, granules, cpu);
  }

  void flush() {
    parked_.flush(context_,
                  [this](std::uint16_t endpoint) -> DmaDomain& { return domain(endpoint); });
  }

  std::size_t most_;
  Ticks timer_;
  Ticks due_ = 0;
  ParkedList parked_;
};

std::unique_ptr<Strategy> make_lazy_global(const StrategyContext& context) {
  const auto timer_ns = static_cast<std::uint64_t>(context.settings.real("timer_ms") * 1e6);
  return std::make_unique<LazyGlobal>(context,
                                      static_cast<std::size_t>(context.settings.integer("entries")),
                                      std::max<Ticks>(1, ns_to_ticks(timer_ns)));
}

}  // namespace

StrategyInfo lazy_global_strategy() {
  return {{"lazy-global",
           "unmaps are queued; addresses of all domains wait in one list (Linux 2008 to 2016)",
           {{.name = "entries",
             .initial = std::int64_t{250},
             .least = 1,
             .most = 1 << 20,
             .help = "addresses in the list; the next one flushes it"},
            {.name = "timer_ms",
             .initial = 10.0,
             .least = 0.01,
             .most = 100'000,
             .help = "from the first parked address to the flush"}}},
          make_lazy_global,
          AfterUnmap::kUntilTimer};
}

}  // namespace violet
