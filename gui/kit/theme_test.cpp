#include "gui/kit/theme.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "gui/kit/heat_map.hpp"

namespace violet::gui {
namespace {

double luminance(const QColor& colour) {
  const auto part = [](double c) {
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * part(double(colour.redF())) + 0.7152 * part(double(colour.greenF())) +
         0.0722 * part(double(colour.blueF()));
}

// WCAG 2.
double contrast(const QColor& a, const QColor& b) {
  const double light = std::max(luminance(a), luminance(b)),
               dark = std::min(luminance(a), luminance(b));
  return (light + 0.05) / (dark + 0.05);
}

TEST(Theme, TextHasContrast) {
  for (const Theme* t : {&Themes::dark(), &Themes::light()}) {
    for (const QColor& back : {t->window, t->panel, t->raised}) {
      EXPECT_GE(contrast(t->text, back), 4.5) << back.name().toStdString();
      EXPECT_GE(contrast(t->muted, back), 4.5) << back.name().toStdString();
    }
    EXPECT_GE(contrast(t->accent_text, t->accent), 4.5);
    EXPECT_GE(contrast(t->good, t->panel), 4.5);
    EXPECT_GE(contrast(t->bad, t->panel), 4.5);
  }
}

// What deuteranopes and protanopes see (Viénot, Brettel, Mollon 1999), in linear light.
QColor as_seen(const QColor& colour, bool deuteranope) {
  const auto linear = [](double c) { return std::pow(c, 2.2); };
  const double r = linear(double(colour.redF())), g = linear(double(colour.greenF())),
               b = linear(double(colour.blueF()));
  const double red = deuteranope ? 0.29275 * r + 0.70725 * g : 0.11238 * r + 0.88762 * g;
  const double blue = deuteranope ? -0.02234 * r + 0.02234 * g + b : 0.00401 * r - 0.00401 * g + b;
  const auto back = [](double c) {
    return static_cast<float>(std::pow(std::clamp(c, 0.0, 1.0), 1 / 2.2));
  };
  return QColor::fromRgbF(back(red), back(red), back(blue));
}

double distance(const QColor& a, const QColor& b) {
  return std::hypot(double(a.redF() - b.redF()), double(a.greenF() - b.greenF()),
                    double(a.blueF() - b.blueF()));
}

TEST(Theme, MeaningsStayApartForTheColourBlind) {
  for (const Theme* t : {&Themes::dark(), &Themes::light()}) {
    const QColor meanings[] = {t->map, t->unmap, t->translate, t->fault, t->stale, t->copy};
    for (const bool deuteranope : {true, false}) {
      for (std::size_t i = 0; i < std::size(meanings); ++i) {
        for (std::size_t j = i + 1; j < std::size(meanings); ++j) {
          EXPECT_GE(distance(as_seen(meanings[i], deuteranope), as_seen(meanings[j], deuteranope)),
                    0.1)
              << meanings[i].name().toStdString() << ' ' << meanings[j].name().toStdString();
        }
      }
    }
  }
}

TEST(Theme, AStrategyHasOneColour) {
  EXPECT_EQ(theme().of_strategy("strict"), theme().of_strategy("strict"));
  EXPECT_NE(theme().of_strategy("strict"), theme().of_strategy("lazy-percpu"));
  EXPECT_NE(theme().of_strategy("lazy-percpu"), theme().of_strategy("bounce-dynamic"));
  EXPECT_NE(theme().of_strategy("bounce-dynamic"), theme().of_strategy("optimistic"));
  EXPECT_NE(theme().of_strategy("direct"), theme().of_strategy("optimistic"));
}

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
