// Autoplay steps through a lesson by itself: a step, time to read it, the next. A question stops
// it until it is answered.
//
// Threading: the main thread.
// Invariants: Playing ends at the last step, and with every step that is not the next one.
#pragma once

#include <QObject>
#include <QTimer>

#include "gui/explain/lesson_model.hpp"

namespace violet::gui {

class Autoplay : public QObject {
  Q_OBJECT
 public:
  explicit Autoplay(LessonModel* model, QObject* parent = nullptr);

  bool playing() const { return playing_; }
  // For an answer.
  bool waits() const { return playing_ && model_->asks(); }

 public slots:
  // Starts with the next step, or with the first when the lesson is over. While a question waits it
  // goes on without an answer; otherwise it stops.
  void toggle();
  void stop();

 signals:
  void changed();

 private:
  void follow(bool forward);
  void schedule();
  int readingTime() const;  // Milliseconds.

  LessonModel* model_;
  QTimer clock_;
  bool playing_ = false;
};

}  // namespace violet::gui
