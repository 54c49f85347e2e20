// The matrix delegate draws the state of a run's cell as a coloured dot and word, and its
// repetitions as a bar.
//
// Threading: the main thread.
#pragma once

#include <QStyledItemDelegate>

namespace violet::gui {

class MatrixDelegate : public QStyledItemDelegate {
  Q_OBJECT
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override;

 protected:
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override;
};

}  // namespace violet::gui
