// The key sheet (`?`) lists every key that works now, by group, made from the action table.
//
// Threading: the main thread.
#pragma once

#include <QDialog>

namespace violet::gui {

class ActionTable;

class KeySheet : public QDialog {
  Q_OBJECT
 public:
  KeySheet(const ActionTable& table, QWidget* parent);
};

}  // namespace violet::gui
