#include "gui/experiment/claims_view.hpp"

#include <QClipboard>
#include <QGuiApplication>
#include <QHeaderView>
#include <QKeyEvent>
#include <QPainter>
#include <QScrollBar>
#include <QStyle>
#include <QStyledItemDelegate>
#include <algorithm>

#include "gui/kit/theme.hpp"

namespace violet::gui {
namespace {

using results::Fulfilment;

constexpr int kPadding = 4;   // Above and below the words of a row.
constexpr int kDotRoom = 20;  // Left of a verdict's word.
constexpr int kAroundWord = 12;

QColor verdictColour(Fulfilment verdict) {
  switch (verdict) {
    case Fulfilment::kHolds:
      return theme().good;
    case Fulfilment::kFails:
      return theme().bad;
    default:
      return theme().muted;
  }
}

class ClaimDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override {
    QStyleOptionViewItem whole = option;
    initStyleOption(&whole, index);
    const QStyle* style = option.widget->style();
    style->drawPrimitive(QStyle::PE_PanelItemViewItem, &whole, painter, option.widget);
    QStyleOptionViewItem words = option;
    const bool verdict = index.column() == ClaimsTable::kVerdict;
    words.rect.adjust(verdict ? kDotRoom - 4 : 0, kPadding, 0, -kPadding);
    QStyledItemDelegate::paint(painter, words, index);
    painter->save();
    painter->setPen(QPen(theme().grid, 1));
    painter->drawLine(option.rect.bottomLeft(), option.rect.bottomRight());
    if (verdict) paintDot(*painter, option, verdictOf(index));
    painter->restore();
  }

  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    return QStyledItemDelegate::sizeHint(option, index) + QSize(0, 2 * kPadding);
  }

 protected:
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override {
    QStyledItemDelegate::initStyleOption(option, index);
    if (option->state & QStyle::State_Selected) return;
    if (index.column() == ClaimsTable::kVerdict) {
      option->palette.setColor(QPalette::Text, verdictColour(verdictOf(index)));
    } else if (index.column() == ClaimsTable::kClass) {
      option->palette.setColor(QPalette::Text, theme().muted);
    }
  }

 private:
  static Fulfilment verdictOf(const QModelIndex& index) {
    return static_cast<Fulfilment>(index.data(ClaimsTable::kVerdictRole).toInt());
  }
  // Of the first line's height.
  static void paintDot(QPainter& painter, const QStyleOptionViewItem& option, Fulfilment verdict) {
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(verdictColour(verdict), 1.4));
    const bool open = verdict == Fulfilment::kNotJudged;
    painter.setBrush(open ? QBrush(Qt::NoBrush) : QBrush(verdictColour(verdict)));
    painter.drawEllipse(
        QPointF(option.rect.left() + 10,
                option.rect.top() + kPadding + option.fontMetrics.height() / 2.0 + 0.5),
        3.5, 3.5);
  }
};

}  // namespace

ClaimsView::ClaimsView(ClaimsTable* claims, QWidget* parent) : QTableView(parent), claims_(claims) {
  setAccessibleName(tr("Expectations"));
  setModel(claims);
  setItemDelegate(new ClaimDelegate(this));
  setSelectionBehavior(SelectRows);
  setEditTriggers(NoEditTriggers);
  setShowGrid(false);
  setWordWrap(true);
  setTabKeyNavigation(false);
  setVerticalScrollMode(ScrollPerPixel);
  setHorizontalScrollMode(ScrollPerPixel);
  verticalHeader()->hide();
  horizontalHeader()->setHighlightSections(false);
  horizontalHeader()->setMinimumSectionSize(50);
  connect(claims, &QAbstractItemModel::modelReset, this, &ClaimsView::fit);
  connect(claims, &QAbstractItemModel::dataChanged, this, &ClaimsView::fit);
}

// With room for the scroll bar, there or not: its coming moves nothing.
int ClaimsView::roomForColumns() const {
  return width() - 2 * frameWidth() - verticalScrollBar()->sizeHint().width();
}

void ClaimsView::fit() {
  fitted_width_ = roomForColumns();
  fitColumns(fitted_width_);
  resizeRowsToContents();
  emit fitted();
}

// Verdict and class are as wide as their words, the sentences share the rest.
void ClaimsView::fitColumns(int width) {
  const QFontMetrics metrics(font());
  const auto wordWidth = [&](const char* word) {
    return metrics.horizontalAdvance(QLatin1String(word)) + kAroundWord;
  };
  setColumnWidth(ClaimsTable::kVerdict, kDotRoom + wordWidth("inconclusive"));
  setColumnWidth(ClaimsTable::kClass, wordWidth("should") + 8);
  const int rest = width - columnWidth(ClaimsTable::kVerdict) - columnWidth(ClaimsTable::kClass);
  const int claim = std::max(110, rest * 27 / 100), expected = std::max(160, rest * 32 / 100);
  setColumnWidth(ClaimsTable::kClaim, claim);
  setColumnWidth(ClaimsTable::kExpected, expected);
  setColumnWidth(ClaimsTable::kMeasured, std::max(140, rest - claim - expected));
}

int ClaimsView::wholeHeight() const {
  const int bar = horizontalScrollBar()->maximum() > 0 ? horizontalScrollBar()->height() : 0;
  return horizontalHeader()->height() + verticalHeader()->length() + bar + 2 * frameWidth() + 2;
}

void ClaimsView::resizeEvent(QResizeEvent* event) {
  QTableView::resizeEvent(event);
  if (roomForColumns() != fitted_width_) fit();
}

void ClaimsView::keyPressEvent(QKeyEvent* event) {
  if (!event->matches(QKeySequence::Copy)) return QTableView::keyPressEvent(event);
  QModelIndexList chosen = selectionModel()->selectedRows();
  std::sort(chosen.begin(), chosen.end());
  QStringList lines;
  for (const QModelIndex& row : chosen) lines << claims_->line(row.row());
  if (!lines.isEmpty()) QGuiApplication::clipboard()->setText(lines.join(QLatin1Char('\n')));
}

}  // namespace violet::gui
