#include "gui/kit/export_view.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <QEvent>
#include <QFile>
#include <QFileInfo>
#include <QImage>
#include <QPainter>
#include <QPushButton>
#include <QTemporaryDir>
#include <QVBoxLayout>
#include <QXmlStreamReader>

#include "gui/kit/theme.hpp"
#include "gui/kit/time_panel.hpp"
#include "gui/kit/workspace.hpp"

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

// Renaming a picture over them would take them away.
TEST(Export, OnlyARegularFileIsReplaced) {
  const QTemporaryDir folder;
  const QString kept = folder.filePath(QStringLiteral("kept"));
  ASSERT_EQ(::mkfifo(QFile::encodeName(kept).constData(), 0600), 0);
  for (const char* end : {"png", "pdf", "svg"}) {
    const QString link = folder.filePath(QStringLiteral("link.") + QLatin1String(end)),
                  pipe = folder.filePath(QStringLiteral("pipe.") + QLatin1String(end));
    ASSERT_TRUE(QFile::link(kept, link));
    ASSERT_EQ(::mkfifo(QFile::encodeName(pipe).constData(), 0600), 0);
    for (const QString& file : {link, pipe}) {
      const Status exported = export_picture(red_picture(), file);
      ASSERT_FALSE(exported) << file.toStdString();
      EXPECT_NE(exported.error().message.find("not a regular file"), std::string::npos);
    }
    EXPECT_TRUE(QFileInfo(link).isSymLink());
    EXPECT_FALSE(QFileInfo(pipe).isFile());
  }
}

// As on a full disk: no file may grow here.
TEST(Export, APictureThatCannotBeWrittenIsAnErrorAndTheOldOneStays) {
  const QTemporaryDir folder;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  for (const char* end : {"png", "pdf", "svg"}) {
    const QString file = folder.filePath(QStringLiteral("a.") + QLatin1String(end));
    ASSERT_TRUE(export_picture(red_picture(), file));
    const QByteArray old = read(file);
    const rlimit most{16, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &most), 0);
    const bool exported = export_picture(red_picture(), file).has_value();
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_FALSE(exported) << end;
    EXPECT_EQ(read(file), old) << end;
  }
  ::signal(SIGXFSZ, handler);
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

TEST(Export, ImagesInAPdfAreStoredWithoutLosses) {
  const QTemporaryDir folder;
  Picture picture = red_picture();
  // A heat map: a yellow pixel in a blue neighbourhood, which JPEG turns grey.
  picture.paint = [](QPainter& painter, const QRect& area) {
    QImage image(area.width(), area.height(), QImage::Format_ARGB32_Premultiplied);
    for (int y = 0; y < image.height(); ++y) {
      for (int x = 0; x < image.width(); ++x) {
        image.setPixelColor(x, y,
                            (x * 7 + y * 3) % 5 == 0 ? QColor(254, 232, 56) : QColor(0, 34, 78));
      }
    }
    painter.drawImage(area, image);
    painter.drawImage(area, image.convertToFormat(QImage::Format_RGB32));
  };
  const QString pdf = folder.filePath(QStringLiteral("a.pdf"));
  ASSERT_TRUE(export_picture(picture, pdf));
  const QByteArray file = read(pdf);
  EXPECT_FALSE(file.contains("DCTDecode")) << "that is JPEG";
  EXPECT_TRUE(file.contains("/Subtype /Image"));
}

// Text that is wider than most pictures, and a button.
class Buttons : public Workspace {
 public:
  Buttons() : button_(new QPushButton(QStringLiteral("Start"), this)) {
    auto* column = new QVBoxLayout(this);
    column->addWidget(button_);
    auto* field = new QWidget(this);
    field->setMinimumSize(500, 400);
    column->addWidget(field);
  }
  QString name() const override { return QStringLiteral("Buttons"); }
  void showControls(bool on) override { button_->setVisible(on); }
  QPushButton* button_;
};

TEST(Export, AWorkspaceIsDrawnWithoutItsButtonsInTheSizeThatWasAsked) {
  const QTemporaryDir folder;
  const QString file = folder.filePath(QStringLiteral("a.png"));
  Buttons view;
  int drawn = 0;
  class Counter : public QObject {
   public:
    explicit Counter(int& count) : count_(count) {}
    bool eventFilter(QObject*, QEvent* event) override {
      count_ += event->type() == QEvent::Paint ? 1 : 0;
      return false;
    }
    int& count_;
  } counter(drawn);
  view.button_->installEventFilter(&counter);
  lay_out(view, {250, 150});
  EXPECT_GE(view.width(), 500);
  EXPECT_NEAR(double(view.width()) / view.height(), 250.0 / 150, 0.02);
  ASSERT_TRUE(export_view(view, {250, 150}, file));
  EXPECT_EQ(QImage(file).size(), QSize(250, 150));
  EXPECT_EQ(drawn, 0);
  EXPECT_FALSE(view.button_->isHidden()) << "on the screen they stay";
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
