// The text panel shows what the step says, the question before the next one with its answers, and
// where in the lesson one is.
//
// Threading: the main thread.
// Invariants: Keys and buttons do the same. The answer that was right is named once the step has
// run.
#pragma once

#include <QWidget>
#include <vector>

#include "gui/explain/autoplay.hpp"
#include "gui/explain/lesson_model.hpp"

class QHBoxLayout;
class QLabel;
class QPushButton;

namespace violet::gui {

// A dot a step; a click goes there.
class StepDots : public QWidget {
  Q_OBJECT
 public:
  explicit StepDots(LessonModel* model, QWidget* parent = nullptr);
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override { return sizeHint(); }

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;

 private:
  QRectF dot(int step) const;
  LessonModel* model_;
};

class TextPanel : public QWidget {
  Q_OBJECT
 public:
  TextPanel(LessonModel* model, Autoplay* play, QWidget* parent = nullptr);
  // Without buttons: the answers to a question are then a line of text.
  void showControls(bool on);

 signals:
  void wantsPlan(const QString& plan);

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  static constexpr int kMostChoices = 3;
  void refresh();
  void restyle();
  void fit();
  double points() const;
  double buttonPoints() const;
  void showQuestion();
  void showPlay();
  QHBoxLayout* makeAnswers();
  QHBoxLayout* makeNavigation();

  LessonModel* model_;
  Autoplay* autoplay_;
  bool controls_ = true;
  QLabel* title_;
  QLabel* verdict_;
  QLabel* text_;
  QLabel* question_;
  std::vector<QPushButton*> answers_;
  QPushButton* back_;
  QPushButton* next_;
  QPushButton* play_;
  QPushButton* try_;
  StepDots* dots_;
  QLabel* count_;
};

}  // namespace violet::gui
