#include "gui/explain/score_board.hpp"

#include <QFontMetricsF>
#include <QPainter>
#include <algorithm>

#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {
namespace {

using lessons::Measure;
using lessons::Score;

constexpr double kBoardPad = 10;

double largest(const std::vector<Score>& scores, std::size_t measure) {
  double most = 0;
  for (const Score& score : scores) most = std::max(most, score.measures[measure].value);
  return most;
}

// A strategy has its colour everywhere.
QColor colour_of(const Score& score) { return theme().of_strategy(qt(score.strategy)); }

struct Board {
  QRectF inside;
  double name_width;
  double column_width;
  double row_height;
  QFont head, name, number;

  QRectF slot(std::size_t row, std::size_t column) const {
    return {inside.left() + name_width + static_cast<double>(column) * column_width,
            inside.top() + (static_cast<double>(row) + 1) * row_height, column_width - kBoardPad,
            row_height};
  }
};

Board board_of(const QRectF& area, const std::vector<Score>& scores) {
  Board board;
  board.inside = area.adjusted(kBoardPad, kBoardPad / 2, 0, -kBoardPad / 2);
  const auto rows = static_cast<double>(scores.size()) + 1;
  board.row_height = std::min(board.inside.height() / rows, area.width() / 16);
  const double points = std::clamp(std::min(board.row_height / 3.0, area.width() / 78), 7.5, 20.0);
  board.head = text_font(points - 0.5);
  board.name = text_font(points, true);
  board.number = number_font(points);
  double widest = 0;
  for (const Score& score : scores) {
    widest = std::max(widest, QFontMetricsF(board.name).horizontalAdvance(qt(score.name)));
  }
  board.name_width = widest + 2 * kBoardPad;
  board.column_width =
      (board.inside.width() - board.name_width) / static_cast<double>(scores[0].measures.size());
  return board;
}

void draw_measure(QPainter& painter, const QRectF& slot, const Measure& measure, double most,
                  const QColor& colour, const Board& board) {
  const double number_width =
      QFontMetricsF(board.number).horizontalAdvance(QStringLiteral("00.00 ms")) + 6;
  const double room = std::max(slot.width() - number_width, 8.0);
  const double length = most > 0 ? room * measure.value / most : 0;
  const double height = slot.height() * 0.5;
  const double shown = measure.value > 0 ? std::max(length, 2.0) : 0;
  const QRectF bar(slot.left(), slot.center().y() - height / 2, shown, height);
  if (shown > 0) painter.fillRect(bar, colour);
  painter.setFont(board.number);
  painter.setPen(theme().text);
  painter.drawText(
      QRectF(bar.right() + (shown > 0 ? 6 : 0), slot.top(), number_width, slot.height()),
      Qt::AlignLeft | Qt::AlignVCenter, qt(measure.text));
}

}  // namespace

void paint_scores(QPainter& painter, const QRectF& area, const std::vector<Score>& scores) {
  painter.setPen(QPen(theme().rule, 1));
  painter.setBrush(theme().panel);
  painter.drawRoundedRect(area, 4, 4);
  const Board board = board_of(area, scores);
  const auto& measures = scores[0].measures;
  for (std::size_t column = 0; column < measures.size(); ++column) {
    const QRectF head = board.slot(0, column).translated(0, -board.row_height);
    painter.setFont(board.head);
    painter.setPen(theme().muted);
    painter.drawText(head, Qt::AlignLeft | Qt::AlignVCenter, qt(measures[column].name));
  }
  for (std::size_t row = 0; row < scores.size(); ++row) {
    const bool newest = row + 1 == scores.size();
    QRectF name = board.slot(row, 0);
    name.setLeft(board.inside.left());
    name.setWidth(board.name_width);
    painter.setFont(board.name);
    painter.setPen(newest ? theme().accent : theme().text);
    painter.drawText(name, Qt::AlignLeft | Qt::AlignVCenter, qt(scores[row].name));
    for (std::size_t column = 0; column < measures.size(); ++column) {
      const bool exposure = scores[row].measures[column].name == "longest exposure";
      const QColor colour = exposure ? theme().stale : colour_of(scores[row]);
      draw_measure(painter, board.slot(row, column), scores[row].measures[column],
                   largest(scores, column), colour, board);
    }
  }
}

}  // namespace violet::gui
