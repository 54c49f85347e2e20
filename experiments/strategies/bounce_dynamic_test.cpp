#include <gtest/gtest.h>

#include <algorithm>

#include "experiments/strategies/bounce_pool.hpp"
#include "experiments/strategies/strategy_rig.hpp"

namespace violet {
namespace {

using protocol::Type;

constexpr std::uint32_t kPage = 4096;

RigOptions bounce(SettingAssignments settings = {}) {
  return {.strategy = "bounce-dynamic", .settings = std::move(settings)};
}

void fill(std::span<std::byte> bytes, int value) { std::memset(bytes.data(), value, bytes.size()); }
bool all(std::span<const std::byte> bytes, int value) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [&](std::byte b) { return b == static_cast<std::byte>(value); });
}

TEST(BouncePool, P1_AddressesAreAlignedDisjointAndFoundByArithmetic) {
  MockGuest guest({.memory_bytes = std::uint64_t{256} << 20});
  DmaDomain domain(*guest.driver, DomainId{1}, *make_iova_allocator("rcache", IovaConfig{}),
                   guest.counters, {});
  ASSERT_TRUE(domain.attach(EndpointId{0}));
  for (const std::uint32_t slots : {1u, 3u, 64u}) {
    const auto pool = *BouncePool::create(domain, *guest.pages, slots, 0);
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
    for (unsigned size_class = 0; size_class < BouncePool::kClasses; ++size_class) {
      const std::uint64_t bytes = std::uint64_t{kPage} << size_class;
      for (std::uint32_t i = 0; i < slots; ++i) {
        const auto slot = pool->acquire(size_class, Permissions::kRead);
        ASSERT_TRUE(slot);
        ASSERT_TRUE(pool->map_fresh(*slot));
        EXPECT_EQ(slot->iova.value % bytes, 0u);
        for (const std::uint64_t at : {std::uint64_t{0}, bytes / 2, bytes - 1}) {
          const auto found = pool->find({slot->iova.value + at});
          ASSERT_TRUE(found);
          EXPECT_EQ(found->iova, slot->iova);
          EXPECT_EQ(found->host, slot->host);
        }
        ranges.emplace_back(slot->iova.value, slot->iova.value + bytes);
      }
      EXPECT_FALSE(pool->acquire(size_class, Permissions::kRead));  // Used up.
    }
    std::sort(ranges.begin(), ranges.end());
    for (std::size_t i = 1; i < ranges.size(); ++i) {
      EXPECT_EQ(ranges[i - 1].second, ranges[i].first);
    }
    EXPECT_FALSE(pool->find({ranges.front().first - 1}));
    EXPECT_FALSE(pool->find({ranges.back().second}));
    EXPECT_EQ(pool->mapped_bytes(), 255u * slots * kPage);
  }
}

TEST(BouncePool, HalvesUntilItFitsIntoHalfTheSpace) {
  MockGuest guest(MockGuestOptions{});
  IovaConfig config;
  config.aperture = IovaRange::of(0, std::uint64_t{4096} * kPage);
  DmaDomain domain(*guest.driver, DomainId{1}, *make_iova_allocator("rcache", config),
                   guest.counters, {.dma_mask = config.aperture.last.value});
  EXPECT_EQ((*BouncePool::create(domain, *guest.pages, 1024, 0))->slots(), 8u);
}

TEST(Bounce, CopiesByDirectionAndSendsNothingOnceWarm) {
  StrategyRig rig(bounce());
  const auto buffer = rig.buffer(1000, 100);
  auto bytes = rig.bytes(buffer);
  std::vector<std::byte> seen(1000);
  for (int round = 1; round <= 3; ++round) {
    fill(bytes, round);
    const auto to = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
    ASSERT_TRUE(to);
    EXPECT_EQ(to->iova.value % kPage, 100u);
    ASSERT_TRUE(rig.device_read(0, to->iova, seen));
    EXPECT_TRUE(all(seen, round));
    EXPECT_FALSE(rig.device_write(0, to->iova, seen));
    rig.strategy->unmap(*to, 0);

    const auto from = rig.strategy->map(0, buffer, DmaDirection::kFromDevice, 0);
    fill(seen, 0x40 + round);
    ASSERT_TRUE(rig.device_write(0, from->iova, seen));
    EXPECT_TRUE(all(bytes, round));  // Not before unmap.
    rig.strategy->unmap(*from, 0);
    EXPECT_TRUE(all(bytes, 0x40 + round));
  }
  // One slot readable and one writable: two MAPs, ever.
  EXPECT_EQ(rig.guest.counters.map_requests, 2u);
  EXPECT_EQ(rig.guest.counters.unmap_requests, 0u);
  EXPECT_EQ(rig.guest.counters.kicks, 2u);
  EXPECT_EQ(rig.guest.counters.bytes_copied, 6000u);
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), 2u * kPage);
}

