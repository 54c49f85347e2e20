#include "gui/app/action_table.hpp"

#include <QMap>
#include <QMenu>
#include <QMenuBar>
#include <QSet>
#include <algorithm>

namespace violet::gui {

ActionTable::ActionTable(QWidget* window) : QObject(window), window_(window) {
  later_.setSingleShot(true);
  later_.setInterval(30);
  connect(&later_, &QTimer::timeout, this, &ActionTable::refresh);
}

QString ActionTable::keysText(const ActionRow& row) {
  QStringList keys;
  for (const QKeySequence& key : row.keys) keys << key.toString(QKeySequence::NativeText);
  return keys.join(QStringLiteral(", "));
}

void ActionTable::add(std::vector<ActionRow> rows, const Workspace* owner) {
  for (ActionRow& row : rows) {
    auto* action = new QAction(row.text, window_);
    action->setObjectName(row.id);
    action->setCheckable(static_cast<bool>(row.checked));
    const QString keys = keysText(row);
    action->setToolTip(keys.isEmpty() ? row.tip
                                      : row.tip + QStringLiteral("  (") + keys + QLatin1Char(')'));
    action->setStatusTip(row.tip);
    action->setShortcutContext(Qt::WindowShortcut);
    connect(action, &QAction::triggered, this, [this, run = row.run, enabled = row.enabled] {
      if (run && (!enabled || enabled())) run();
      soon();
    });
    window_->addAction(action);
    entries_.push_back({std::move(row), action, owner});
  }
  assignKeys();
}

void ActionTable::setFront(const Workspace* workspace) {
  front_ = workspace;
  assignKeys();
  refresh();
  emit frontChanged();
}

void ActionTable::assignKeys() {
  QSet<QString> taken;
  for (const bool of_workspace : {true, false}) {
    for (Entry& entry : entries_) {
      if ((entry.owner != nullptr) != of_workspace) continue;
      QList<QKeySequence> keys;
      if (entry.owner == nullptr || entry.owner == front_) {
        for (const QKeySequence& key : entry.row.keys) {
          const QString text = key.toString(QKeySequence::PortableText);
          if (taken.contains(text)) continue;
          taken.insert(text);
          keys << key;
        }
      }
      entry.action->setShortcuts(keys);
    }
  }
}

std::vector<const ActionTable::Entry*> ActionTable::available() const {
  std::vector<const Entry*> rows;
  for (const Entry& entry : entries_) {
    if (entry.owner == nullptr || entry.owner == front_) rows.push_back(&entry);
  }
  return rows;
}

QAction* ActionTable::action(const QString& id) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.row.id == id; });
  return found == entries_.end() ? nullptr : found->action;
}

bool ActionTable::claims(const QKeySequence& key) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return (entry.owner == nullptr || entry.owner == front_) && entry.row.keys.contains(key);
  });
}

void ActionTable::refresh() {
  for (Entry& entry : entries_) {
    const bool available = entry.owner == nullptr || entry.owner == front_;
    entry.action->setEnabled(available && (!entry.row.enabled || entry.row.enabled()));
    if (entry.row.checked && available) entry.action->setChecked(entry.row.checked());
  }
}

void ActionTable::fillMenus(QMenuBar* bar) {
  bar->clear();
  QMap<QString, QMenu*> menus;
  for (const Entry* entry : available()) {
    QMenu*& menu = menus[entry->row.group];
    if (menu == nullptr) {
      menu = bar->addMenu(entry->row.group);
      connect(menu, &QMenu::aboutToShow, this, &ActionTable::refresh);
    }
    menu->addAction(entry->action);
  }
}

}  // namespace violet::gui
