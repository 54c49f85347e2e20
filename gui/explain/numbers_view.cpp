#include "gui/explain/numbers_view.hpp"

#include <QFontMetricsF>
#include <QHelpEvent>
#include <QPainter>
#include <QToolTip>
#include <algorithm>
#include <cmath>

#include "experiments/lessons/numbers.hpp"
#include "gui/explain/ink.hpp"
#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {
namespace {

constexpr double kNumbersPad = 12;

}  // namespace

double NumbersView::points() const { return std::clamp(width() / 36.0, 8.5, 14.0); }
double NumbersView::rowHeight() const {
  return std::ceil(QFontMetricsF(number_font(points())).height()) + 2;
}
double NumbersView::headingHeight() const { return rowHeight() + 6; }

struct NumbersView::Cell {
  QRectF where;
  lessons::Number number;
  bool heading = false;
  bool changed = false;
};

NumbersView::NumbersView(LessonModel* model, QWidget* parent) : QWidget(parent), model_(model) {
  setAccessibleName(tr("Numbers"));
  setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
  connect(model_, &LessonModel::stepChanged, this, &NumbersView::refresh);
  connect(&Themes::instance(), &Themes::changed, this, qOverload<>(&QWidget::update));
  refresh();
}

QSize NumbersView::sizeHint() const {
  const double rows = std::ceil(static_cast<double>(model_->frame().numbers.size()) / 2) +
                      std::ceil(static_cast<double>(lessons::costs_of({}).size()) / 2);
  return {304, static_cast<int>(rows * rowHeight() + 2 * headingHeight() + 2 * kNumbersPad)};
}

void NumbersView::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  setFixedHeight(sizeHint().height());
}

void NumbersView::refresh() {
  QStringList words;
  for (const auto& number : model_->frame().numbers)
    words += qt(number.name) + QStringLiteral(": ") + qt(number.text);
  setAccessibleDescription(words.join(QStringLiteral("; ")));
  update();
}

// Two columns; the counts first, the assumptions below.
std::vector<NumbersView::Cell> NumbersView::cells() const {
  std::vector<Cell> all;
  const double left = kNumbersPad;
  const double column = (width() - 2 * kNumbersPad) / 2;
  double y = kNumbersPad / 2;
  const auto add = [&](const char* heading, const std::vector<lessons::Number>& numbers,
                       const std::vector<lessons::Number>* before) {
    all.push_back({QRectF(left, y, 2 * column, headingHeight()), {heading, {}, {}}, true, false});
    y += headingHeight();
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const double x = left + (i % 2 == 0 ? 0 : column + 8);
      const bool changed = before != nullptr && (*before)[i].text != numbers[i].text;
      all.push_back({QRectF(x, y, column - 8, rowHeight()), numbers[i], false, changed});
      if (i % 2 == 1 || i + 1 == numbers.size()) y += rowHeight();
    }
    y += kNumbersPad / 2;
  };
  // Each row of a score board is a run of its own.
  const bool trial = !model_->frame().snapshot.scores.empty();
  add(trial ? "Counted in the newest run, ATTACH included" : "Counted so far",
      model_->frame().numbers, &model_->frame().numbers_before);
  add("Assumed costs", lessons::costs_of(model_->frame().snapshot), nullptr);
  return all;
}

void NumbersView::paintEvent(QPaintEvent* /*event*/) {
  QPainter painter(this);
  painter.fillRect(rect(), theme().panel);
  painter.fillRect(QRectF(0, 0, width(), 1), theme().rule);
  for (const Cell& cell : cells()) {
    painter.setFont(text_font(points(), cell.heading));
    painter.setPen(cell.heading ? theme().text : theme().muted);
    painter.drawText(cell.where, Qt::AlignLeft | Qt::AlignVCenter, qt(cell.number.name));
    if (cell.heading) continue;
    const bool alarm = cell.number.name == "stale pages" && cell.number.text != "0";
    QFont font = number_font(points());
    font.setBold(cell.changed || alarm);
    painter.setFont(font);
    painter.setPen(alarm ? ink(theme().stale) : cell.changed ? theme().accent : theme().text);
    painter.drawText(cell.where, Qt::AlignRight | Qt::AlignVCenter, qt(cell.number.text));
  }
}

bool NumbersView::event(QEvent* event) {
  if (event->type() == QEvent::ToolTip) {
    const auto* help = static_cast<QHelpEvent*>(event);
    for (const Cell& cell : cells()) {
      if (cell.where.contains(help->pos())) {
        QToolTip::showText(help->globalPos(), qt(cell.number.help), this);
      }
    }
    return true;
  }
  return QWidget::event(event);
}

}  // namespace violet::gui
