// The palette finds an enabled action by parts of its name; Enter runs it.
//
// Threading: the main thread.
#pragma once

#include <QDialog>

class QLineEdit;
class QListWidget;

namespace violet::gui {

class ActionTable;

class Palette : public QDialog {
  Q_OBJECT
 public:
  explicit Palette(ActionTable& table, QWidget* parent);

  // Whether every word of `typed` occurs in `text`, in any order.
  static bool fits(const QString& text, const QString& typed);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void fill(const QString& typed);
  void run();

  ActionTable& table_;
  QLineEdit* line_;
  QListWidget* list_;
};

}  // namespace violet::gui
