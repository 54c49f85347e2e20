// A chip shows one thing that narrows the views, and removes it when it is closed.
//
// Threading: the main thread.
#pragma once

#include <QWidget>
#include <functional>

#include "gui/model/session.hpp"

class QHBoxLayout;

namespace violet::gui {

class Chips : public QWidget {
  Q_OBJECT
 public:
  explicit Chips(Session* session, QWidget* parent = nullptr);
  int count() const { return count_; }

 private:
  void rebuild();
  void add(const QString& text, std::function<void()> remove);

  Session* session_;
  QHBoxLayout* row_;
  int count_ = 0;
};

}  // namespace violet::gui
