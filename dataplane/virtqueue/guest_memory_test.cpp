#include "dataplane/virtqueue/guest_memory.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "engine/base/huge_pages.hpp"
#include "engine/base/rng.hpp"

namespace violet {
namespace {

using Backing = GuestMemory::Backing;
constexpr std::uint64_t kTop = ~std::uint64_t{0};

TEST(GuestMemory, AllocatesZeroedPageAlignedBytes) {
  GuestMemory memory;
  ASSERT_TRUE(memory.allocate({0x1000}, 10000, Backing::kAnonymous).has_value());
  std::byte* const host = memory.host({0x1000}, 10000);
  ASSERT_NE(host, nullptr);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(host) % 4096, 0u);
  for (int i = 0; i < 10000; ++i) ASSERT_EQ(host[i], std::byte{0});
  EXPECT_EQ(memory.total_bytes(), 10000u);
  EXPECT_STREQ(memory.backing_name(), "4 KiB pages");
}

TEST(GuestMemory, EveryByteMustBeInOneRegion) {
  GuestMemory memory;
  ASSERT_TRUE(memory.allocate({0x1000}, 0x1000, Backing::kAnonymous).has_value());
  ASSERT_TRUE(memory.allocate({0x2000}, 0x1000, Backing::kAnonymous).has_value());
  EXPECT_NE(memory.host({0x1fff}, 1), nullptr);
  EXPECT_NE(memory.host({0x2000}, 0x1000), nullptr);
  EXPECT_EQ(memory.host({0x1fff}, 2), nullptr) << "across two regions";
  EXPECT_EQ(memory.host({0x2000}, 0x1001), nullptr);
  EXPECT_EQ(memory.host({0xfff}, 2), nullptr);
  EXPECT_EQ(memory.host({0xfff}, 1), nullptr);
  EXPECT_EQ(memory.host({0x3000}, 0), nullptr);
  EXPECT_EQ(memory.host({0x2fff}, kTop), nullptr) << "the end wraps";
  EXPECT_EQ(memory.host({kTop}, 1), nullptr);
}

TEST(GuestMemory, ARegionMayEndAtTheTopOfTheSpace) {
  std::array<std::byte, 16> bytes{};
  GuestMemory memory;
  ASSERT_TRUE(memory.add_region({{kTop - 15}, 16, bytes.data()}).has_value());
  EXPECT_EQ(memory.host({kTop}, 1), &bytes[15]);
  EXPECT_EQ(memory.host({kTop}, 2), nullptr);
  EXPECT_FALSE(memory.add_region({{kTop}, 2, bytes.data()}).has_value()) << "wraps";
}

TEST(GuestMemory, RefusesOverlapsAndNonsense) {
  std::array<std::byte, 64> bytes{};
  GuestMemory memory;
  ASSERT_TRUE(memory.add_region({{100}, 50, bytes.data()}).has_value());
  EXPECT_FALSE(memory.add_region({{149}, 1, bytes.data()}).has_value());
  EXPECT_FALSE(memory.add_region({{0}, 101, bytes.data()}).has_value());
  EXPECT_FALSE(memory.add_region({{0}, 0, bytes.data()}).has_value());
  EXPECT_FALSE(memory.add_region({{0}, 1, nullptr}).has_value());
  EXPECT_FALSE(memory.allocate({0}, 0, Backing::kAnonymous).has_value());
  EXPECT_FALSE(memory.allocate({0}, kTop, Backing::kHugePages).has_value());
  EXPECT_TRUE(memory.add_region({{150}, 1, bytes.data()}).has_value());
  EXPECT_TRUE(memory.add_region({{0}, 100, bytes.data()}).has_value());
}

TEST(GuestMemory, RegionsAreSortedAndLimited) {
  std::array<std::byte, 1> byte{};
  GuestMemory memory;
  for (std::uint64_t i = GuestMemory::kMaxRegions; i > 0; --i) {
    ASSERT_TRUE(memory.add_region({{i * 10}, 1, byte.data()}).has_value());
  }
  EXPECT_FALSE(memory.add_region({{0}, 1, byte.data()}).has_value());
  for (std::size_t i = 1; i < memory.regions().size(); ++i) {
    EXPECT_LT(memory.regions()[i - 1].start, memory.regions()[i].start);
  }
  EXPECT_EQ(memory.host({10 * GuestMemory::kMaxRegions}, 1), byte.data());
}

TEST(GuestMemory, MovingKeepsAddressesAndSpans) {
  GuestMemory first;
  ASSERT_TRUE(first.allocate({0}, 4096, Backing::kAnonymous).has_value());
  std::byte* const host = first.host({0}, 4096);
  RegionCache cache(first);
  host[7] = std::byte{42};
  GuestMemory second(std::move(first));
  EXPECT_EQ(second.host({0}, 4096), host);
  EXPECT_EQ(cache.host({7}, 1), host + 7);
  EXPECT_EQ(first.host({0}, 1), nullptr);  // NOLINT: moved-from is empty
  GuestMemory third;
  ASSERT_TRUE(third.allocate({0}, 4096, Backing::kAnonymous).has_value());
  third = std::move(second);
  EXPECT_EQ(third.host({7}, 1)[0], std::byte{42});
}

TEST(GuestMemory, HugePagesAreGotOrTheFallbackIsNamed) {
  GuestMemory memory;
  ASSERT_TRUE(memory.allocate({0}, (5u << 20) + 1, Backing::kHugePages).has_value());
  const std::string name = memory.backing_name();
  EXPECT_TRUE(name == "hugepages" || name.starts_with("4 KiB pages")) << name;
  EXPECT_EQ(memory.against_huge_pages().empty(), name == "hugepages");
  std::byte* const host = memory.host({0}, (5u << 20) + 1);
  ASSERT_NE(host, nullptr);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(host) % (2u << 20), 0u);
  host[0] = host[5u << 20] = std::byte{1};
  ASSERT_TRUE(memory.allocate({1u << 30}, 4096, Backing::kAnonymous).has_value());
  EXPECT_STRNE(memory.backing_name(), "hugepages") << "one small allocation is enough to say so";
  EXPECT_EQ(memory.against_huge_pages(), "the caller wants none");
}

