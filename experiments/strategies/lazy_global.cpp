// lazy-global (Linux from 2008 to 2016, drivers/iommu/intel-iommu.c: deferred_flush, HIGH_WATER_MARK 250, commits
// 5e0d2a6fc094 and 80b20dd853a2): one list under one lock for all domains and CPUs; 250 addresses or 10 ms, then one flush
// frees them all.
#include <algorithm>

#include "experiments/strategies/parking_strategy.hpp"

namespace violet {
namespace {

// Invariants: an address is freed only after a flush that began after it was parked.
// Limits: the cost of the one lock is not modelled: one lcore plays all CPUs.
class LazyGlobal final : public ParkingStrategy {
 public:
  LazyGlobal(const StrategyContext& context, std::size_t most, Ticks timer)
      : ParkingStrategy(context), most_(most), timer_(timer) {}

  void tick(Ticks now) override {
    ParkingStrategy::tick(now);
    if (parked() > 0 && now >= due_) flush();
  }

 private:
  void retire(const MappedRange& range) override {
    if (parked() == most_) flush();
    if (parked() == 0) due_ = context_.timer_now() + timer_;
    ParkingStrategy::retire(range);
  }

  std::size_t most_;
  Ticks timer_;
  Ticks due_ = 0;
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
          AfterUnmap::kUntilTimer,
          true,
          {},
          true};
}

}  // namespace violet
