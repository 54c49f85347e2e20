// An elided label shows as much of one line as it has room for, with an ellipsis, and asks for no room of its
// own: a window can be narrower than what its status line would say.
//
// Threading: the main thread.
#pragma once

#include <QLabel>
#include <QPainter>

namespace violet::gui {

class ElidedLabel : public QLabel {
 public:
  using QLabel::QLabel;
  QSize minimumSizeHint() const override { return {0, QLabel::minimumSizeHint().height()}; }

 protected:
  void paintEvent(QPaintEvent*) override {
    QPainter painter(this);
    painter.setPen(palette().color(foregroundRole()));
    painter.drawText(contentsRect(), Qt::AlignLeft | Qt::AlignVCenter,
                     fontMetrics().elidedText(text(), Qt::ElideRight, contentsRect().width()));
  }
};

}  // namespace violet::gui
