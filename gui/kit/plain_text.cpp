#include "gui/kit/plain_text.hpp"

#include <QApplication>
#include <QEvent>
#include <QLabel>

namespace violet::gui {
namespace {

// A widget is polished before it is first measured or shown, and with that before its text is looked at.
class PlainText : public QObject {
 public:
  using QObject::QObject;
  bool eventFilter(QObject* object, QEvent* event) override {
    if (event->type() == QEvent::Polish) {
      auto* label = qobject_cast<QLabel*>(object);
      if (label != nullptr && label->textFormat() == Qt::AutoText) {
        label->setTextFormat(Qt::PlainText);
      }
    }
    return QObject::eventFilter(object, event);
  }
};

constexpr const char* kName = "plain text";

}  // namespace

void show_plain_text(QApplication& application) {
  if (application.findChild<QObject*>(QLatin1String(kName)) != nullptr) return;
  auto* filter = new PlainText(&application);
  filter->setObjectName(QLatin1String(kName));
  application.installEventFilter(filter);
}

}  // namespace violet::gui
