// strict-batch: strict, with one UNMAP and one wait for a whole list, as F&S has it for a descriptor (B. Rubin et al.,
// "Fast & Safe IO Memory Protection", SOSP 2024) and iommu_iotlb_gather of Linux would allow it.
#include "engine/base/check.hpp"
#include "experiments/strategies/basic_strategy.hpp"
#include "experiments/strategies/gather.hpp"

namespace violet {
namespace {

// Invariants: what one unmap() or unmap_list() was given is out of reach when it returns; single mappings and lists
// of one call share its UNMAPs.
class StrictBatch final : public MappedStrategy {
 public:
  StrictBatch(const StrategyContext& context, std::uint64_t most_granules)
      : MappedStrategy(context), most_granules_(most_granules) {}

  void unmap_list(std::span<const DmaMapping> mappings, unsigned cpu) override {
    while (!mappings.empty()) {
      const std::size_t length = length_of(mappings.front());
      VIOLET_CHECK(length <= mappings.size());  // A list is unmapped whole.
      ++context_.counters.unmaps;
      gather(mappings.first(length), cpu);
      mappings = mappings.subspan(length);
    }
    end();
  }

 private:
  void do_unmap(std::span<const DmaMapping> mappings, unsigned cpu, bool /*coherent*/) override {
    gather(mappings, cpu);
    end();
  }

  void gather(std::span<const DmaMapping> list, unsigned cpu) {
    gather_.add(range_of(list, cpu));
    if (gather_.granules() >= most_granules_) end();
  }

  void end() {
    if (gather_.empty()) return;
    gather_.unmap([this](std::uint16_t endpoint) -> DmaDomain& { return domain(endpoint); });
    retire_now(gather_.ranges());
    gather_.clear();
  }

  std::uint64_t most_granules_;
  Gather gather_;
};

std::unique_ptr<Strategy> make_strict_batch(const StrategyContext& context) {
  return std::make_unique<StrictBatch>(
      context, static_cast<std::uint64_t>(context.settings.integer("gather_pages")));
}

}  // namespace

StrategyInfo strict_batch_strategy() {
  return {{"strict-batch",
           "strict, with one ranged UNMAP and one wait for all of a list (F&S, SOSP 2024)",
           {{.name = "gather_pages",
             .initial = std::int64_t{64},
             .least = 1,
             .most = 1 << 20,
             .help = "a call that unmaps more of them waits more than once"}}},
          make_strict_batch,
          AfterUnmap::kNothing,
          true,
          {},
          true};
}

}  // namespace violet
