// A facts table shows facts in two quiet columns: name and value; the exact number on hover;
// copied with Ctrl+C.
//
// Threading: the main thread.
#pragma once

#include <QTableView>

#include "gui/observe/facts.hpp"

namespace violet::gui {

class FactsTable : public QTableView {
  Q_OBJECT
 public:
  explicit FactsTable(const QString& name, QWidget* parent = nullptr);
  void setFacts(Facts facts);
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override { return {120, 40}; }

 protected:
  void keyPressEvent(QKeyEvent* event) override;

 private:
  FactsModel model_;
};

}  // namespace violet::gui
