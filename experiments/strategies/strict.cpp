// strict (iommu.strict=1): each unmap waits until the device has executed it, then frees the address.
#include "experiments/strategies/basic_strategy.hpp"

namespace violet {
namespace {

std::unique_ptr<Strategy> make_strict(const StrategyContext& context) {
  StrategyContext mine = context;
  mine.domain.sync_map = context.settings.flag("sync_map");
  return std::make_unique<MappedStrategy>(mine);
}

}  // namespace

StrategyInfo strict_strategy() {
  return {
      {"strict",
       "every unmap is executed by the device before it returns (Linux, iommu.strict=1)",
       {{.name = "sync_map",
         .initial = true,
         .help =
             "one sync for each buffer or list; false: one for each MAP, as before Linux 6.8"}}},
      make_strict,
      AfterUnmap::kNothing,
      true,
      {},
      true};
}

}  // namespace violet
