#include "dataplane/dma/miss_cost_port.hpp"

#include <gtest/gtest.h>

#include <array>

namespace violet {
namespace {

// Misses as often as it is told to in a burst.
class Misser final : public DmaPort {
 public:
  explicit Misser(std::uint64_t misses) : misses_(misses) {}
  std::size_t run(std::span<DmaOp> ops) override {
    stats_.misses += misses_;
    return ops.size();
  }
  bool probe(Iova, Access) override { return true; }
  IotlbReaderStats stats() const override { return stats_; }

 private:
  std::uint64_t misses_;
  IotlbReaderStats stats_;
};

Ticks burst(std::uint64_t misses) {
  MissCostPort port(std::make_unique<Misser>(misses), 100'000);
  std::array<DmaOp, 2> ops{};
  const Ticks start = now_ticks();
  EXPECT_EQ(port.run(ops), 2u);
  return now_ticks() - start;
}

TEST(MissCostPort, EveryMissOfABurstIsPaidAndHitsAreFree) {
  EXPECT_GE(burst(3), ns_to_ticks(300'000));
  Ticks least = burst(0);
  for (int i = 0; i < 20; ++i) least = std::min(least, burst(0));  // Preemption is not a cost.
  EXPECT_LT(least, ns_to_ticks(100'000));
}

}  // namespace
}  // namespace violet
