// lazy-wrap (M. Ben-Yehuda et al., "The Price of Safety", OLS 2007, for Calgary; the s390 of Linux, commit c60d1ae4efcb):
// addresses are handed out until none is left, and the only flush is then.
#include "experiments/strategies/basic_strategy.hpp"
#include "experiments/strategies/parked_list.hpp"

namespace violet {
namespace {

// Invariants: an address is freed only after a flush that began after its unmap. Without a timer: what was unmapped may
// wait for ever, if nobody maps.
class LazyWrap final : public MappedStrategy {
 public:
  using MappedStrategy::MappedStrategy;

  void drain() override { flush(); }

 private:
  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) override {
    if (MappedStrategy::do_map(out, cpu, coherent)) return true;
    if (parked_.empty()) return false;
    flush();
    return MappedStrategy::do_map(out, cpu, coherent);
  }

  void retire(std::uint16_t endpoint, Iova first, std::uint64_t granules, unsigned cpu) override {
    parked_.park(endpoint, first, granules, cpu);
  }

  void flush() {
    parked_.flush(context_,
                  [this](std::uint16_t endpoint) -> DmaDomain& { return domain(endpoint); });
  }

  ParkedList parked_;
};

std::unique_ptr<Strategy> make_lazy_wrap(const StrategyContext& context) {
  StrategyContext mine = context;
  mine.aperture_bytes = static_cast<std::uint64_t>(context.settings.integer("aperture_mib")) << 20;
  return std::make_unique<LazyWrap>(mine);
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
          {{"identity", "a page's own address is not handed out in turn"}}};
}

}  // namespace violet