TEST(Bounce, SyncsCopyByDirection) {
  StrategyRig rig(bounce());
  const auto buffer = rig.buffer(kPage);
  auto bytes = rig.bytes(buffer);
  std::vector<std::byte> data(kPage);
  const auto both = rig.strategy->map(0, buffer, DmaDirection::kBidirectional, 0);
  fill(bytes, 7);
  rig.strategy->sync_for_device(*both);
  ASSERT_TRUE(rig.device_read(0, both->iova, data));
  EXPECT_TRUE(all(data, 7));
  fill(data, 9);
  ASSERT_TRUE(rig.device_write(0, both->iova, data));
  rig.strategy->sync_for_cpu(*both);
  EXPECT_TRUE(all(bytes, 9));
  rig.strategy->unmap(*both, 0);

  // A device that only reads has nothing for the CPU.
  const auto to = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  fill(bytes, 3);
  const auto copied = rig.guest.counters.bytes_copied;
  rig.strategy->sync_for_cpu(*to);
  EXPECT_EQ(rig.guest.counters.bytes_copied, copied);
  EXPECT_TRUE(all(bytes, 3));
}

TEST(Bounce, OnlyTheBuffersOwnBytesAreTouched) {
  StrategyRig rig(bounce());
  const auto whole = rig.buffer(kPage);
  const DmaBuffer middle{{whole.phys.value + 50}, 10};
  fill(rig.bytes(whole), 1);
  const auto mapping = rig.strategy->map(0, middle, DmaDirection::kFromDevice, 0);
  std::vector<std::byte> page(kPage, std::byte{2});
  ASSERT_TRUE(rig.device_write(0, {mapping->iova.value - 50}, page));  // The whole slot.
  rig.strategy->unmap(*mapping, 0);
  EXPECT_TRUE(all(rig.bytes(middle), 2));
  EXPECT_TRUE(all(rig.bytes(whole).first(50), 1));
  EXPECT_TRUE(all(rig.bytes(whole).subspan(60), 1));
}

TEST(Bounce, AFreshSlotHoldsNobodyElsesBytes) {
  StrategyRig rig(bounce());
  // All memory held a secret before it came to the pool.
  std::vector<GuestPhys> pages;
  while (const auto page = rig.guest.pages->allocate()) {
    fill({rig.guest.pages->host(*page, kPage), kPage}, 0x5e);
    pages.push_back(*page);
  }
  for (const GuestPhys page : pages) rig.guest.pages->free(page);
  const auto buffer = rig.buffer(100);
  fill(rig.bytes(buffer), 1);
  const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  std::vector<std::byte> seen(kPage - 100);
  ASSERT_TRUE(rig.device_read(0, {mapping->iova.value + 100}, seen));
  EXPECT_TRUE(all(seen, 0));
}

TEST(Bounce, AboveTheLimitItIsStrict) {
  StrategyRig rig(bounce());
  const auto mapping = rig.strategy->map(0, rig.buffer(kPage + 1), DmaDirection::kToDevice, 0);
  EXPECT_FALSE(mapping->persistent);
  rig.strategy->unmap(*mapping, 0);
  EXPECT_FALSE(rig.reaches(0, mapping->iova));
  EXPECT_EQ(rig.guest.counters.bytes_copied, 0u);
  EXPECT_EQ(rig.guest.counters.bounce_fallbacks, 0u);
}

TEST(Bounce, TheLimitIsASetting) {
  StrategyRig rig(bounce({{"limit_bytes", std::int64_t{65536}}}));
  EXPECT_TRUE(rig.strategy->map(0, rig.buffer(65536), DmaDirection::kToDevice, 0)->persistent);
  StrategyRig never(bounce({{"limit_bytes", std::int64_t{0}}}));
  EXPECT_FALSE(never.strategy->map(0, never.buffer(1), DmaDirection::kToDevice, 0)->persistent);
}

TEST(Bounce, AFullPoolFallsBackAndRecovers) {
  StrategyRig rig(bounce({{"slots", std::int64_t{2}}}));
  const auto buffer = rig.buffer(kPage);
  std::vector<DmaMapping> held;
  for (int i = 0; i < 3; ++i) {
    held.push_back(*rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0));
  }
  EXPECT_TRUE(held[1].persistent);
  EXPECT_FALSE(held[2].persistent);
  EXPECT_EQ(rig.guest.counters.bounce_fallbacks, 1u);
  rig.strategy->unmap_list(held, 0);
  EXPECT_FALSE(rig.reaches(0, held[2].iova));
  EXPECT_TRUE(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->persistent);
  // Both slots of the class are mapped read-only: another permission finds none.
  EXPECT_FALSE(rig.strategy->map(0, buffer, DmaDirection::kFromDevice, 0)->persistent);
}

