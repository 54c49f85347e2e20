// The Explain workspace shows lessons at the left, the picture and its text in the middle, bytes
// and numbers at the right.
//
// Threading: the main thread.
#pragma once

#include "gui/kit/workspace.hpp"

class QComboBox;
class QLabel;
class QListWidget;

namespace violet::gui {

class Autoplay;
class BytesView;
class LessonModel;
class NumbersView;
class PictureView;
class Session;
class TextPanel;

class ExplainWorkspace : public Workspace {
  Q_OBJECT
 public:
  explicit ExplainWorkspace(QWidget* parent = nullptr);

  QString name() const override { return tr("Explain"); }
  std::vector<ActionRow> actions() override;
  bool settled() const override;
  void paint(QPainter& painter, const QRect& area) override;
  QString caption() const override;
  void showControls(bool on) override;

  LessonModel* model() const { return model_; }
  Autoplay* autoplay() const { return play_; }
  // Both count from 0; for pictures of a certain step.
  void goTo(int lesson, int step);

 protected:
  void resizeEvent(QResizeEvent* event) override;
  void hideEvent(QHideEvent* event) override;

 private:
  QWidget* makeList();
  QWidget* makeMiddle();
  QWidget* makeRight();
  void restyle();
  std::vector<ActionRow> stepActions();
  std::vector<ActionRow> playActions();
  std::vector<ActionRow> lessonActions();
  std::vector<ActionRow> answerActions();

  LessonModel* model_;
  Autoplay* play_;
  QWidget* side_ = nullptr;
  QWidget* right_ = nullptr;
  QListWidget* list_ = nullptr;
  QLabel* about_ = nullptr;
  QComboBox* engine_ = nullptr;
  PictureView* picture_ = nullptr;
  TextPanel* text_ = nullptr;
  BytesView* bytes_ = nullptr;
  NumbersView* numbers_ = nullptr;
};

// Lessons need no run: `session` may be null.
Workspace* make_explain(Session* session, QWidget* parent);

}  // namespace violet::gui
