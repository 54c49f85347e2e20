#include "gui/kit/theme.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "gui/kit/contrast_testing.hpp"

namespace violet::gui {
namespace {

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

}  // namespace
}  // namespace violet::gui
