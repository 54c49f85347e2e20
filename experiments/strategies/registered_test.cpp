#include <gtest/gtest.h>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet::registered_test {
namespace {

constexpr std::uint32_t kPage = 4096;

RigOptions with(std::int64_t block_kib, std::int64_t pool_mib = 64, double revoke_per_s = 0.0) {
  return {.strategy = "registered",
          .settings = {
              {"block_kib", block_kib}, {"pool_mib", pool_mib}, {"revoke_per_s", revoke_per_s}}};
}

TEST(Registered, TheFirstUseOfABlockRegistersItAndTheRestIsASum) {
  StrategyRig rig(with(64));
  const DmaBuffer a{{0x800123}, 100}, b{{0x80f000}, kPage}, across{{0x80ff00}, 0x200};
  const auto first = rig.strategy->map(0, a, DmaDirection::kToDevice, 0);
  EXPECT_EQ(rig.guest.counters.map_requests, 1u);
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), 65536u);
  const auto second = rig.strategy->map(0, b, DmaDirection::kFromDevice, 0);
  EXPECT_EQ(second->iova.value - first->iova.value, b.phys.value - a.phys.value);
  EXPECT_EQ(rig.guest.counters.map_requests, 1u);
  EXPECT_EQ(rig.guest.device.translate({0}, second->iova, Access::kWrite), b.phys);
  const auto third = rig.strategy->map(0, across, DmaDirection::kFromDevice, 0);
  EXPECT_EQ(rig.guest.counters.map_requests, 2u);
  EXPECT_EQ(rig.guest.device.translate({0}, {third->iova.value + 0x1ff}, Access::kWrite)->value,
            0x8100ffu);
  for (const auto& one : {first, second, third}) rig.strategy->unmap(*one, 0);
  EXPECT_EQ(rig.guest.counters.unmap_requests, 0u);
  EXPECT_TRUE(rig.reaches(0, third->iova));
  rig.strategy->drain();
  EXPECT_FALSE(rig.reaches(0, first->iova));
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), 0u);
}

TEST(Registered, ARevokedBlockDrainsBeforeItGoes) {
  StrategyRig rig(with(64, 64, 1000));  // One a millisecond.
  const auto buffer = rig.buffer(kPage);
  const auto in_flight = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  rig.advance(1);
  rig.advance(1'100'000);  // Revoked, and in use.
  EXPECT_TRUE(rig.reaches(0, in_flight->iova));
  const auto late = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  EXPECT_NE(late->iova, in_flight->iova);  // A mapping of its own,
  EXPECT_FALSE(late->persistent);          // which its unmap ends.
  EXPECT_TRUE(in_flight->persistent);
  rig.strategy->unmap(*late, 0);
  EXPECT_FALSE(rig.reaches(0, late->iova));
  rig.advance(500'000);
  rig.strategy->unmap(*in_flight, 0);
  EXPECT_FALSE(rig.reaches(0, in_flight->iova));
  EXPECT_EQ(rig.guest.counters.revocations, 1u);
  const auto latency = rig.revocation_ns.snapshot();
  EXPECT_EQ(latency.total(), 1u);
  EXPECT_NEAR(static_cast<double>(latency.max()), 5e5, 1e3);
  // The next use registers it again.
  EXPECT_EQ(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->iova, in_flight->iova);
}

TEST(Registered, AnIdleBlockIsRevokedAtOnce) {
  StrategyRig rig(with(64, 64, 1000));
  const auto mapping = rig.strategy->map(0, rig.buffer(kPage), DmaDirection::kToDevice, 0);
  rig.strategy->unmap(*mapping, 0);
  rig.advance(1);
  rig.advance(1'100'000);
  EXPECT_FALSE(rig.reaches(0, mapping->iova));
  EXPECT_EQ(rig.guest.counters.revocations, 1u);
}

// A driver uses its ring as long as it works. In a block it would hold up the revocation for ever.
TEST(Registered, ARingInARevokedBlockHoldsItUpNotAtAll) {
  StrategyRig rig(with(64, 64, 1000));
  const auto ring = rig.strategy->map_coherent(0, {{0x800000}, kPage}, 0);
  ASSERT_TRUE(ring);
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), 0u);
  EXPECT_FALSE(ring->persistent);
  const DmaBuffer buffer{{0x801000}, kPage};
  const auto first = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  rig.advance(1);
  rig.advance(1'100'000);
  rig.strategy->unmap(*first, 0);
  EXPECT_EQ(rig.guest.counters.revocations, 1u);
  EXPECT_FALSE(rig.reaches(0, first->iova));
  EXPECT_TRUE(rig.reaches(0, ring->iova));
  EXPECT_EQ(rig.guest.device.translate({0}, ring->iova, Access::kWrite), ring->buffer.phys);
  EXPECT_EQ(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->iova, first->iova);
  rig.strategy->unmap_coherent(*ring, 0);
  EXPECT_FALSE(rig.reaches(0, ring->iova));
  EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
}

