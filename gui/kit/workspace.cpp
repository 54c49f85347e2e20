#include "gui/kit/workspace.hpp"

#include <QLayout>
#include <QPainter>
#include <algorithm>
#include <cmath>

namespace violet::gui {

void lay_out(QWidget& view, QSize wanted) {
  // A larger size may ask for larger parts once more.
  for (int turn = 0; turn < 4; ++turn) {
    view.resize(wanted);
    if (view.layout() != nullptr) view.layout()->activate();
    const QSize least = view.minimumSizeHint().expandedTo(view.minimumSize());
    const double more = std::max(double(least.width()) / std::max(1, wanted.width()),
                                 double(least.height()) / std::max(1, wanted.height()));
    if (more <= 1) return;
    wanted = {static_cast<int>(std::ceil(wanted.width() * more)),
              static_cast<int>(std::ceil(wanted.height() * more))};
  }
}

void Workspace::paint(QPainter& painter, const QRect& area) {
  if (width() <= 0 || height() <= 0) return;
  painter.save();
  painter.translate(area.topLeft());
  painter.scale(double(area.width()) / width(), double(area.height()) / height());
  render(&painter, QPoint(), QRegion(), DrawWindowBackground | DrawChildren);
  painter.restore();
}

}  // namespace violet::gui
