// lazy-single (shadow_on_flush, as on s390): one flush queue for all CPUs, 32,768 entries and 1 s.
#include "experiments/strategies/lazy.hpp"

namespace violet {

StrategyInfo lazy_single_strategy() {
  return {
      {"lazy-single", "unmaps are queued; addresses wait in one large flush queue (Linux on s390)",
       lazy_settings(32768, 1000.0)},
      [](const StrategyContext& context) { return make_lazy(context, false); },
      AfterUnmap::kUntilTimer,
      true,
      {},
      true};
}

}  // namespace violet
