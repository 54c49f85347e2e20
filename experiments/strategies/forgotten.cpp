// forgotten, the negative control: an unmap that nobody tells the IOMMU of, as in kernels that drop a DMA buffer without an
// invalidation (Asterinas, ostd/src/mm/dma, as found in 2026). The guest believes that the buffer is out of reach, and every
// device still reaches it. A figure of exposure in which this is not the worst is wrong.
#include "engine/base/check.hpp"
#include "experiments/strategies/basic_strategy.hpp"

namespace violet {
namespace {

// Invariants: an address is never used again while the device translates it, so that the guest goes on working.
// Limits: `most` mappings are forgotten at a time. Beyond it the oldest are unmapped in earnest, for the memory of
// device and tester.
class Forgotten final : public MappedStrategy {
 public:
  Forgotten(const StrategyContext& context, std::size_t most)
      : MappedStrategy(context), most_(most) {}

  void drain() override {}  // Nothing is deferred.

 private:
  static constexpr std::size_t kBatch = 64;  // Unmapped with one wait.

  void do_unmap(std::span<const DmaMapping> mappings, unsigned cpu, bool /*coherent*/) override {
    lost_.push_back(range_of(mappings, cpu));
    if (lost_.size() - began_ > most_) remember(std::min(kBatch, most_));
  }

  // Unmaps the oldest.
  void remember(std::size_t count) {
    const std::span<const MappedRange> oldest(lost_.data() + began_, count);
    for (const MappedRange& range : oldest) unmap_range(range);
    retire_now(oldest);
    began_ += count;
    if (began_ < most_) return;
    lost_.erase(lost_.begin(), lost_.begin() + static_cast<std::ptrdiff_t>(began_));
    began_ = 0;
  }

  std::size_t most_;
  std::vector<MappedRange> lost_;  // From began_ on.
  std::size_t began_ = 0;
};

std::unique_ptr<Strategy> make_forgotten(const StrategyContext& context) {
  return std::make_unique<Forgotten>(context,
                                     static_cast<std::size_t>(context.settings.integer("most")));
}

}  // namespace

StrategyInfo forgotten_strategy() {
  return {
      {"forgotten",
       "negative control: the guest never tells the IOMMU of an unmap (found in Asterinas, 2026)",
       {{.name = "most",
         .initial = std::int64_t{262'144},
         .least = 1,
         .most = 16'777'216,
         .help = "mappings forgotten at a time; beyond it the oldest are unmapped after all"}}},
      make_forgotten,
      AfterUnmap::kForgotten};
}

}  // namespace violet
