#include "gui/model/churn_axis.hpp"

#include <gtest/gtest.h>

namespace violet::gui {
namespace {

const std::vector<IovaRange> kTwo{IovaRange::of(0x10000, 16 * 4096),
                                  IovaRange::of(0xffff'ffff'0000'0000, 1024 * 4096)};

TEST(ChurnAxis, EveryUsedRangeIsShownAtFirst) {
  ChurnAxis axis;
  axis.setUsed(kTwo);
  const auto bands = axis.bands();
  ASSERT_EQ(bands.size(), 2u);
  EXPECT_EQ(bands[0].range, kTwo[0]);
  EXPECT_EQ(bands[1].range, kTwo[1]);
  EXPECT_NEAR(bands[0].from, 0, 1e-9);
  EXPECT_NEAR(bands[1].to, 1, 1e-9);
  EXPECT_GT(bands[1].from, bands[0].to) << "a break between them";
}

TEST(ChurnAxis, PlacesAndAddressesAgree) {
  for (const bool linear : {false, true}) {
    ChurnAxis axis;
    axis.setUsed(kTwo);
    axis.setLinear(linear);
    axis.show(kTwo[1]);
    const std::uint64_t address = kTwo[1].first.value + 500 * 4096;
    const auto place = axis.place(address);
    ASSERT_TRUE(place);
    const auto back = axis.address(*place);
    ASSERT_TRUE(back);
    EXPECT_LT(*back > address ? *back - address : address - *back, 4096u) << linear;
  }
}

TEST(ChurnAxis, ZoomsFromTheWholeSpaceToOnePage) {
  ChurnAxis axis;
  axis.setUsed(kTwo);
  axis.setLinear(true);
  axis.showAll();
  ASSERT_EQ(axis.bands().size(), 1u);
  EXPECT_EQ(axis.bands()[0].range, IovaRange::all());
  const std::uint64_t page = kTwo[1].first.value + 7 * 4096;
  for (int i = 0; i < 200; ++i) axis.zoom(0.7L, *axis.place(page + 2048));
  const auto bands = axis.bands();
  ASSERT_EQ(bands.size(), 1u);
  EXPECT_TRUE(bands[0].range.contains(Iova{page}));
  EXPECT_LE(bands[0].range.size_minus_one(), 2 * ChurnAxis::kPage)
      << "a page and the parts beside it";
}

TEST(ChurnAxis, BandsAreWholePages) {
  ChurnAxis axis;
  axis.setUsed(kTwo);
  for (int i = 0; i < 40; ++i) {
    axis.zoom(0.8L, 0.63);
    for (const auto& band : axis.bands()) {
      EXPECT_EQ(band.range.first.value % ChurnAxis::kPage, 0u);
      EXPECT_EQ((band.range.last.value + 1) % ChurnAxis::kPage, 0u);
      EXPECT_LE(band.range.first, band.range.last);
    }
  }
}

TEST(ChurnAxis, PanningStopsAtTheEnds) {
  ChurnAxis axis;
  axis.setUsed(kTwo);
  axis.zoom(0.5L, 0.5);
  for (int i = 0; i < 20; ++i) axis.pan(1);
  EXPECT_EQ(axis.bands().back().range.last, kTwo[1].last);
  for (int i = 0; i < 20; ++i) axis.pan(-1);
  EXPECT_EQ(axis.bands().front().range.first, kTwo[0].first);
}

TEST(ChurnAxis, LiveRangesThatGrowAreShown) {
  ChurnAxis axis;
  axis.setUsed({kTwo[0]});
  axis.setUsed(kTwo);
  EXPECT_EQ(axis.bands().size(), 2u);
}

TEST(ChurnAxis, NothingUsedHasNoBands) {
  ChurnAxis axis;
  axis.setUsed({});
  EXPECT_TRUE(axis.empty());
  EXPECT_TRUE(axis.bands().empty());
  EXPECT_FALSE(axis.address(0.5));
}

}  // namespace
}  // namespace violet::gui
