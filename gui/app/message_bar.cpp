#include "gui/app/message_bar.hpp"

#include <QHBoxLayout>
#include <QLabel>
#include <QToolButton>

#include "gui/kit/theme.hpp"

namespace violet::gui {

MessageBar::MessageBar(QWidget* parent) : QWidget(parent), text_(new QLabel(this)) {
  setAccessibleName(tr("Message"));
  setObjectName(QStringLiteral("message"));
  setAttribute(Qt::WA_StyledBackground);
  text_->setWordWrap(true);
  text_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* close = new QToolButton(this);
  close->setText(QStringLiteral("×"));
  close->setAccessibleName(tr("Close the message"));
  connect(close, &QToolButton::clicked, this, [this] { say({}); });
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(12, 4, 8, 4);
  row->addWidget(text_, 1);
  row->addWidget(close);
  connect(&Themes::instance(), &Themes::changed, this, &MessageBar::colour);
  colour();
  hide();
}

void MessageBar::colour() {
  setStyleSheet(
      QStringLiteral("violet--gui--MessageBar { background: %1; border-bottom: 2px solid %2; }")
          .arg(theme().raised.name(), theme().bad.name()));
}

void MessageBar::say(const QString& message) {
  text_->setText(message);
  setAccessibleDescription(message);
  setVisible(!message.isEmpty());
}

QString MessageBar::message() const { return text_->text(); }

}  // namespace violet::gui
