#include "gui/observe/facts_table.hpp"

#include <QClipboard>
#include <QGuiApplication>
#include <QHeaderView>
#include <QKeyEvent>
#include <QPainter>
#include <QStyledItemDelegate>

#include "gui/kit/theme.hpp"

namespace violet::gui {

namespace {

QColor tone_colour(Fact::Tone tone) {
  const Theme& t = theme();
  switch (tone) {
    case Fact::Tone::kPlain:
      return t.text;
    case Fact::Tone::kMap:
      return t.map;
    case Fact::Tone::kUnmap:
      return t.unmap;
    case Fact::Tone::kStale:
      return t.stale;
    case Fact::Tone::kFault:
      return t.fault;
    case Fact::Tone::kMuted:
      return t.muted;
  }
  return t.text;
}

class FactsDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override {
    QStyledItemDelegate::initStyleOption(option, index);
    const bool name = index.column() == 0;
    option->font = name ? text_font(9) : number_font(9);
    const auto tone = static_cast<Fact::Tone>(index.data(FactsModel::kToneRole).toInt());
    option->palette.setColor(QPalette::Text, name ? theme().muted : tone_colour(tone));
  }
};

constexpr int kRow = 20;

}  // namespace

FactsTable::FactsTable(const QString& name, QWidget* parent) : QTableView(parent) {
  setAccessibleName(name);
  setModel(&model_);
  setItemDelegate(new FactsDelegate(this));
  horizontalHeader()->hide();
  verticalHeader()->hide();
  verticalHeader()->setDefaultSectionSize(kRow);
  verticalHeader()->setMinimumSectionSize(kRow);
  horizontalHeader()->setStretchLastSection(true);
  setShowGrid(false);
  setWordWrap(false);
  setSelectionBehavior(SelectRows);
  setEditTriggers(NoEditTriggers);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setVerticalScrollBarPolicy(Qt::ScrollBarAsNeeded);
  setTabKeyNavigation(false);
}

void FactsTable::setFacts(Facts facts) {
  QStringList words;
  for (const Fact& fact : facts) words << fact.name + QStringLiteral(": ") + fact.value;
  setAccessibleDescription(words.join(QStringLiteral(". ")));
  model_.setFacts(std::move(facts));
  setColumnWidth(0, std::min(sizeHintForColumn(0) + 8, 140));
  updateGeometry();
}

QSize FactsTable::sizeHint() const { return {260, model_.rowCount() * kRow + 4}; }

void FactsTable::keyPressEvent(QKeyEvent* event) {
  if (!event->matches(QKeySequence::Copy)) return QTableView::keyPressEvent(event);
  QStringList lines;
  for (const Fact& fact : model_.facts()) lines << fact.name + QLatin1Char('\t') + fact.value;
  QGuiApplication::clipboard()->setText(lines.join(QLatin1Char('\n')));
}

}  // namespace violet::gui