TEST(Bounce, ACrossingBufferTakesTheNextClass) {
  StrategyRig rig(bounce());
  const auto crossing = rig.buffer(kPage, 100);
  const auto mapping = rig.strategy->map(0, crossing, DmaDirection::kToDevice, 0);
  EXPECT_TRUE(mapping->persistent);
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), 2u * kPage);
  EXPECT_EQ(rig.guest.counters.map_requests, 1u);
}

TEST(Bounce, AListSharesOneSlot) {
  StrategyRig rig(bounce());
  const DmaBuffer list[] = {rig.buffer(1000, 10), rig.buffer(500), rig.buffer(700, 3000)};
  DmaMapping out[3];
  for (int i = 0; i < 3; ++i) fill(rig.bytes(list[i]), i + 1);
  ASSERT_TRUE(rig.strategy->map_list(0, list, DmaDirection::kBidirectional, 0, out));
  EXPECT_EQ(rig.guest.counters.map_requests, 1u);
  EXPECT_EQ(out[1].iova.value, out[0].iova.value + 1000);
  EXPECT_EQ(out[2].iova.value, out[1].iova.value + 500);
  for (int i = 0; i < 3; ++i) {
    std::vector<std::byte> data(list[i].bytes);
    ASSERT_TRUE(rig.device_read(0, out[i].iova, data));
    EXPECT_TRUE(all(data, i + 1));
    fill(data, i + 11);
    ASSERT_TRUE(rig.device_write(0, out[i].iova, data));
  }
  rig.strategy->unmap_list(out, 0);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(all(rig.bytes(list[i]), i + 11));
  // The slot is free again, once.
  const auto a = rig.strategy->map(0, list[0], DmaDirection::kBidirectional, 0);
  const auto b = rig.strategy->map(0, list[0], DmaDirection::kBidirectional, 0);
  EXPECT_EQ(a->iova, out[0].iova);
  EXPECT_NE(b->iova, a->iova);
}

TEST(Bounce, AListAboveTheLimitInAllIsStrict) {
  StrategyRig rig(bounce());
  const DmaBuffer list[] = {rig.buffer(3000), rig.buffer(3000)};
  DmaMapping out[2];
  ASSERT_TRUE(rig.strategy->map_list(0, list, DmaDirection::kToDevice, 0, out));
  EXPECT_FALSE(out[0].persistent);
  rig.strategy->unmap_list(out, 0);
  EXPECT_EQ(rig.guest.device.mappings({1}), 0u);
}

TEST(Bounce, CoherentMemoryIsNeverCopied) {
  StrategyRig rig(bounce());
  const auto ring = rig.buffer(kPage);
  const auto mapping = rig.strategy->map_coherent(0, ring, 0);
  EXPECT_EQ(rig.guest.device.translate({0}, mapping->iova, Access::kWrite), ring.phys);
  EXPECT_FALSE(mapping->persistent);
  rig.strategy->unmap_coherent(*mapping, 0);
  EXPECT_FALSE(rig.reaches(0, mapping->iova));
}

TEST(Bounce, SlotsIdleForTwoRoundsAreEvicted) {
  StrategyRig rig(bounce());
  const auto buffer = rig.buffer(kPage);
  const auto free_pages = rig.guest.pages->free_pages();
  rig.advance(1);  // Starts the clock.
  const auto used = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  const auto idle = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  const auto held = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  rig.strategy->unmap(*idle, 0);
  rig.strategy->unmap(*used, 0);
  rig.advance(5'100'000'000);  // First round: both are marked.
  EXPECT_TRUE(rig.reaches(0, idle->iova));
  // Reuse takes the newest and clears its mark.
  EXPECT_EQ(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->iova, used->iova);
  rig.strategy->unmap(*used, 0);
  rig.advance(5'100'000'000);
  EXPECT_FALSE(rig.reaches(0, idle->iova));
  EXPECT_TRUE(rig.reaches(0, used->iova));
  rig.advance(5'100'000'000);
  EXPECT_FALSE(rig.reaches(0, used->iova));
  EXPECT_TRUE(rig.reaches(0, held->iova));  // In use: never evicted.
  rig.advance(50'000'000'000);
  EXPECT_TRUE(rig.reaches(0, held->iova));
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), kPage);
  EXPECT_EQ(rig.guest.pages->free_pages(), free_pages - 1);
  // Evicted slots serve again, with any permission.
  const auto again = rig.strategy->map(0, buffer, DmaDirection::kFromDevice, 0);
  EXPECT_TRUE(again->persistent);
}

TEST(Bounce, WithoutGuestMemoryItFallsBack) {
  RigOptions options = bounce();
  options.guest.memory_bytes = 1 << 20;
  StrategyRig rig(options);
  const auto buffer = rig.buffer(kPage);
  while (rig.guest.pages->allocate()) {
  }
  EXPECT_FALSE(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->persistent);
  EXPECT_EQ(rig.guest.counters.bounce_fallbacks, 1u);
}

}  // namespace
}  // namespace violet
