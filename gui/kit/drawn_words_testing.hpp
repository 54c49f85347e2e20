// The words that a widget draws, and where: what a reader of its picture reads.
//
// Threading: tests only.
#pragma once

#include <gtest/gtest.h>

#include <QFile>
#include <QPointF>
#include <QTemporaryDir>
#include <QWidget>
#include <QXmlStreamReader>
#include <vector>

#include "gui/kit/export_view.hpp"

namespace violet::gui {

struct DrawnWords {
  QString text;
  QPointF at;  // The left end of the line on which they stand; of words that are not turned.
};

inline std::vector<DrawnWords> drawn_words(QWidget& view) {
  const QTemporaryDir folder;
  const QString name = folder.filePath(QStringLiteral("a.svg"));
  EXPECT_TRUE(export_view(view, view.size(), QString(), name));
  QFile file(name);
  EXPECT_TRUE(file.open(QIODevice::ReadOnly));
  QXmlStreamReader xml(&file);
  std::vector<DrawnWords> words;
  while (!xml.atEnd()) {
    if (xml.readNext() != QXmlStreamReader::StartElement) continue;
    if (xml.name() != QLatin1String("text")) continue;
    const QPointF at(xml.attributes().value(QLatin1String("x")).toDouble(),
                     xml.attributes().value(QLatin1String("y")).toDouble());
    words.push_back({xml.readElementText().trimmed(), at});
  }
  EXPECT_FALSE(xml.hasError()) << xml.errorString().toStdString();
  return words;
}

}  // namespace violet::gui
