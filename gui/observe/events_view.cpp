#include "gui/observe/events_view.hpp"

#include <QHeaderView>
#include <QLabel>
#include <QSignalBlocker>
#include <QStyledItemDelegate>
#include <QVBoxLayout>
#include <utility>

#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {

namespace {

constexpr int kAfterMovingMs = 120, kLiveLinesMs = 500;

QColor kind_colour(EventKind kind) {
  const Theme& t = theme();
  switch (kind) {
    case EventKind::kDmaMap:
    case EventKind::kMapDone:
      return t.map;
    case EventKind::kDmaUnmap:
    case EventKind::kUnmapExecuted:
    case EventKind::kUnmapCompleted:
      return t.unmap;
    case EventKind::kTranslate:
      return t.translate;
    case EventKind::kFault:
      return t.fault;
    case EventKind::kRogueProbe:
      return t.stale;
    case EventKind::kCopy:
      return t.copy;
    default:
      return t.muted;
  }
}

class EventsDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override {
    QStyledItemDelegate::initStyleOption(option, index);
    option->font = index.column() == EventsModel::kKind || index.column() == EventsModel::kDetail
                       ? text_font(8.5)
                       : number_font(8.5);
    if (index.column() != EventsModel::kKind) return;
    const auto kind = static_cast<EventKind>(index.data(EventsModel::kKindRole).toInt());
    option->palette.setColor(QPalette::Text, kind_colour(kind));
  }
};

QTableView* make_table(EventsModel* model, QWidget* parent) {
  auto* table = new QTableView(parent);
  table->setAccessibleName(QObject::tr("Events"));
  table->setModel(model);
  table->setItemDelegate(new EventsDelegate(table));
  table->verticalHeader()->hide();
  table->verticalHeader()->setDefaultSectionSize(18);
  table->verticalHeader()->setMinimumSectionSize(18);
  table->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  table->horizontalHeader()->setHighlightSections(false);
  table->horizontalHeader()->setStretchLastSection(false);
  table->setSelectionBehavior(QAbstractItemView::SelectRows);
  table->setSelectionMode(QAbstractItemView::SingleSelection);
  table->setEditTriggers(QAbstractItemView::NoEditTriggers);
  table->setShowGrid(false);
  table->setWordWrap(false);
  table->setTabKeyNavigation(false);
  table->setVerticalScrollMode(QAbstractItemView::ScrollPerItem);
  const int widths[] = {124, 112, 108, 124, 64, 190, 44};
  for (int i = 0; i < EventsModel::kColumns; ++i) table->setColumnWidth(i, widths[i]);
  return table;
}

}  // namespace

EventsView::EventsView(Session* session, QWidget* parent)
    : QWidget(parent),
      session_(session),
      title_(new QLabel(this)),
      table_(make_table(&model_, this)),
      locating_([this](std::uint64_t row) {
        const QSignalBlocker quiet(table_->selectionModel());  // The cursor stays where it was put.
        const QModelIndex index = model_.index(static_cast<int>(row), 0);
        table_->selectRow(index.row());
        table_->scrollTo(index, QAbstractItemView::PositionAtCenter);
      }) {
  setAccessibleName(tr("Events"));
  setObjectName(QStringLiteral("Events"));
  title_->setFont(text_font(9, true));
  title_->setContentsMargins(8, 4, 8, 4);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(title_);
  column->addWidget(table_);
  later_.setSingleShot(true);
  connect(&later_, &QTimer::timeout, this, &EventsView::refresh);
  // A window that follows a live run never comes to rest.
  const auto soon = [this] {
    if (!session_->following() || !later_.isActive()) later_.start(kAfterMovingMs);
  };
  connect(session, &Session::windowChanged, this, soon);
  connect(session, &Session::selectionChanged, this, soon);
  connect(session, &Session::cellChanged, this, &EventsView::refresh);
  connect(session, &Session::grew, this, [this] {
    if (!later_.isActive()) later_.start(kLiveLinesMs);  // Lines that jump faster cannot be read.
  });
  connect(&model_, &QAbstractItemModel::modelReset, this, &EventsView::retitle);
  connect(&model_, &QAbstractItemModel::modelReset, this, &EventsView::locate);
  connect(table_->selectionModel(), &QItemSelectionModel::currentChanged, this,
          &EventsView::current);
  connect(table_, &QTableView::activated, this, [this](const QModelIndex& index) {
    const auto line = model_.line(index.row());
    const auto address = line ? eventAddress(line->event) : std::nullopt;
    if (address) session_->setPage(Iova{*address & ~0xfffull}, line->at);
  });
  retitle();
}

void EventsView::showEvent(QShowEvent*) { refresh(); }

void EventsView::refresh() {
  if (!isVisible()) return;
  model_.setSource(session_->cell(), session_->selectedTime().value_or(session_->window()),
                   session_->listedEvents());
}

void EventsView::showTime(Nanos at) {
  wanted_ = at;
  if (settled()) locate();  // Else the lines are on their way.
}

void EventsView::locate() {
  const auto cell = session_->cell();
  if (!wanted_ || !cell || later_.isActive() || !model_.isCounted()) return;
  const TimeWindow shown = session_->selectedTime().value_or(session_->window());
  const Nanos at = *std::exchange(wanted_, std::nullopt);
  if (!shown.contains(at)) return;
  locating_.ask([cell, before = TimeWindow{shown.from, at}, filter = session_->listedEvents()] {
    return before.length() > 0 ? cell->count_events(before, filter) : 0;
  });
}

void EventsView::retitle() {
  const auto cell = session_->cell();
  // A number that is on its way is no zero.
  QString text =
      model_.isCounted() ? tr("Events: %1").arg(countText(model_.rowCount())) : tr("Events");
  if (cell) {
    const CellInfo info = cell->info();
    const TimeWindow shown = session_->selectedTime().value_or(session_->window());
    const bool behind = info.kept_events < info.events && shown.to > info.kept_until;
    const bool none = behind && model_.isCounted() && model_.rowCount() == 0;
    const QString until = timeText(info.kept_until);
    if (behind) {
      // How many there were is not known.
      text = none ? tr("Events: none kept here, complete until %1").arg(until)
                  : tr("%1, complete until %2").arg(text, until);
    }
    title_->setToolTip(
        behind ? tr("All events are kept one by one until %1; behind it those of some "
                    "lcores at most, and all were counted. The plan's run.trace_mib keeps more; a "
                    "shorter run.warmup_s leaves more of it for what is measured")
                     .arg(until)
               : QString());
  }
  title_->setText(text);
}

void EventsView::current(const QModelIndex& index) {
  const auto line = model_.line(index.row());
  if (line) session_->setCursor(line->at);
}

}  // namespace violet::gui
