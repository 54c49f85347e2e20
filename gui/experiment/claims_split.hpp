// A claims split has the cells of a run above what its plan expects of them; the lower part is there only where it
// expects something.
//
// Threading: the main thread.
// Invariants: until somebody moves the line between them, the claims have the height that they need, at most two fifths
// of all, and while a run goes on they grow but do not shrink.
#pragma once

#include <QSplitter>

class QLabel;

namespace violet::gui {

class ClaimsTable;
class ClaimsView;

class ClaimsSplit : public QSplitter {
  Q_OBJECT
 public:
  ClaimsSplit(QWidget* cells, ClaimsTable* claims, QWidget* parent = nullptr);

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  void refresh(bool others);
  void share();

  ClaimsTable* claims_;
  QWidget* lower_;
  QLabel* heading_;
  ClaimsView* view_;
  int wanted_ = 0;
  bool by_hand_ = false;
};

}  // namespace violet::gui
