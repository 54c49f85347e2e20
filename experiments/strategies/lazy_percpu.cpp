// lazy-percpu (iommu.strict=0): a flush queue for each CPU, 256 entries and 10 ms as in Linux.
#include "experiments/strategies/lazy.hpp"

namespace violet {

StrategyInfo lazy_percpu_strategy() {
  return {{"lazy-percpu",
           "unmaps are queued; addresses wait in per-CPU flush queues (Linux, iommu.strict=0)",
           lazy_settings(256, 10.0)},
          [](const StrategyContext& context) { return make_lazy(context, true); },
          AfterUnmap::kUntilTimer,
          true,
          {},
          true};
}

}  // namespace violet
