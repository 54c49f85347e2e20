// link (Linux since 6.16, commit 3ee7d9496342: dma_iova_try_alloc(), dma_iova_link(), dma_iova_sync(), dma_iova_destroy()): an
// address for a whole list, a MAP for each of its buffers, one sync; its end is one UNMAP over all of them. Under lazy
// mode the end may wait in the flush queue, as any other.
#include "experiments/strategies/lazy.hpp"

namespace violet {
namespace {

// Invariants: those of strict, or with `lazy` those of lazy-percpu.
class Link final : public Lazy {
 public:
  Link(const StrategyContext& context, const FlushQueueOptions& options, bool lazy)
      : Lazy(context, options), lazy_(lazy) {}

 private:
  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool /*coherent*/) override {
    DmaDomain& domain = this->domain(out[0].endpoint);
    const auto first = domain.allocate_iova(domain.granules_of(out), cpu);
    // Without an answer the device may have kept some: then the address is not freed.
    return first && domain.map_each(*first, out);
  }
  void do_unmap(std::span<const DmaMapping> mappings, unsigned cpu, bool coherent) override {
    const MappedRange range = range_of(mappings, cpu);
    domain(range.endpoint).unmap_at_once(range.first, range.granules);
    if (lazy_ && !coherent) {
      retire(range);
    } else {
      retire_now({&range, 1});
    }
  }

  bool lazy_;
};

std::unique_ptr<Strategy> make_link(const StrategyContext& context) {
  return std::make_unique<Link>(context, FlushQueueOptions{.cpus = context.cpus},
                                context.settings.flag("lazy"));
}

}  // namespace

StrategyInfo link_strategy() {
  return {{"link",
           "an address for a list, a MAP a buffer, one sync, one UNMAP (Linux 6.16, dma_iova_link)",
           {{.name = "lazy",
             .initial = true,
             .help = "the address waits in a per-CPU flush queue, as under iommu.strict=0"}}},
          make_link,
          AfterUnmap::kUntilTimer};
}

}  // namespace violet
