// MAP: D24 to D29 and D46, and the limits.
#include <gtest/gtest.h>

#include "engine/device/all_pairs_testing.hpp"

namespace violet::map_test {
namespace {

using protocol::kMapMmio;
using protocol::kMapRead;
using protocol::kMapWrite;
using protocol::Status;

class Map : public OnAllPairs {};
INSTANTIATE_TEST_SUITE_P(Pairs, Map, testing::ValuesIn(all_pairs()), pair_name);

TEST_P(Map, D24_OffGranuleIsRange) {
  Rig rig;
  rig.attach(1, 8);
  EXPECT_EQ(rig.map(1, 1, kLast, 0), Status::kRange);
  EXPECT_EQ(rig.map(1, 0, kLast - 1, 0), Status::kRange);
  EXPECT_EQ(rig.map(1, 0, kLast, 0x800), Status::kRange);
  EXPECT_EQ(rig.map(1, 0, 0, 0), Status::kRange);  // R16: one byte.
  EXPECT_EQ(rig.map(1, 0, kLast, 0), Status::kOk);
}

TEST_P(Map, D24_TheGranuleIsTheLowestBitOfThePageSizeMask) {
  DeviceConfig config = rig_config();
  config.page_size_mask = 0x40010000;  // 64 KiB and 1 GiB.
  Rig rig(config);
  rig.attach(1, 8);
  EXPECT_EQ(rig.map(1, 0, 0xfff, 0), Status::kRange);
  EXPECT_EQ(rig.map(1, 0, 0xffff, 0x1000), Status::kRange);
  EXPECT_EQ(rig.map(1, 0, 0xffff, 0x10000), Status::kOk);
  EXPECT_EQ(rig.reaches(8, 0xffff), 0x1ffff);
}

TEST_P(Map, D25_OverlapIsInvalAndChangesNothing) {
  Rig rig;
  rig.attach(1, 8);
  rig.map(1, kPage, 3 * kPage - 1, 0x5000);
  EXPECT_EQ(rig.map(1, kPage, 3 * kPage - 1, 0x5000), Status::kInval);
  EXPECT_EQ(rig.map(1, 0, 2 * kPage - 1, 0x90000), Status::kInval);
  EXPECT_EQ(rig.map(1, 2 * kPage, 4 * kPage - 1, 0x90000), Status::kInval);
  EXPECT_EQ(rig.map(1, 0, 4 * kPage - 1, 0x90000), Status::kInval);
  EXPECT_FALSE(rig.reaches(8, 0));
  EXPECT_EQ(rig.reaches(8, kPage), 0x5000);
  EXPECT_FALSE(rig.reaches(8, 3 * kPage));
}

TEST_P(Map, D26_UnknownFlagIsInval) {
  Rig rig;
  rig.attach(1, 8);
  EXPECT_EQ(rig.map(1, 0, kLast, 0, 8), Status::kInval);
  EXPECT_EQ(rig.map(1, 0, kLast, 0, 0x80000003), Status::kInval);
}

TEST_P(Map, D26_MmioIsAnUnknownFlagUnlessNegotiated) {
  Rig rig(rig_config(), false);
  rig.device->negotiate(protocol::feature_bit(protocol::kMapUnmap));
  rig.attach(1, 8);
  EXPECT_EQ(rig.map(1, 0, kLast, 0, kMapRead | kMapMmio), Status::kInval);
  Rig with;
  with.attach(1, 8);
  EXPECT_EQ(with.map(1, 0, kLast, 0, kMapRead | kMapMmio), Status::kOk);
  EXPECT_TRUE(with.reaches(8, 0));
}

TEST_P(Map, D27_UnknownDomainIsNoEnt) {
  Rig rig;
  EXPECT_EQ(rig.map(1, 0, kLast, 0), Status::kNoEnt);
}

TEST_P(Map, D28_BypassDomainIsInval) {
  Rig rig;
  rig.attach(1, 8, protocol::kAttachBypass);
  EXPECT_EQ(rig.map(1, 0, kLast, 0), Status::kInval);
}

TEST_P(Map, D29_PermissionsAreExactlyThoseOfTheFlags) {
  Rig rig;
  rig.attach(1, 8);
  for (std::uint32_t flags = 0; flags < 8; ++flags) {
    const std::uint64_t at = flags * kPage;
    ASSERT_EQ(rig.map(1, at, at + kLast, 0x10000 + at, flags), Status::kOk);
    EXPECT_EQ(rig.reaches(8, at, Access::kRead).has_value(), (flags & kMapRead) != 0) << flags;
    EXPECT_EQ(rig.reaches(8, at, Access::kWrite).has_value(), (flags & kMapWrite) != 0) << flags;
  }
}

TEST_P(Map, D46_OverAReservedRegionIsInval) {
  Rig rig;
  rig.attach(1, 8);
  rig.attach(1, 10);
  for (const auto& region : {kReservedRange, kMsiRange}) {
    const auto first = region.first.value;
    const auto last = region.last.value;
    EXPECT_EQ(rig.map(1, first, first + kLast, 0), Status::kInval);
    EXPECT_EQ(rig.map(1, last - kLast, last + kPage, 0), Status::kInval);
    EXPECT_EQ(rig.map(1, first - kPage, last + kPage, 0), Status::kInval);
    EXPECT_EQ(rig.map(1, first - kPage, first - 1, 0), Status::kOk);
    EXPECT_EQ(rig.map(1, last + 1, last + kPage, 0), Status::kOk);
  }
}

TEST_P(Map, D46_HoldsWhileAnyEndpointOfTheDomainHasTheRegion) {
  Rig rig;
  rig.attach(1, 8);
  rig.attach(1, 10);
  const auto first = kReservedRange.first.value;
  rig.detach(1, 10);
  EXPECT_EQ(rig.map(1, first, first + kLast, 0), Status::kOk);
}

TEST_P(Map, R8_BeyondTheInputRangeIsRange) {
  DeviceConfig config = rig_config();
  config.input_range = {{0x10000}, {0x1ffff}};
  Rig rig(config);
  rig.attach(1, 8);
  EXPECT_EQ(rig.map(1, 0xf000, 0xffff, 0), Status::kRange);
  EXPECT_EQ(rig.map(1, 0xf000, 0x10fff, 0), Status::kRange);
  EXPECT_EQ(rig.map(1, 0x1f000, 0x20fff, 0), Status::kRange);
  EXPECT_EQ(rig.map(1, 0x10000, 0x1ffff, 0), Status::kOk);
}

TEST_P(Map, ARangeThatEndsBeforeItStartsIsInval) {
  Rig rig;
  rig.attach(1, 8);
  EXPECT_EQ(rig.map(1, 2 * kPage, kPage - 1, 0), Status::kInval);
  EXPECT_EQ(rig.map(1, kPage, kPage - 1, 0), Status::kInval);
}

TEST_P(Map, APhysicalRangeThatWrapsIsRange) {
  Rig rig;
  rig.attach(1, 8);
  EXPECT_EQ(rig.map(1, 0, 2 * kPage - 1, ~std::uint64_t{0} - kLast), Status::kRange);
  EXPECT_EQ(rig.map(1, 0, kLast, ~std::uint64_t{0} - kLast), Status::kOk);
  EXPECT_EQ(rig.reaches(8, kLast), ~std::uint64_t{0});
}

TEST_P(Map, TheWholeSpaceIsOneMapping) {
  Rig rig;
  rig.attach(1, 8);
  EXPECT_EQ(rig.map(1, 0, ~std::uint64_t{0}, 0), Status::kOk);
  EXPECT_EQ(rig.reaches(8, 0x123456789abcdef0), 0x123456789abcdef0);
  EXPECT_EQ(rig.unmap(1, 0, ~std::uint64_t{0}), Status::kOk);
  EXPECT_FALSE(rig.reaches(8, 0x123456789abcdef0));
}

TEST_P(Map, TooManyMappingsIsNoMemAndUnmapMakesRoom) {
  DeviceConfig config = rig_config();
  config.limits.mappings_per_domain = 4;
  Rig rig(config);
  rig.attach(1, 8);
  for (std::uint64_t page = 0; page < 4; ++page) {
    EXPECT_EQ(rig.map(1, page * kPage, page * kPage + kLast, 0), Status::kOk);
  }
  EXPECT_EQ(rig.map(1, 4 * kPage, 4 * kPage + kLast, 0), Status::kNoMem);
  EXPECT_FALSE(rig.reaches(8, 4 * kPage));
  rig.unmap(1, 0, kLast);
  EXPECT_EQ(rig.map(1, 4 * kPage, 4 * kPage + kLast, 0), Status::kOk);
}

TEST_P(Map, TooMuchMemoryIsNoMemAndNothingIsMapped) {
  DeviceConfig config = rig_config();
  config.limits.memory_bytes = 256 << 10;
  Rig rig(config);
  rig.attach(1, 8);
  std::uint64_t at = 0;
  auto status = std::optional(Status::kOk);
  for (; status == Status::kOk && at < (std::uint64_t{1} << 46); at += std::uint64_t{1} << 31) {
    for (std::uint64_t page = 0; page < 16 && status == Status::kOk; ++page) {
      status = rig.map(1, at + page * kPage, at + page * kPage + kLast, 0);
    }
  }
  EXPECT_EQ(status, Status::kNoMem);
  EXPECT_LE(rig.device->memory_used(), config.limits.memory_bytes);
  rig.unmap(1, 0, ~std::uint64_t{0});
  EXPECT_EQ(rig.map(1, 0, kLast, 0x5000), Status::kOk);
  EXPECT_EQ(rig.reaches(8, 0), 0x5000);
}

}  // namespace
}  // namespace violet::map_test
