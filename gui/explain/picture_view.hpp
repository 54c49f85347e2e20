// The picture view draws the step of a lesson, and moves what travels in it.
//
// Threading: the main thread.
// Invariants: moving() is false whenever nothing will change without a new step, so that a picture
// taken then is complete. Nothing moves where motion is off, or while the widget cannot be seen.
#pragma once

#include <QElapsedTimer>
#include <QTimer>
#include <QWidget>
#include <optional>

#include "gui/explain/lesson_model.hpp"
#include "gui/explain/scene_paint.hpp"

namespace violet::gui {

class PictureView : public QWidget {
  Q_OBJECT
 public:
  explicit PictureView(LessonModel* model, QWidget* parent = nullptr);

  bool moving() const { return clock_.isActive(); }
  bool motion() const { return motion_; }
  // Off also where the platform wants no animations.
  void setMotion(bool on);
  // Ends a motion that is under way: everything has arrived.
  void arrive();

  // Where the boxes are drawn.
  QRectF area() const;

  QSize sizeHint() const override { return {800, 420}; }
  QSize minimumSizeHint() const override { return {560, 260}; }

 protected:
  void paintEvent(QPaintEvent* event) override;
  bool event(QEvent* event) override;

 private:
  void start(bool forward);
  void tick();
  std::optional<Travel> travel() const;
  // Of one thing, on its way: shorter where many travel.
  double milliseconds() const;
  QString tipAt(QPointF at) const;

  LessonModel* model_;
  QTimer clock_;
  QElapsedTimer since_;
  bool motion_ = true;
};

}  // namespace violet::gui
