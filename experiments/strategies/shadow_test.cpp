#include <gtest/gtest.h>

#include <set>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet::shadow_test {
namespace {

constexpr std::uint32_t kPage = 4096;

RigOptions with(std::int64_t hybrid_above, std::int64_t pool_mib = 8, unsigned cpus = 1) {
  return {.strategy = "shadow",
          .settings = {{"hybrid_above_bytes", hybrid_above}, {"pool_mib", pool_mib}},
          .cpus = cpus};
}

TEST(Shadow, ASecondBufferOfItsKindSendsNothing) {
  StrategyRig rig(with(65536));
  const auto first = rig.strategy->map(0, rig.buffer(100, 0x321), DmaDirection::kToDevice, 0);
  EXPECT_EQ(first->iova.value % kPage, 0x321u);
  EXPECT_EQ(rig.guest.counters.map_requests, 1u);
  rig.strategy->unmap(*first, 0);
  const auto second = rig.strategy->map(0, rig.buffer(3000), DmaDirection::kToDevice, 0);
  EXPECT_EQ(second->iova.value, first->iova.value & ~0xfffull);
  EXPECT_EQ(rig.guest.counters.map_requests, 1u);
  EXPECT_EQ(rig.guest.counters.unmap_requests, 0u);
  EXPECT_EQ(rig.guest.counters.bytes_copied, 3100u);
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), kPage);
}

TEST(Shadow, ClassesRightsCpusAndDomainsHaveTheirOwn) {
  StrategyRig rig(with(65536, 8, 2));
  const auto buffer = rig.buffer(100), large = rig.buffer(5000);
  std::set<std::pair<unsigned, std::uint64_t>> used;
  for (const std::uint16_t endpoint : {std::uint16_t{0}, std::uint16_t{1}}) {
    for (const unsigned cpu : {0u, 1u}) {
      for (const auto direction : {DmaDirection::kToDevice, DmaDirection::kFromDevice}) {
        for (const auto& one : {buffer, large}) {
          const auto mapping = rig.strategy->map(endpoint, one, direction, cpu);
          ASSERT_TRUE(mapping);
          EXPECT_EQ(mapping->granted, permissions_of(direction));
          EXPECT_TRUE(used.insert({endpoint, mapping->iova.value & ~0xfffull}).second);
          rig.strategy->unmap(*mapping, cpu);
        }
      }
    }
  }
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), 8 * (4096u + 65536u));
}

// Its ends share their pages with other data, which no device sees; what lies between is the buffer's own.
TEST(Shadow, AHybridCopiesItsEndsOnly) {
  for (const auto& [offset, bytes] : {std::pair{0x100u, 5 * kPage},
                                      {0u, 5 * kPage},
                                      {0u, 5 * kPage - 7},
                                      {0x800u, 5 * kPage - 0x800}}) {
    SCOPED_TRACE(testing::Message() << offset << ", " << bytes);
    StrategyRig rig(with(kPage));
    const auto buffer = rig.buffer(bytes, offset);
    const std::uint64_t begin = buffer.phys.value, end = begin + bytes;
    const std::uint64_t head = begin % kPage == 0 ? 0 : kPage - begin % kPage, tail = end % kPage;
    std::memset(rig.bytes(buffer).data(), 3, bytes);
    const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kBidirectional, 0);
    ASSERT_TRUE(mapping);
    EXPECT_FALSE(mapping->persistent);
    EXPECT_EQ(rig.guest.counters.bytes_copied, head + tail);
    std::vector<std::byte> seen(bytes);
    ASSERT_TRUE(rig.device_read(0, mapping->iova, seen));
    for (const std::byte b : seen) ASSERT_EQ(b, std::byte{3});
    std::set<std::uint64_t> pages;
    for (std::uint64_t at = mapping->iova.value & ~0xfffull; at < mapping->iova.value + bytes;
         at += kPage) {
      pages.insert(rig.guest.device.translate({0}, {at}, Access::kRead)->value);
    }
    EXPECT_EQ(pages.count(begin & ~0xfffull), head == 0 ? 1u : 0u);
    EXPECT_EQ(pages.count((end - 1) & ~0xfffull), tail == 0 ? 1u : 0u);
    EXPECT_EQ(pages.count((begin & ~0xfffull) + kPage), 1u);
    ASSERT_TRUE(rig.device_write(0, mapping->iova, std::vector<std::byte>(bytes, std::byte{4})));
    rig.strategy->unmap(*mapping, 0);
    for (const std::byte b : rig.bytes(buffer)) ASSERT_EQ(b, std::byte{4});
    EXPECT_FALSE(rig.reaches(0, mapping->iova));
    EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
  }
}

// A page is the least that has ends of its own: of a buffer within one there is no middle to be mapped.
TEST(Shadow, ABufferWithinAPageIsNoHybrid) {
  const auto info = strategies().find("shadow");
  EXPECT_FALSE(SettingValues::resolve(info->settings, {{"hybrid_above_bytes", std::int64_t{0}}}));
  EXPECT_FALSE(
      SettingValues::resolve(info->settings, {{"hybrid_above_bytes", std::int64_t{kPage - 1}}}));
  StrategyRig rig(with(kPage));
  for (const std::uint32_t offset : {100u, 0u, kPage - 100}) {
    const auto buffer = rig.buffer(100, offset);
    std::memset(rig.bytes(buffer).data(), 5, 100);
    const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kBidirectional, 0);
    ASSERT_TRUE(mapping);
    EXPECT_TRUE(mapping->persistent);
    std::vector<std::byte> seen(100);
    ASSERT_TRUE(rig.device_read(0, mapping->iova, seen));
    EXPECT_EQ(seen, std::vector<std::byte>(100, std::byte{5}));
    EXPECT_FALSE(rig.reaches(0, {(mapping->iova.value & ~0xfffull) + kPage}));
    rig.strategy->unmap(*mapping, 0);
  }
  EXPECT_EQ(rig.guest.counters.map_requests, 1u);
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), kPage);
}

TEST(Shadow, BeyondThePoolAListIsStrict) {
  StrategyRig rig(with(65536, 1));
  std::vector<DmaBuffer> list(17, rig.buffer(5000));  // 16 of 64 KiB is all there is.
  std::vector<DmaMapping> out(17);
  ASSERT_TRUE(rig.strategy->map_list(0, list, DmaDirection::kToDevice, 0, out));
  EXPECT_EQ(rig.guest.counters.bounce_fallbacks, 1u);
  for (const auto& mapping : out) EXPECT_FALSE(mapping.persistent);
  rig.strategy->unmap_list(out, 0);
  EXPECT_FALSE(rig.reaches(0, out[0].iova));
  list.pop_back();
  out.assign(16, {});
  ASSERT_TRUE(rig.strategy->map_list(0, list, DmaDirection::kToDevice, 0, out));
  EXPECT_EQ(rig.guest.counters.bounce_fallbacks, 1u);  // What was taken came back.
}

TEST(Shadow, ABrokenDeviceMakesMapsFail) {
  StrategyRig rig(with(65536));
  rig.guest.device.stop();
  EXPECT_FALSE(rig.strategy->map(0, rig.buffer(100), DmaDirection::kToDevice, 0));
}

}  // namespace
}  // namespace violet::shadow_test
