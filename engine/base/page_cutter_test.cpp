#include "engine/base/page_cutter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "engine/base/rng.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kAll4K = kEveryPageSize4K;  // QEMU
constexpr std::uint64_t k4K2M = std::uint64_t{1} << 12 | std::uint64_t{1}
                                                             << 21;  // cloud-hypervisor

std::vector<std::uint64_t> cuts(std::uint64_t mask, std::uint64_t iova, std::uint64_t phys,
                                std::uint64_t bytes) {
  std::vector<std::uint64_t> result;
  while (bytes > 0) {
    const auto cut = next_cut(mask, iova, phys, bytes);
    result.push_back(cut);
    iova += cut;
    phys += cut;
    bytes -= cut;
  }
  return result;
}

struct Average {
  double mean;
  std::size_t most;
};

// Random page-aligned physical address, naturally aligned IOVA.
Average average_cuts(std::uint64_t mask, std::uint64_t bytes) {
  Rng rng(bytes);
  std::size_t total = 0;
  std::size_t most = 0;
  constexpr int kSamples = 20000;
  for (int i = 0; i < kSamples; ++i) {
    const std::uint64_t align = std::bit_ceil(bytes);
    const std::uint64_t iova = (1 + rng.below(1 << 20)) * align;
    const std::uint64_t phys = rng.below(std::uint64_t{1} << 28) << 12;
    const auto count = cuts(mask, iova, phys, bytes).size();
    total += count;
    most = std::max(most, count);
  }
  return {static_cast<double>(total) / kSamples, most};
}

// The table of linux-dma.md 3.4.
TEST(PageCutter, PowersOfTwoTakeOneMap) {
  for (std::uint64_t bytes = 4096; bytes <= 2 << 20; bytes *= 2) {
    for (const auto mask : {kAll4K, k4K2M}) {
      const auto result = average_cuts(mask, bytes);
      EXPECT_EQ(result.mean, 1.0) << bytes;
      EXPECT_EQ(result.most, 1u) << bytes;
    }
  }
}

TEST(PageCutter, PowersOfTwoPlusAPageTakeOneAndAHalfWithEveryPageSize) {
  for (const std::uint64_t kib : {12u, 20u, 36u, 68u, 132u}) {
    const auto all = average_cuts(kAll4K, kib << 10);
    EXPECT_NEAR(all.mean, 1.5, 0.02) << kib;
    EXPECT_EQ(all.most, 2u) << kib;
    EXPECT_EQ(average_cuts(k4K2M, kib << 10).mean, 1.0) << kib;
  }
}

TEST(PageCutter, UsesTheLargePageWhereBothAddressesAgree) {
  constexpr std::uint64_t kM = 1 << 20;
  // 1 MiB of small pages up to the 2 MiB boundary, two large pages, the rest.
  EXPECT_EQ(cuts(k4K2M, 9 * kM, 33 * kM, 6 * kM), (std::vector<std::uint64_t>{kM, 4 * kM, kM}));
  // Addresses that differ within the large page never meet a boundary together.
  EXPECT_EQ(cuts(k4K2M, 8 * kM, 33 * kM, 6 * kM), (std::vector<std::uint64_t>{6 * kM}));
}

TEST(PageCutter, CutsAtAlignmentsThatBothAddressesShare) {
  constexpr std::uint64_t kK = 1024;
  EXPECT_EQ(cuts(kAll4K, 0x10000, 0x20000, 0x3000), (std::vector<std::uint64_t>{8 * kK, 4 * kK}));
  EXPECT_EQ(cuts(kAll4K, 0x10000, 0x20000, 0x17000),
            (std::vector<std::uint64_t>{64 * kK, 16 * kK, 8 * kK, 4 * kK}));
  // There is no room for the larger page.
  EXPECT_EQ(cuts(kAll4K, 0x1000, 0x1000, 0x2000), (std::vector<std::uint64_t>{8 * kK}));
  EXPECT_EQ(cuts(kAll4K, 0x1000, 0x1000, 0x4000),
            (std::vector<std::uint64_t>{4 * kK, 8 * kK, 4 * kK}));
  // A larger page can never be used.
  EXPECT_EQ(cuts(kAll4K, 0x10000, 0x21000, 0x17000), (std::vector<std::uint64_t>{92 * kK}));
}

TEST(PageCutter, EndOfTheAddressSpaceDoesNotWrap) {
  const std::uint64_t iova = ~std::uint64_t{0} - 0x1fff;
  EXPECT_EQ(cuts(kAll4K, iova, 0x2000, 0x2000), (std::vector<std::uint64_t>{0x2000}));
  EXPECT_EQ(cuts(kAll4K, 0, 0, std::uint64_t{1} << 63),
            (std::vector<std::uint64_t>{std::uint64_t{1} << 63}));
}

TEST(PageCutter, RandomRangesAreCoveredByAlignedCuts) {
  Rng rng(7);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t mask = rng() << 13 | 0x1000;
    std::uint64_t iova = (rng() >> rng.below(40) >> 1) & ~std::uint64_t{0xfff};
    std::uint64_t phys = (rng() >> rng.below(40) >> 1) & ~std::uint64_t{0xfff};
    std::uint64_t bytes = (1 + rng.below(1 << 12)) << 12;
    for (const auto cut : cuts(mask, iova, phys, bytes)) {
      ASSERT_GT(cut, 0u);
      // Some page size of the mask divides the cut and both addresses.
      const std::uint64_t page = std::uint64_t{1} << std::countr_zero(iova | phys | cut);
      ASSERT_NE(mask & (page | (page - 1)), 0u);
      iova += cut;
      phys += cut;
      bytes -= cut;
    }
    ASSERT_EQ(bytes, 0u);
  }
}

}  // namespace
}  // namespace violet
