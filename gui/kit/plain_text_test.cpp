#include "gui/kit/plain_text.hpp"

#include <gtest/gtest.h>

#include <QApplication>
#include <QLabel>
#include <QTextDocument>
#include <QToolTip>

#include "gui/kit/theme.hpp"

namespace violet::gui {
namespace {

TEST(PlainText, ALabelShowsANameAsItIs) {
  Themes::instance().apply(*qobject_cast<QApplication*>(QApplication::instance()));
  const QString name = QStringLiteral("<b>strict</b> <img src=\"/etc/passwd\">");
  QLabel label(name), wide(QString(name).replace(QLatin1Char('<'), QLatin1Char('(')));
  label.show();
  wide.show();
  EXPECT_EQ(label.textFormat(), Qt::PlainText);
  EXPECT_EQ(label.text(), name);
  // As wide as its characters, and not as what they would be as HTML.
  EXPECT_GE(label.sizeHint().width(), label.fontMetrics().horizontalAdvance(name));
  QLabel rich;
  rich.setTextFormat(Qt::RichText);
  rich.setText(QStringLiteral("<b>ours</b>"));
  rich.show();
  EXPECT_EQ(rich.textFormat(), Qt::RichText);
}

TEST(PlainText, SoDoesATip) {
  Themes::instance().apply(*qobject_cast<QApplication*>(QApplication::instance()));
  QToolTip::showText({10, 10}, QStringLiteral("<b>a</b>"));
  bool seen = false;
  for (QWidget* widget : QApplication::topLevelWidgets()) {
    auto* label = qobject_cast<QLabel*>(widget);
    if (label == nullptr || label->text() != QLatin1String("<b>a</b>")) continue;
    seen = true;
    EXPECT_EQ(label->textFormat(), Qt::PlainText);
  }
  EXPECT_TRUE(seen);
  QToolTip::hideText();
}

}  // namespace
}  // namespace violet::gui
