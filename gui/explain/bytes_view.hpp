// The bytes view shows a request or fault record beside its layout: offset, name, what it says,
// and the bytes in the colour of their kind.
//
// Threading: the main thread.
// Limits: fields that do not fit are counted in a last line; the list in words has them all.
#pragma once

#include <QWidget>

#include "gui/explain/lesson_model.hpp"

namespace violet::gui {

class BytesView : public QWidget {
  Q_OBJECT
 public:
  explicit BytesView(LessonModel* model, QWidget* parent = nullptr);
  QSize minimumSizeHint() const override { return {260, 120}; }
  QSize sizeHint() const override { return {300, 300}; }

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  void refresh();
  LessonModel* model_;
};

}  // namespace violet::gui
