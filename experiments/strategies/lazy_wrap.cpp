// lazy-wrap (M. Ben-Yehuda et al., "The Price of Safety", OLS 2007, for Calgary; the s390 of Linux, commit c60d1ae4efcb):
// addresses are handed out until none is left, and the only flush is then.
#include "experiments/strategies/parking_strategy.hpp"

namespace violet {
namespace {

// Without a timer: what was unmapped may wait for ever, if nobody maps.
std::unique_ptr<Strategy> make_lazy_wrap(const StrategyContext& context) {
  StrategyContext mine = context;
  mine.aperture_bytes = static_cast<std::uint64_t>(context.settings.integer("aperture_mib")) << 20;
  return std::make_unique<ParkingStrategy>(mine);
}

}  // namespace

StrategyInfo lazy_wrap_strategy() {
  return {{"lazy-wrap",
           "unmaps are queued; addresses are freed when none is left (Calgary, OLS 2007; s390)",
           {{.name = "aperture_mib",
             .initial = std::int64_t{256},
             .least = 1,
             .most = 1 << 20,
             .help = "addresses of a domain; a flush comes once in so many"}}},
          make_lazy_wrap,
          AfterUnmap::kUntilNeeded,
          true,
          {{"identity", "a page's own address is not handed out in turn"}},
          true};
}

}  // namespace violet
