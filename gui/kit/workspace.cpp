#include "gui/kit/workspace.hpp"

#include <QPainter>

namespace violet::gui {

void Workspace::paint(QPainter& painter, const QRect& area) {
  if (width() <= 0 || height() <= 0) return;
  painter.save();
  painter.translate(area.topLeft());
  painter.scale(double(area.width()) / width(), double(area.height()) / height());
  render(&painter, QPoint(), QRegion(), DrawWindowBackground | DrawChildren);
  painter.restore();
}

}  // namespace violet::gui
