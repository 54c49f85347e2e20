// The message bar says under the toolbar what went wrong, until it is closed or something works
// again.
//
// Threading: the main thread.
#pragma once

#include <QWidget>

class QLabel;

namespace violet::gui {

class MessageBar : public QWidget {
  Q_OBJECT
 public:
  explicit MessageBar(QWidget* parent = nullptr);
  void say(const QString& message);  // Empty: closes.
  QString message() const;

 private:
  void colour();
  QLabel* text_;
};

}  // namespace violet::gui
