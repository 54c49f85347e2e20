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

Ticks burst(std::uint64_t misses, std::uint64_t cost_ns = 100'000,
            const Deadline* until = nullptr) {
  MissCostPort port(std::make_unique<Misser>(misses), cost_ns, until);
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

// An hour a miss: a cost that were paid would be noticed.
TEST(MissCostPort, BehindTheDeadlineAndAfterAStopNothingIsPaid) {
  constexpr std::uint64_t kHour = 3'600'000'000'000;
  const Deadline passed(nullptr, 0);
  EXPECT_LT(burst(3, kHour, &passed), ns_to_ticks(kHour));
  const std::atomic<bool> stop{true};
  const Deadline stopped(&stop);
  EXPECT_LT(burst(3, kHour, &stopped), ns_to_ticks(kHour));
}

}  // namespace
}  // namespace violet
