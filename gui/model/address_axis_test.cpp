#include "gui/model/address_axis.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace violet::gui {
namespace {

TEST(AddressAxis, NothingIsUsed) { EXPECT_TRUE(AddressAxis(std::vector<IovaRange>{}).empty()); }

TEST(AddressAxis, TheWholeSpaceIsOneSegment) {
  const AddressAxis axis({IovaRange::all()});
  ASSERT_EQ(axis.segments().size(), 1u);
  EXPECT_EQ(axis.place({0}), 0);
  EXPECT_EQ(axis.place_behind({~std::uint64_t{0}}), 1);
  EXPECT_NEAR(axis.place({std::uint64_t{1} << 63}), 0.5, 1e-9);
}

TEST(AddressAxis, DesertsAreFolded) {
  const AddressAxis axis({IovaRange::of(0xfee0'0000, 0x10'0000), IovaRange::of(0x1000, 0x1000),
                          IovaRange::of(0xffff'0000'0000, 0x20'0000)});
  ASSERT_EQ(axis.segments().size(), 3u);
  EXPECT_EQ(axis.segments()[0].range, IovaRange::of(0x1000, 0x1000));
  EXPECT_LT(axis.segments()[0].to, axis.segments()[1].from);
  EXPECT_GE(axis.segments()[0].to - axis.segments()[0].from, AddressAxis::kLeastShare);
  EXPECT_EQ(axis.segments()[2].to, 1);
}

TEST(AddressAxis, NeighboursMeet) {
  const AddressAxis axis({IovaRange::of(0x1000, 0x1000), IovaRange::of(0x2000, 0x1000)});
  ASSERT_EQ(axis.segments().size(), 1u);
  EXPECT_EQ(axis.place_behind({0x1fff}), axis.place({0x2000}));
}

RC_GTEST_PROP(AddressAxisProperties, A1_A2_A3_PlacesGrowWithTheAddress, ()) {
  const auto starts = *rc::gen::nonEmpty<std::vector<std::uint64_t>>();
  std::vector<IovaRange> used;
  for (const std::uint64_t start : starts) {
    used.push_back({{start}, {start | 0xfff}});
  }
  const AddressAxis axis(used);
  RC_ASSERT(axis.segments().size() <= AddressAxis::kMostSegments);
  double before = -1;
  for (const auto& segment : axis.segments()) {
    RC_ASSERT(segment.from > before);
    RC_ASSERT(segment.to - segment.from >= AddressAxis::kLeastShare - 1e-9);
    before = segment.to;
  }
  RC_ASSERT(before <= 1 + 1e-9);
  for (const IovaRange& range : used) {
    RC_ASSERT(axis.place(range.first) <= axis.place_behind(range.last));
    bool held = false;
    for (const auto& segment : axis.segments()) held |= segment.range.contains(range);
    RC_ASSERT(held);
  }
}

}  // namespace
}  // namespace violet::gui
