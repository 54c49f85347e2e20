#include "gui/experiment/matrix_delegate.hpp"

#include <QPainter>

#include "gui/experiment/run_matrix.hpp"
#include "gui/kit/theme.hpp"

namespace violet::gui {
namespace {

QColor colourOf(RunMatrix::CellState state) {
  switch (state) {
    case RunMatrix::CellState::kRunning:
      return theme().accent;
    case RunMatrix::CellState::kDone:
      return theme().good;
    case RunMatrix::CellState::kFailed:
      return theme().bad;
    default:
      return theme().muted;
  }
}

}  // namespace

void MatrixDelegate::initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const {
  QStyledItemDelegate::initStyleOption(option, index);
  const bool number = index.column() >= RunMatrix::kDone && index.column() < RunMatrix::kMoreAxes;
  if (number) option->font = number_font(9);
  if (index.column() == RunMatrix::kState) option->text = QStringLiteral("    ") + option->text;
}

void MatrixDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                           const QModelIndex& index) const {
  QStyledItemDelegate::paint(painter, option, index);
  const auto state = static_cast<RunMatrix::CellState>(index.data(RunMatrix::kStateRole).toInt());
  painter->save();
  painter->setRenderHint(QPainter::Antialiasing);
  if (index.column() == RunMatrix::kState) {
    const QPointF at(option.rect.left() + 10, option.rect.center().y() + 0.5);
    painter->setPen(QPen(colourOf(state), 1.4));
    const bool open = state == RunMatrix::CellState::kPlanned;
    painter->setBrush(open ? QBrush(Qt::NoBrush) : QBrush(colourOf(state)));
    painter->drawEllipse(at, 3.5, 3.5);
  } else if (index.column() == RunMatrix::kDone) {
    const double share = index.data(RunMatrix::kShareRole).toDouble();
    const QRectF track = QRectF(option.rect).adjusted(6, option.rect.height() - 4, -4, -2);
    painter->fillRect(track, theme().raised);
    painter->fillRect(QRectF(track.left(), track.top(), track.width() * share, track.height()),
                      colourOf(state));
  }
  painter->restore();
}

}  // namespace violet::gui
