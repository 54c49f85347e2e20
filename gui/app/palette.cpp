#include "gui/app/palette.hpp"

#include <QKeyEvent>
#include <QLineEdit>
#include <QListWidget>
#include <QPainter>
#include <QStyledItemDelegate>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/app/action_table.hpp"
#include "gui/kit/theme.hpp"

namespace violet::gui {

namespace {

constexpr int kKeysRole = Qt::UserRole + 1, kGroupRole = Qt::UserRole + 2;

// Name at the left, group muted behind it, keys at the right.
class RowDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  QSize sizeHint(const QStyleOptionViewItem&, const QModelIndex&) const override {
    return {200, 26};
  }
  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override {
    const Theme& t = theme();
    const bool on = option.state.testFlag(QStyle::State_Selected);
    if (on) painter->fillRect(option.rect, t.accent);
    const QRect row = option.rect.adjusted(10, 0, -10, 0);
    painter->setFont(text_font(10));
    painter->setPen(on ? t.accent_text : t.text);
    const QString name = index.data(Qt::DisplayRole).toString();
    painter->drawText(row, Qt::AlignLeft | Qt::AlignVCenter, name);
    const int after = painter->fontMetrics().horizontalAdvance(name) + 12;
    painter->setFont(text_font(8.5));
    painter->setPen(on ? t.accent_text : t.muted);
    painter->drawText(row.adjusted(after, 1, 0, 0), Qt::AlignLeft | Qt::AlignVCenter,
                      index.data(kGroupRole).toString());
    painter->setFont(number_font(8.5));
    painter->drawText(row, Qt::AlignRight | Qt::AlignVCenter, index.data(kKeysRole).toString());
  }
};

}  // namespace

Palette::Palette(ActionTable& table, QWidget* parent)
    : QDialog(parent), table_(table), line_(new QLineEdit(this)), list_(new QListWidget(this)) {
  setWindowTitle(tr("Command"));
  setAccessibleName(tr("Commands"));
  setAttribute(Qt::WA_DeleteOnClose);
  setModal(true);
  line_->setPlaceholderText(tr("Type a command"));
  line_->setAccessibleName(tr("Command"));
  line_->setFont(text_font(11));
  line_->installEventFilter(this);
  list_->setAccessibleName(tr("Commands that fit"));
  list_->setItemDelegate(new RowDelegate(list_));
  list_->setUniformItemSizes(true);
  list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(8, 8, 8, 8);
  column->setSpacing(6);
  column->addWidget(line_);
  column->addWidget(list_);
  const QSize size = parent != nullptr ? parent->size() : QSize(1280, 720);
  resize(std::min(620, size.width() - 40), std::min(440, size.height() - 80));
  connect(line_, &QLineEdit::textChanged, this, &Palette::fill);
  connect(line_, &QLineEdit::returnPressed, this, &Palette::run);
  connect(list_, &QListWidget::itemClicked, this, &Palette::run);
  fill({});
}

bool Palette::fits(const QString& text, const QString& typed) {
  const QStringList words = typed.split(QLatin1Char(' '), Qt::SkipEmptyParts);
  return std::all_of(words.begin(), words.end(),
                     [&](const QString& word) { return text.contains(word, Qt::CaseInsensitive); });
}

void Palette::fill(const QString& typed) {
  table_.refresh();
  list_->clear();
  for (const ActionTable::Entry* entry : table_.available()) {
    const ActionRow& row = entry->row;
    if (!entry->action->isEnabled()) continue;
    if (!fits(row.text + QLatin1Char(' ') + row.group + QLatin1Char(' ') + row.tip, typed))
      continue;
    auto* item = new QListWidgetItem(row.text, list_);
    item->setData(Qt::UserRole, row.id);
    item->setData(kKeysRole, ActionTable::keysText(row));
    item->setData(kGroupRole, row.group);
    item->setToolTip(row.tip);
  }
  list_->setCurrentRow(0);
}

void Palette::run() {
  const QListWidgetItem* item = list_->currentItem();
  QAction* action = item != nullptr ? table_.action(item->data(Qt::UserRole).toString()) : nullptr;
  close();
  if (action != nullptr) action->trigger();
}

// The arrows move in the list while the line keeps the focus.
bool Palette::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() != QEvent::KeyPress) return QDialog::eventFilter(watched, event);
  const int key = static_cast<QKeyEvent*>(event)->key();
  const int page = std::max(1, list_->height() / 26 - 1);
  const int by = key == Qt::Key_Down       ? 1
                 : key == Qt::Key_Up       ? -1
                 : key == Qt::Key_PageDown ? page
                 : key == Qt::Key_PageUp   ? -page
                                           : 0;
  if (by == 0 || list_->count() == 0) return QDialog::eventFilter(watched, event);
  list_->setCurrentRow(std::clamp(list_->currentRow() + by, 0, list_->count() - 1));
  return true;
}

}  // namespace violet::gui
