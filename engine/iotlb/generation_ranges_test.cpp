// What is particular to generation-ranges: which invalidations leave the rest of the domain alone, and what
// happens beyond its limits. What every design must do is in iotlb_test.cpp.
#include "engine/iotlb/generation_ranges.hpp"

#include <gtest/gtest.h>

#include "engine/iotlb/iotlb_testing.hpp"

namespace violet::generation_ranges_test {
namespace {

constexpr std::uint64_t kPages = 100;

struct Bed {
  Bed() : iotlb({}, quiescence) {
    const auto id = quiescence.add_reader("reader").value();
    reader = static_cast<GenerationRangesIotlb::Reader*>(iotlb.add_reader(id).value());
    for (std::uint64_t page = 0; page < kPages; ++page) fill(kDomain, page * kPage, kPage);
  }
  void fill(DomainTag tag, std::uint64_t at, std::uint64_t bytes) {
    const auto ticket = iotlb.begin_fill(*reader, tag, {at});
    iotlb.fill(*reader, ticket, tag, {at},
               {IovaRange::of(at, bytes), {at}, Permissions::kReadWrite});
  }
  bool finds(std::uint64_t at, DomainTag tag = kDomain) {
    return iotlb.lookup(*reader, tag, {at}).has_value();
  }
  std::uint64_t found() {
    std::uint64_t count = 0;
    for (std::uint64_t page = 0; page < kPages; ++page) count += finds(page * kPage);
    return count;
  }
  void invalidate(std::uint64_t first_page, std::uint64_t pages = 1, DomainTag tag = kDomain) {
    iotlb.invalidate(tag, IovaRange::of(first_page * kPage, pages * kPage));
  }

  EpochQuiescence quiescence;
  GenerationRangesIotlb iotlb;
  GenerationRangesIotlb::Reader* reader = nullptr;
};

TEST(GenerationRanges, ASmallInvalidationLeavesTheRest) {
  Bed bed;
  bed.invalidate(7);
  EXPECT_FALSE(bed.finds(7 * kPage));
  EXPECT_EQ(bed.found(), kPages - 1);
  bed.invalidate(20, GenerationRangesIotlb::kMaxPages);
  EXPECT_EQ(bed.found(), kPages - 1 - GenerationRangesIotlb::kMaxPages);
}

TEST(GenerationRanges, ALargeOneTakesTheDomain) {
  Bed bed;
  bed.invalidate(0, GenerationRangesIotlb::kMaxPages + 1);
  EXPECT_EQ(bed.found(), 0u);
  bed.fill(kDomain, 0, kPage);
  EXPECT_EQ(bed.found(), 1u);
  bed.iotlb.invalidate_domain(kDomain);
  EXPECT_EQ(bed.found(), 0u);
}

TEST(GenerationRanges, TheLastFewAreRemembered) {
  Bed bed;
  for (std::uint64_t i = 0; i + 1 < GenerationRangesIotlb::kSlots; ++i) bed.invalidate(i);
  EXPECT_EQ(bed.found(), kPages - (GenerationRangesIotlb::kSlots - 1));
}

TEST(GenerationRanges, AReaderThatFellFurtherBehindLosesTheDomain) {
  Bed bed;
  for (std::uint64_t i = 0; i < GenerationRangesIotlb::kSlots; ++i) bed.invalidate(i);
  EXPECT_EQ(bed.found(), 0u);
}

TEST(GenerationRanges, ALargeOneAmongSmallOnesTakesTheDomain) {
  Bed bed;
  bed.invalidate(1);
  bed.iotlb.invalidate_domain(kDomain);
  bed.invalidate(2);
  EXPECT_EQ(bed.found(), 0u);
}

TEST(GenerationRanges, AFillBehindAnInvalidationIsRefused) {
  Bed bed;
  const Translation stale{IovaRange::of(3 * kPage, kPage), {0}, Permissions::kReadWrite};
  const auto ticket = bed.iotlb.begin_fill(*bed.reader, kDomain, {3 * kPage});
  bed.invalidate(3);
  bed.iotlb.fill(*bed.reader, ticket, kDomain, {3 * kPage}, stale);
  EXPECT_FALSE(bed.finds(3 * kPage));
  EXPECT_EQ(bed.found(), kPages - 1);
}

TEST(GenerationRanges, AFillCatchesUpFirst) {
  Bed bed;
  bed.invalidate(3);
  bed.fill(kDomain, 2 * kLarge, kPage);  // The first that the reader does after the invalidation.
  EXPECT_FALSE(bed.finds(3 * kPage));
  EXPECT_EQ(bed.found(), kPages - 1);
  EXPECT_TRUE(bed.finds(2 * kLarge));
}

TEST(GenerationRanges, APageTakesTheLargeEntryAroundItAlong) {
  Bed bed;
  bed.fill(kDomain, kLarge, kLarge);
  ASSERT_TRUE(bed.finds(kLarge + 5 * kPage));
  bed.invalidate(kLarge / kPage + 9);
  EXPECT_FALSE(bed.finds(kLarge + 5 * kPage));
  EXPECT_EQ(bed.found(), kPages);
}

TEST(GenerationRanges, TheEndsOfTheSpaceAreNamedToo) {
  Bed bed;
  const std::uint64_t last = ~std::uint64_t{0} - (kPage - 1);
  bed.fill(kDomain, last, kPage);
  ASSERT_TRUE(bed.finds(last));
  bed.iotlb.invalidate(kDomain, IovaRange::of(last, kPage));
  bed.invalidate(0);
  EXPECT_FALSE(bed.finds(last));
  EXPECT_EQ(bed.found(), kPages - 1);
}

// Tags that share a counter: the other's range is dropped here as well, never the reverse.
TEST(GenerationRanges, ATagThatSharesTheCounterMayTakeMoreNeverLess) {
  Bed bed;
  const DomainTag other{kDomain.value + 1024};
  bed.invalidate(7, 1, other);
  EXPECT_EQ(bed.found(), kPages - 1);
  bed.invalidate(8);
  EXPECT_FALSE(bed.finds(8 * kPage));
  bed.fill(other, 9 * kPage, kPage);
  bed.invalidate(9, 1, other);
  EXPECT_FALSE(bed.finds(9 * kPage, other));
}

}  // namespace
}  // namespace violet::generation_ranges_test
