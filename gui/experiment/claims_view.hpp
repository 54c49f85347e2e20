// A claims view shows what a run's plan expects: texts are wrapped and not cut, verdicts have a coloured dot beside their
// word, and Ctrl+C copies the chosen rows with their evidence.
//
// Threading: the main thread.
#pragma once

#include <QTableView>

#include "gui/experiment/claims_table.hpp"

namespace violet::gui {

class ClaimsView : public QTableView {
  Q_OBJECT
 public:
  explicit ClaimsView(ClaimsTable* claims, QWidget* parent = nullptr);
  // With which no row has to be scrolled to.
  int wholeHeight() const;

 signals:
  // Rows have the height of their words.
  void fitted();

 protected:
  void keyPressEvent(QKeyEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;

 private:
  int roomForColumns() const;
  void fit();
  void fitColumns(int width);
  ClaimsTable* claims_;
  int fitted_width_ = 0;
};

}  // namespace violet::gui
