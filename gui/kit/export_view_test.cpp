#include "gui/kit/export_view.hpp"

#include <gtest/gtest.h>

#include <QFile>
#include <QImage>
#include <QPainter>
#include <QTemporaryDir>
#include <QXmlStreamReader>

#include "gui/kit/theme.hpp"
#include "gui/kit/time_panel.hpp"

namespace violet::gui {
namespace {

Picture red_picture() {
  Picture picture;
  picture.title = QStringLiteral("Churn");
  picture.caption = QStringLiteral("run 7f3a, cell strict");
  picture.size = {300, 200};
  picture.paint = [](QPainter& painter, const QRect& area) { painter.fillRect(area, Qt::red); };
  return picture;
}

QByteArray read(const QString& name) {
  QFile file(name);
  EXPECT_TRUE(file.open(QIODevice::ReadOnly)) << name.toStdString();
  return file.readAll();
}

TEST(Export, PngHasThePictureAndTheRunUnderIt) {
  const QTemporaryDir folder;
  const QString file = folder.filePath(QStringLiteral("a.png"));
  Picture picture = red_picture();
  picture.scale = 2;
  ASSERT_TRUE(export_picture(picture, file));
  const QImage image(file);
  EXPECT_EQ(image.size(), QSize(600, 444));
  EXPECT_EQ(image.pixelColor(300, 200), QColor(Qt::red));
  EXPECT_EQ(image.text(QStringLiteral("Description")), picture.caption);
  int written = 0;  // Pixels of the caption that differ from its background.
  for (int x = 0; x < 600; ++x) {
    for (int y = 404; y < 444; ++y) written += image.pixelColor(x, y) != theme().window;
  }
  EXPECT_GT(written, 100);
}

TEST(Export, SvgAndPdfNameTheRun) {
  const QTemporaryDir folder;
  const QString svg = folder.filePath(QStringLiteral("a.svg")),
                pdf = folder.filePath(QStringLiteral("a.pdf"));
  ASSERT_TRUE(export_picture(red_picture(), svg));
  EXPECT_TRUE(read(svg).contains("run 7f3a, cell strict"));
  ASSERT_TRUE(export_picture(red_picture(), pdf));
  EXPECT_TRUE(read(pdf).startsWith("%PDF"));
}

// Names come with a run, from anywhere.
TEST(Export, AnSvgIsXmlWhateverTheRunIsCalled) {
  const QTemporaryDir folder;
  const QString file = folder.filePath(QStringLiteral("a.svg"));
  Picture picture = red_picture();
  picture.title = QStringLiteral("Churn of a&b<c>");
  picture.caption = QStringLiteral("cell <script>alert(1)</script> & \"more\" \x1b[31m");
  picture.paint = [](QPainter& painter, const QRect& area) {
    painter.drawText(area, Qt::AlignCenter, QStringLiteral("a&b\x1b[31m<c>"));
  };
  ASSERT_TRUE(export_picture(picture, file));
  QXmlStreamReader xml(read(file));
  QString title, description;
  while (!xml.atEnd()) {
    if (xml.readNext() != QXmlStreamReader::StartElement) continue;
    EXPECT_NE(xml.name(), QLatin1String("script"));
    if (xml.name() == QLatin1String("title")) title = xml.readElementText();
    if (xml.name() == QLatin1String("desc")) description = xml.readElementText();
  }
  EXPECT_FALSE(xml.hasError()) << xml.errorString().toStdString();
  EXPECT_EQ(title, picture.title);
  EXPECT_EQ(description, QString(picture.caption).remove(QLatin1Char('\x1b')));
}

TEST(Export, WhatCannotBeWrittenSaysSo) {
  const auto unknown = export_picture(red_picture(), QStringLiteral("a.gif"));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::kUsage);
  for (const char* name :
       {"/no/such/folder/a.png", "/no/such/folder/a.svg", "/no/such/folder/a.pdf"}) {
    EXPECT_FALSE(export_picture(red_picture(), QString::fromLatin1(name))) << name;
  }
}

}  // namespace
}  // namespace violet::gui
