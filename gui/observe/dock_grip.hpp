// A dock grip is a thin line to grab in place of a dock's title bar: the panel draws its own
// title, so that a second one would only cost height.
//
// Threading: the main thread.
#pragma once

#include <QDockWidget>
#include <QPainter>

#include "gui/kit/theme.hpp"

namespace violet::gui {

class DockGrip : public QWidget {
 public:
  explicit DockGrip(QDockWidget* dock) : QWidget(dock) {
    setFixedHeight(6);
    setCursor(Qt::SizeAllCursor);
    setToolTip(QObject::tr("Drag to move %1; double click to float it").arg(dock->windowTitle()));
    setAccessibleName(QObject::tr("Grip of %1").arg(dock->windowTitle()));
  }
  QSize sizeHint() const override { return {40, 6}; }
  QSize minimumSizeHint() const override { return {16, 6}; }

 protected:
  void paintEvent(QPaintEvent*) override {
    QPainter painter(this);
    painter.fillRect(rect(), theme().panel);
    for (int i = -2; i <= 2; ++i) painter.fillRect(width() / 2 + i * 6, 2, 2, 2, theme().disabled);
  }
};

}  // namespace violet::gui
