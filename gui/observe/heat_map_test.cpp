#include "gui/observe/heat_map.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "gui/kit/contrast_testing.hpp"
#include "gui/kit/theme.hpp"

namespace violet::gui {
namespace {

TEST(HeatMap, MoreIsFurtherFromTheBackground) {
  for (const bool dark : {true, false}) {
    const QColor panel = dark ? Themes::dark().panel : Themes::light().panel;
    double before = 1;
    for (double share = 0; share <= 1; share += 0.1) {
      const double now = contrast(QColor(heat_colour(share, dark)), panel);
      EXPECT_GT(now, before) << share;
      before = now;
    }
  }
}

TEST(HeatMap, ZeroIsTransparentAndScalesAreRound) {
  const std::vector<std::uint32_t> counts{0, 1, 870, 3};
  const HeatScale scale = HeatScale::of(counts);
  EXPECT_EQ(scale.most, 1000);
  EXPECT_TRUE(scale.log);
  const QImage image = heat_image(
      2, 2, scale, [&](int column, int row) { return counts[std::size_t(row * 2 + column)]; },
      true);
  EXPECT_EQ(qAlpha(image.pixel(0, 1)), 0) << "row 0 is at the bottom";
  EXPECT_EQ(qAlpha(image.pixel(1, 1)), 255);
  EXPECT_NE(image.pixel(0, 0), image.pixel(1, 0));
}

}  // namespace
}  // namespace violet::gui
