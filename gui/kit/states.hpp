// A state page stands in for a view that has nothing to plot: what to do next with a button,
// progress after 200 ms, or what went wrong, where, and what still works.
//
// Threading: the main thread.
#pragma once

#include <QString>
#include <QWidget>
#include <functional>

class QLabel;
class QProgressBar;
class QPushButton;

namespace violet::gui {

class StatePage : public QWidget {
  Q_OBJECT
 public:
  explicit StatePage(QWidget* parent = nullptr);

  void showEmpty(const QString& title, const QString& advice, const QString& button = {},
                 std::function<void()> action = {});
  void showLoading(const QString& what, double share);  // share < 0: unknown.
  void showError(const QString& what, const QString& where, const QString& still_works,
                 const QString& button = {}, std::function<void()> action = {});

 private:
  void show(const QString& title, const QString& text, const QString& button);
  QLabel* title_;
  QLabel* text_;
  QProgressBar* bar_;
  QPushButton* button_;
  std::function<void()> action_;
};

}  // namespace violet::gui
