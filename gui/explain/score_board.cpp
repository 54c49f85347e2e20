// The score board: a row for each way of doing the job, a column of bars for each measure.
#include <QFontMetricsF>
#include <QPainter>
#include <algorithm>

#include "gui/explain/qt_text.hpp"
#include "gui/explain/scene_paint.hpp"

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
QColor colour_of(const Score& score) {
  static constexpr const char* kStrategies[] = {"strict", "lazy", "bounce", "optimistic", "direct"};
  for (const char* strategy : kStrategies) {
    if (score.name.find(strategy) != std::string::npos) {
      return theme().of_strategy(QString::fromLatin1(strategy));
    }
  }
  return theme().muted;
}

struct Grid {
  QRectF inside;
  double name_width;
  double column_width;
  double row_height;
  QFont head, name, number;

  QRectF cell(std::size_t row, std::size_t column) const {
    return {inside.left() + name_width + static_cast<double>(column) * column_width,
            inside.top() + (static_cast<double>(row) + 1) * row_height, column_width - kBoardPad,
            row_height};
  }
};

Grid grid_of(const QRectF& area, const std::vector<Score>& scores) {
  Grid grid;
  grid.inside = area.adjusted(kBoardPad, kBoardPad / 2, 0, -kBoardPad / 2);
  const auto rows = static_cast<double>(scores.size()) + 1;
  grid.row_height = std::min(grid.inside.height() / rows, area.width() / 16);
  const double points = std::clamp(std::min(grid.row_height / 3.0, area.width() / 78), 7.5, 20.0);
  grid.head = text_font(points - 0.5);
  grid.name = text_font(points, true);
  grid.number = number_font(points);
  double widest = 0;
  for (const Score& score : scores) {
    widest = std::max(widest, QFontMetricsF(grid.name).horizontalAdvance(qt(score.name)));
  }
  grid.name_width = widest + 2 * kBoardPad;
  grid.column_width =
      (grid.inside.width() - grid.name_width) / static_cast<double>(scores[0].measures.size());
  return grid;
}

void draw_measure(QPainter& painter, const QRectF& cell, const Measure& measure, double most,
                  const QColor& colour, const Grid& grid) {
  const double number_width =
      QFontMetricsF(grid.number).horizontalAdvance(QStringLiteral("00.00 ms")) + 6;
  const double room = std::max(cell.width() - number_width, 8.0);
  const double length = most > 0 ? room * measure.value / most : 0;
  const double height = cell.height() * 0.5;
  const double shown = measure.value > 0 ? std::max(length, 2.0) : 0;
  const QRectF bar(cell.left(), cell.center().y() - height / 2, shown, height);
  if (shown > 0) painter.fillRect(bar, colour);
  painter.setFont(grid.number);
  painter.setPen(theme().text);
  painter.drawText(
      QRectF(bar.right() + (shown > 0 ? 6 : 0), cell.top(), number_width, cell.height()),
      Qt::AlignLeft | Qt::AlignVCenter, qt(measure.text));
}

}  // namespace

void paint_scores(QPainter& painter, const QRectF& area, const std::vector<Score>& scores) {
  painter.setPen(QPen(theme().rule, 1));
  painter.setBrush(theme().panel);
  painter.drawRoundedRect(area, 4, 4);
  const Grid grid = grid_of(area, scores);
  const auto& measures = scores[0].measures;
  for (std::size_t column = 0; column < measures.size(); ++column) {
    const QRectF head = grid.cell(0, column).translated(0, -grid.row_height);
    painter.setFont(grid.head);
    painter.setPen(theme().muted);
    painter.drawText(head, Qt::AlignLeft | Qt::AlignVCenter, qt(measures[column].name));
  }
  for (std::size_t row = 0; row < scores.size(); ++row) {
    const bool newest = row + 1 == scores.size();
    QRectF name = grid.cell(row, 0);
    name.setLeft(grid.inside.left());
    name.setWidth(grid.name_width);
    painter.setFont(grid.name);
    painter.setPen(newest ? theme().accent : theme().text);
    painter.drawText(name, Qt::AlignLeft | Qt::AlignVCenter, qt(scores[row].name));
    for (std::size_t column = 0; column < measures.size(); ++column) {
      const bool exposure = scores[row].measures[column].name == "longest exposure";
      const QColor colour = exposure ? theme().stale : colour_of(scores[row]);
      draw_measure(painter, grid.cell(row, column), scores[row].measures[column],
                   largest(scores, column), colour, grid);
    }
  }
}

}  // namespace violet::gui
