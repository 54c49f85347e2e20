#include "gui/explain/autoplay.hpp"

#include <algorithm>

namespace violet::gui {

Autoplay::Autoplay(LessonModel* model, QObject* parent) : QObject(parent), model_(model) {
  clock_.setSingleShot(true);
  connect(&clock_, &QTimer::timeout, model_, &LessonModel::next);
  connect(model_, &LessonModel::stepChanged, this, &Autoplay::follow);
}

void Autoplay::toggle() {
  if (waits()) return model_->next();
  if (playing_) return stop();
  const bool again = model_->atEnd();
  if (again) model_->setStep(0);
  playing_ = true;
  if (again || model_->asks()) {
    schedule();
  } else {
    model_->next();
  }
}

void Autoplay::stop() {
  clock_.stop();
  if (!playing_) return;
  playing_ = false;
  emit changed();
}

void Autoplay::follow(bool forward) {
  if (!playing_) return;
  if (!forward || model_->atEnd()) return stop();
  schedule();
}

void Autoplay::schedule() {
  clock_.stop();
  if (!model_->asks()) clock_.start(readingTime());
  emit changed();
}

// Some 20 letters a second, after a moment for the picture.
int Autoplay::readingTime() const {
  constexpr int kLook = 1800;
  constexpr int kLetter = 50;
  constexpr int kLeast = 3000;
  constexpr int kMost = 15000;
  return std::clamp(kLook + kLetter * static_cast<int>(model_->text().size()), kLeast, kMost);
}

}  // namespace violet::gui
