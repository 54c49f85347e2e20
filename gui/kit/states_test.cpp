#include "gui/kit/states.hpp"

#include <gtest/gtest.h>

#include <QLabel>
#include <QProgressBar>
#include <QPushButton>

namespace violet::gui {
namespace {

TEST(StatePage, EmptySaysWhatToDoAndOffersIt) {
  StatePage page;
  int pressed = 0;
  page.showEmpty(QStringLiteral("No run is open"), QStringLiteral("Open one"),
                 QStringLiteral("Open"), [&] { ++pressed; });
  auto* button = page.findChild<QPushButton*>();
  ASSERT_FALSE(button->isHidden());
  button->click();
  EXPECT_EQ(pressed, 1);
  EXPECT_TRUE(page.findChild<QProgressBar*>()->isHidden());
}

TEST(StatePage, LoadingShowsProgressAndErrorsShowNone) {
  StatePage page;
  page.showLoading(QStringLiteral("Opening"), 0.25);
  auto* bar = page.findChild<QProgressBar*>();
  EXPECT_FALSE(bar->isHidden());
  EXPECT_EQ(bar->value(), 250);
  page.showError(QStringLiteral("Damaged"), QStringLiteral("trace.events, byte 17"),
                 QStringLiteral("the rest"));
  EXPECT_TRUE(bar->isHidden());
  QStringList words;
  for (const QLabel* label : page.findChildren<QLabel*>()) words << label->text();
  EXPECT_TRUE(words.join(QLatin1Char(' ')).contains(QStringLiteral("byte 17")));
}

}  // namespace
}  // namespace violet::gui
