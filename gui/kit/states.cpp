#include "gui/kit/states.hpp"

#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QVBoxLayout>

#include "gui/kit/theme.hpp"

namespace violet::gui {

namespace {
QLabel* centred_label(QWidget* parent, const QFont& font) {
  auto* label = new QLabel(parent);
  label->setFont(font);
  label->setAlignment(Qt::AlignCenter);
  label->setWordWrap(true);
  label->setTextInteractionFlags(Qt::TextSelectableByMouse);
  return label;
}
}  // namespace

StatePage::StatePage(QWidget* parent)
    : QWidget(parent),
      title_(centred_label(this, text_font(13, true))),
      text_(centred_label(this, text_font(10))),
      bar_(new QProgressBar(this)),
      button_(new QPushButton(this)) {
  setAccessibleName(tr("State of the view"));
  bar_->setTextVisible(false);
  bar_->setFixedWidth(240);
  bar_->setAccessibleName(tr("Progress"));
  button_->setDefault(true);
  connect(button_, &QPushButton::clicked, this, [this] {
    if (action_) action_();
  });
  auto* column = new QVBoxLayout(this);
  column->setSpacing(12);
  column->setContentsMargins(24, 24, 24, 24);
  column->addStretch(2);
  column->addWidget(title_);
  column->addWidget(text_);
  column->addWidget(bar_, 0, Qt::AlignHCenter);
  column->addWidget(button_, 0, Qt::AlignHCenter);
  column->addStretch(3);
  show({}, {}, {});
}

void StatePage::showEmpty(const QString& title, const QString& advice, const QString& button,
                          std::function<void()> action) {
  action_ = std::move(action);
  show(title, advice, button);
}

void StatePage::showLoading(const QString& what, double share) {
  action_ = {};
  show(what, {}, {});
  bar_->setRange(0, share < 0 ? 0 : 1000);
  bar_->setValue(static_cast<int>(share * 1000));
  bar_->setVisible(true);
}

void StatePage::showError(const QString& what, const QString& where, const QString& still_works,
                          const QString& button, std::function<void()> action) {
  action_ = std::move(action);
  QStringList lines;
  if (!where.isEmpty()) lines << where;
  if (!still_works.isEmpty()) lines << still_works;
  show(what, lines.join(QStringLiteral("\n\n")), button);
}

void StatePage::show(const QString& title, const QString& text, const QString& button) {
  title_->setText(title);
  text_->setText(text);
  text_->setVisible(!text.isEmpty());
  bar_->setVisible(false);
  button_->setText(button);
  button_->setVisible(!button.isEmpty());
}

}  // namespace violet::gui
