// An action table holds one row for every command. Each row becomes a QAction with its key, and
// menus, tool tips, the palette and the key sheet are made from the same rows.
//
// Threading: the main thread.
// Invariants: Ids are unique. Of two rows with the same key the front workspace's has it; the
// window's loses that key while the workspace is in front. A row that cannot act now is disabled
// wherever it is shown.
#pragma once

#include <QAction>
#include <QObject>
#include <QPointer>
#include <QTimer>
#include <vector>

#include "gui/kit/workspace.hpp"

class QMenuBar;

namespace violet::gui {

class ActionTable : public QObject {
  Q_OBJECT
 public:
  struct Entry {
    ActionRow row;
    QAction* action;
    const Workspace* owner;  // Null: the window itself.
  };

  explicit ActionTable(QWidget* window);

  void add(std::vector<ActionRow> rows, const Workspace* owner);
  // Only the window's rows and this workspace's are available.
  void setFront(const Workspace* workspace);
  // Rows that are available now, in the order of the table.
  std::vector<const Entry*> available() const;
  QAction* action(const QString& id) const;
  // Whether a row that is available now has the key, even while it cannot act.
  bool claims(const QKeySequence& key) const;
  // Asks every row whether it can and whether it is checked; soon() does it once for many changes.
  void refresh();
  void soon() { later_.start(); }
  void fillMenus(QMenuBar* bar);

  static QString keysText(const ActionRow& row);  // "W, +"

 signals:
  void frontChanged();

 private:
  void assignKeys();

  QWidget* window_;
  std::vector<Entry> entries_;
  const Workspace* front_ = nullptr;
  QTimer later_;
};

}  // namespace violet::gui
