// async (N. Amit et al., "vIOMMU: Efficient IOMMU Emulation", USENIX ATC 2011: asynchronous invalidation): an unmap posts its
// UNMAP and returns. The address is used again when the answer has come.
#include <deque>

#include "experiments/strategies/basic_strategy.hpp"

namespace violet {
namespace {

// Invariants: an address is freed after the device has answered its UNMAPs, in whatever order it answers.
// Limits: a map waits for all that is in flight, as Linux' driver has it, and so for the UNMAPs before it.
class Async final : public MappedStrategy {
 public:
  Async(const StrategyContext& context, std::size_t most) : MappedStrategy(context), most_(most) {}

  void tick(Ticks now) override {
    MappedStrategy::tick(now);
    if (!waiting_.empty()) free_answered();
  }
  void drain() override {
    context_.driver.sync();
    free_answered();
  }

 private:
  struct Waiting {
    std::uint64_t number;  // Of its last request.
    MappedRange range;
  };

  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) override {
    if (!waiting_.empty()) free_answered();
    if (MappedStrategy::do_map(out, cpu, coherent)) return true;
    // What waits may hold the last address.
    if (waiting_.empty()) return false;
    drain();
    return MappedStrategy::do_map(out, cpu, coherent);
  }

  void retire(const MappedRange& range) override {
    context_.driver.post();
    waiting_.push_back({context_.driver.added(), range});
    if (waiting_.size() > most_) context_.driver.sync();
    free_answered();
  }

  void free_answered() {
    context_.driver.reap();
    // Without an answer the device may still translate the addresses: then they are not freed.
    if (context_.driver.broken()) return;
    const std::uint64_t answered = context_.driver.answered();
    while (!waiting_.empty() && waiting_.front().number <= answered) {
      const MappedRange& range = waiting_.front().range;
      domain(range.endpoint).free_iova(range.first, range.granules, range.cpu);
      waiting_.pop_front();
    }
  }

  std::size_t most_;
  std::deque<Waiting> waiting_;  // Oldest first.
};

std::unique_ptr<Strategy> make_async(const StrategyContext& context) {
  return std::make_unique<Async>(context,
                                 static_cast<std::size_t>(context.settings.integer("outstanding")));
}

}  // namespace

StrategyInfo async_strategy() {
  return {{"async",
           "an unmap posts its UNMAP and returns; the answer frees the address (vIOMMU, ATC 2011)",
           {{.name = "outstanding",
             .initial = std::int64_t{64},
             .least = 1,
             .most = 65536,
             .help = "unmaps that wait for their answer; the next one waits for all of them"}}},
          make_async,
          AfterUnmap::kUntilAnswered,
          true,
          {},
          true};
}

}  // namespace violet