TEST(Registered, RevocationsTakeTurnsAmongDomains) {
  StrategyRig rig(with(64, 64, 1000));
  const auto buffer = rig.buffer(kPage);
  rig.advance(1);
  for (int round = 0; round < 4; ++round) {
    std::vector<DmaMapping> both;
    for (const std::uint16_t endpoint : {std::uint16_t{0}, std::uint16_t{1}}) {
      both.push_back(*rig.strategy->map(endpoint, buffer, DmaDirection::kToDevice, 0));
      rig.strategy->unmap(both.back(), 0);
    }
    rig.advance(1'100'000);
    EXPECT_EQ(rig.reaches(0, both[0].iova), round % 2 == 1) << round;
    EXPECT_EQ(rig.reaches(1, both[1].iova), round % 2 == 0) << round;
  }
  EXPECT_EQ(rig.guest.counters.revocations, 4u);
}

// Its period in nanoseconds is more than 64 bits hold.
TEST(Registered, ARevocationInAThousandYearsIsNone) {
  StrategyRig rig(with(64, 64, 1e-11));
  const auto mapping = rig.strategy->map(0, rig.buffer(kPage), DmaDirection::kToDevice, 0);
  rig.strategy->unmap(*mapping, 0);
  rig.advance(1);
  for (int i = 0; i < 3; ++i) rig.advance(3'600'000'000'000);
  EXPECT_TRUE(rig.reaches(0, mapping->iova));
  EXPECT_EQ(rig.guest.counters.revocations, 0u);
}

TEST(Registered, ARevocationTakesTheClocksTimeWhateverTicksAreOf) {
  auto time = std::make_unique<Ticks>(0);
  StrategyRig rig(RigOptions{}, [&](StrategyContext context) {
    context.timers =
        TickSource{[](void* at) noexcept { return *static_cast<Ticks*>(at); }, time.get()};
    return make_strategy("registered", context, {{"revoke_per_s", 1000.0}}).value();
  });
  const auto mapping = rig.strategy->map(0, rig.buffer(kPage), DmaDirection::kToDevice, 0);
  for (const std::uint64_t ns : {1'000u, 1'200'000u}) {
    *time = ns_to_ticks(ns);
    rig.strategy->tick(*time);
  }
  *rig.now += ns_to_ticks(500'000);
  rig.strategy->unmap(*mapping, 0);
  EXPECT_EQ(rig.guest.counters.revocations, 1u);
  EXPECT_NEAR(static_cast<double>(rig.revocation_ns.snapshot().max()), 5e5, 1e3);
}

TEST(Registered, WhenThePoolIsFullTheBlockIdleForLongestGoes) {
  StrategyRig rig(with(512, 1));
  const auto use = [&](std::uint64_t phys) {
    return *rig.strategy->map(0, {{phys}, kPage}, DmaDirection::kToDevice, 0);
  };
  const auto a = use(0x800000), b = use(0x900000);
  rig.strategy->unmap(b, 0);
  const auto c = use(0xa00000);
  EXPECT_FALSE(rig.reaches(0, b.iova));
  EXPECT_TRUE(rig.reaches(0, a.iova));
  // Both are in use: the next one is mapped by itself.
  const auto d = use(0xb00000);
  rig.strategy->unmap(d, 0);
  EXPECT_FALSE(rig.reaches(0, d.iova));
  EXPECT_TRUE(rig.reaches(0, c.iova));
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), 1u << 20);
  EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
}

TEST(Registered, ABrokenDeviceMakesMapsFail) {
  StrategyRig rig(with(64));
  const auto a = rig.strategy->map(0, {{0x800000}, kPage}, DmaDirection::kToDevice, 0);
  rig.strategy->unmap(*a, 0);
  rig.guest.device.stop();
  EXPECT_FALSE(rig.strategy->map(0, {{0x900000}, kPage}, DmaDirection::kToDevice, 0));
  EXPECT_FALSE(rig.strategy->map(0, {{0x800000}, kPage}, DmaDirection::kToDevice, 0));
}

}  // namespace
}  // namespace violet::registered_test
