// The numbers view lists what the simulation has counted so far, and the costs that its clock
// assumes.
//
// Threading: the main thread.
#pragma once

#include <QWidget>

#include "experiments/lessons/numbers.hpp"
#include "gui/explain/lesson_model.hpp"

namespace violet::gui {

class NumbersView : public QWidget {
  Q_OBJECT
 public:
  explicit NumbersView(LessonModel* model, QWidget* parent = nullptr);
  QSize sizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  bool event(QEvent* event) override;

 private:
  void refresh();
  double points() const;
  double rowHeight() const;
  double headingHeight() const;
  struct Cell;
  std::vector<Cell> cells() const;

  LessonModel* model_;
};

}  // namespace violet::gui