TEST(GuestMemory, MoreThanAreLeftIsSaidToBeSo) {
  ::unsetenv("VIOLET_NO_HUGEPAGES");
  GuestMemory memory;
  const auto bytes = available_huge_page_bytes() + (std::uint64_t{1} << 30);
  if (!memory.allocate({0}, bytes, Backing::kHugePages))
    GTEST_SKIP() << "this host has not so much memory";
  if (memory.against_huge_pages().empty()) GTEST_SKIP() << "this host makes more when asked";
  EXPECT_TRUE(std::string(memory.backing_name()).starts_with("4 KiB pages"));
  EXPECT_EQ(memory.against_huge_pages(),
            fmt::format("fewer hugepages than {} MiB are free and not reserved", bytes >> 20));
}

TEST(GuestMemory, TakesNoHugePagesWhereTheUserForbidsThem) {
  ::setenv("VIOLET_NO_HUGEPAGES", "1", 1);
  const auto before = available_huge_page_bytes();
  GuestMemory memory;
  ASSERT_TRUE(memory.allocate({0}, 4u << 20, Backing::kHugePages).has_value());
  memory.host({0}, 1)[0] = std::byte{1};
  EXPECT_STREQ(memory.backing_name(), "4 KiB pages");
  EXPECT_EQ(memory.against_huge_pages(), "VIOLET_NO_HUGEPAGES is set");
  // Other programs of this host may use some meanwhile, but not just these.
  EXPECT_NE(before - available_huge_page_bytes(), std::uint64_t{4} << 20);
  ::unsetenv("VIOLET_NO_HUGEPAGES");
}

TEST(GuestMemory, ExternalMemoryIsNamedAndNotFreed) {
  std::array<std::byte, 16> bytes{};
  {
    GuestMemory memory;
    ASSERT_TRUE(memory.add_region({{0}, 16, bytes.data()}).has_value());
    EXPECT_STREQ(memory.backing_name(), "external");
  }
  bytes[0] = std::byte{1};
}

TEST(RegionCache, AnswersAsTheTableDoes) {
  std::array<std::byte, 4096> bytes{};
  GuestMemory memory;
  Rng rng(7);
  for (std::uint64_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(memory.add_region({{i * 256}, 1 + rng.below(256), bytes.data()}).has_value());
  }
  RegionCache cache(memory);
  for (int i = 0; i < 100000; ++i) {
    const GuestPhys at{rng.below(21 * 256)};
    const std::uint64_t count = rng.below(300);
    ASSERT_EQ(cache.host(at, count), memory.host(at, count)) << at.value << " " << count;
  }
}

TEST(RegionCache, FollowsReplacedRegionsOnceItIsRefreshed) {
  std::array<std::byte, 4096> bytes{};
  GuestMemory memory;
  RegionCache cache(memory);
  const std::array<GuestMemory::Region, 2> fresh = {
      {{{0x1000}, 64, bytes.data()}, {{0x100000000}, 64, bytes.data() + 64}}};
  ASSERT_TRUE(memory.replace_regions(fresh).has_value());
  cache.refresh();
  EXPECT_EQ(cache.host({0x1000}, 64), bytes.data());
  EXPECT_EQ(cache.host({0x100000000}, 64), bytes.data() + 64);
  const std::array<GuestMemory::Region, 2> overlapping = {
      {{{0}, 64, bytes.data()}, {{63}, 64, bytes.data()}}};
  ASSERT_FALSE(memory.replace_regions(overlapping).has_value());
  cache.refresh();
  EXPECT_EQ(cache.host({0x1000}, 64), bytes.data()) << "an error changes nothing";
  ASSERT_TRUE(memory.replace_regions(std::span(fresh).first(1)).has_value());
  cache.refresh();
  EXPECT_EQ(cache.host({0x100000000}, 64), nullptr);
}

TEST(RegionCache, OfEmptyMemoryFindsNothing) {
  GuestMemory memory;
  RegionCache cache(memory);
  EXPECT_EQ(cache.host({0}, 0), nullptr);
  EXPECT_EQ(cache.host({0}, 1), nullptr);
}

}  // namespace
}  // namespace violet
