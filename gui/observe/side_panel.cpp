#include "gui/observe/side_panel.hpp"

#include <QFontMetrics>
#include <QHeaderView>
#include <QLabel>
#include <QListView>
#include <QPainter>
#include <QStyledItemDelegate>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {

namespace {

// The first column carries the colour of the strategy, so that cells and figures are told apart
// alike.
class CellsDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override {
    QStyledItemDelegate::initStyleOption(option, index);
    const bool number =
        index.column() >= CellsModel::kRepetition && index.column() <= CellsModel::kInjected;
    if (number) option->font = number_font(8.5);
  }
  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override {
    QStyleOptionViewItem shifted = option;
    if (index.column() == CellsModel::kLabel) shifted.rect.setLeft(option.rect.left() + 8);
    QStyledItemDelegate::paint(painter, shifted, index);
    if (index.column() != CellsModel::kLabel) return;
    const QColor colour = theme().of_strategy(index.data(CellsModel::kStrategyRole).toString());
    painter->fillRect(
        QRect(option.rect.left() + 3, option.rect.top() + 4, 4, option.rect.height() - 8), colour);
  }
};

constexpr int kLiveNumbersMs = 500;  // Numbers that change faster cannot be read.

QLabel* list_heading(const QString& text, QWidget* parent) {
  auto* label = new QLabel(text, parent);
  label->setFont(text_font(9, true));
  label->setContentsMargins(8, 8, 8, 4);
  return label;
}

QTableView* make_cells(CellsModel* model, QWidget* parent) {
  auto* table = new QTableView(parent);
  table->setAccessibleName(QObject::tr("Cells of the run"));
  table->setModel(model);
  table->setItemDelegate(new CellsDelegate(table));
  table->verticalHeader()->hide();
  table->verticalHeader()->setDefaultSectionSize(22);
  table->horizontalHeader()->setHighlightSections(false);
  table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  table->horizontalHeader()->setMinimumSectionSize(24);
  table->setTextElideMode(Qt::ElideMiddle);
  table->setSelectionBehavior(QAbstractItemView::SelectRows);
  table->setSelectionMode(QAbstractItemView::SingleSelection);
  table->setEditTriggers(QAbstractItemView::NoEditTriggers);
  table->setShowGrid(false);
  table->setWordWrap(false);
  table->setTabKeyNavigation(false);
  return table;
}

}  // namespace

SidePanel::SidePanel(Session* session, QWidget* parent)
    : QWidget(parent),
      session_(session),
      cells_table_(make_cells(&cells_, this)),
      endpoints_list_(new QListView(this)),
      domains_(new QLabel(this)),
      topology_([this](TopologyState state) { showTopology(state); }) {
  setAccessibleName(tr("Run, endpoints and domains"));
  setObjectName(QStringLiteral("Side"));
  endpoints_list_->setAccessibleName(tr("Endpoints"));
  endpoints_list_->setModel(&endpoints_);
  endpoints_list_->setFont(number_font(8.5));
  endpoints_list_->setMinimumHeight(60);
  endpoints_list_->setToolTip(tr("What is checked narrows every view; nothing checked shows all"));
  domains_->setFont(number_font(8.5));
  domains_->setContentsMargins(8, 0, 8, 8);
  domains_->setWordWrap(true);
  domains_->setAlignment(Qt::AlignTop);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(cells_table_, 4);
  column->addWidget(list_heading(tr("Endpoints"), this));
  column->addWidget(endpoints_list_, 2);
  domains_heading_ = list_heading(QString(), this);
  column->addWidget(domains_heading_);
  column->addWidget(domains_, 1);
  connect(session, &Session::runChanged, this, &SidePanel::refreshCells);
  connect(session, &Session::cellsChanged, this, &SidePanel::refreshCells);
  // The cell that is open stays open, and marked.
  connect(session, &Session::failed, this, &SidePanel::refreshCells);
  connect(session, &Session::cellChanged, this, [this] {
    refreshCells();
    topology_.cancel();  // It was about another cell.
    endpoints_.setTopology({});
    domains_->setText(tr("being read"));
    askTopology();
  });
  live_.setSingleShot(true);
  live_.setInterval(kLiveNumbersMs);
  connect(&live_, &QTimer::timeout, this, [this] {
    refreshCells();
    if (std::exchange(grown_, false)) askTopology();
  });
  connect(session, &Session::grew, this, [this] { grown_ = true; });
  // Also the numbers of cells that are not shown change, and whether they have ended.
  connect(session, &Session::pulled, this, [this] {
    if (!live_.isActive()) live_.start();
  });
  connect(session, &Session::selectionChanged, this,
          [this] { endpoints_.setChecked(session_->filter().endpoints); });
  connect(cells_table_, &QTableView::activated, this, [this](const QModelIndex& index) {
    session_->openCell(static_cast<std::size_t>(index.row()));
  });
  connect(cells_table_, &QTableView::clicked, this, [this](const QModelIndex& index) {
    const auto row = static_cast<std::size_t>(index.row());
    if (session_->cellIndex() != row) session_->openCell(row);
  });
  connect(&endpoints_, &EndpointsModel::checkedChanged, this, [this] {
    Filter filter = session_->filter();
    filter.endpoints = endpoints_.checked();
    session_->select(session_->selectedTime(), filter);
  });
  refreshCells();
}

void SidePanel::refreshCells() {
  cells_.setCells(session_->run() != nullptr ? session_->run()->cells() : std::vector<CellInfo>{});
  const auto& cells = cells_.cells();
  const bool repeated = std::any_of(cells.begin(), cells.end(), [&](const CellInfo& cell) {
    return cell.repetition != cells.front().repetition;
  });
  cells_table_->setColumnHidden(CellsModel::kRepetition, !repeated);
  fitColumns();
  if (const auto index = session_->cellIndex()) {
    cells_table_->selectRow(static_cast<int>(*index));
  }
}

// Axes stand side by side, each as wide as its values; the first has what is left over. Where there is no room
// for all, the rest is a scroll away and not cut.
void SidePanel::fitColumns() {
  constexpr int kMost = 180, kAround = 14, kMark = 8, kRepetitionWidth = 36, kEventsWidth = 54,
                kInjectedWidth = 66;
  QHeaderView* header = cells_table_->horizontalHeader();
  const QFontMetrics metrics(cells_table_->font());
  int others = 0, first = 0;
  for (int axis = 0; axis < cells_.axisCount(); ++axis) {
    const int column = axis == 0 ? CellsModel::kLabel : CellsModel::kMoreAxes + axis - 1;
    header->moveSection(header->visualIndex(column), axis);
    int wanted = metrics.horizontalAdvance(
        cells_.headerData(column, Qt::Horizontal, Qt::DisplayRole).toString());
    for (int row = 0; row < cells_.rowCount(); ++row) {
      const QString text = cells_.index(row, column).data().toString();
      wanted = std::max(wanted, metrics.horizontalAdvance(text) + (axis == 0 ? kMark : 0));
    }
    wanted = std::min(wanted + kAround, kMost);
    (axis == 0 ? first : others) += wanted;
    cells_table_->setColumnWidth(column, wanted);
  }
  cells_table_->setColumnWidth(CellsModel::kRepetition, kRepetitionWidth);
  cells_table_->setColumnWidth(CellsModel::kEvents, kEventsWidth);
  cells_table_->setColumnWidth(CellsModel::kInjected, kInjectedWidth);
  if (!cells_table_->isColumnHidden(CellsModel::kRepetition)) others += kRepetitionWidth;
  const int left = cells_table_->viewport()->width() - others - kEventsWidth - kInjectedWidth;
  cells_table_->setColumnWidth(CellsModel::kLabel, std::max(first, left));
}

void SidePanel::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  layout()->activate();
  fitColumns();
}

void SidePanel::askTopology() {
  const auto cell = session_->cell();
  const bool live = cell && cell->info().live;
  const bool measured = cell && cell->info().measured.to < cell->info().whole.to;
  domains_heading_->setText(live       ? tr("Domains now")
                            : measured ? tr("Domains when measuring ended")
                                       : tr("Domains at the end of the recording"));
  if (!cell) {
    topology_.cancel();
    showTopology({});
    return domains_->clear();
  }
  // While it was measured: at the end everything has been taken down again.
  const CellInfo info = cell->info();
  const Nanos at = (!live && info.measured.length() > 0 ? info.measured : info.whole).to - 1;
  asked_at_ = at;
  topology_.ask([cell, at] { return cell->topology(at, 1); });
}

void SidePanel::showTopology(const TopologyState& state) {
  // Of an earlier moment: what was so when measuring ended is not known.
  const bool older = !state.because.empty() && state.at < asked_at_;
  endpoints_.setTopology(state, older ? tr("at %1").arg(timeText(state.at)) : QString());
  QStringList lines;
  if (state.domains.empty()) lines << tr("none");
  for (const TopologyState::Domain& domain : state.domains) {
    // It was asked for their number only.
    lines << tr("domain %1: %2")
                 .arg(domain.id)
                 .arg(domain.mapping_count ? mappingsText(domain) : tr("mappings not known"));
  }
  // The answer is as old as the question; while a run goes on that is a time of its own.
  const auto cell = session_->cell();
  if (older) {
    lines.prepend(tr("at %1:").arg(timeText(state.at)));
    lines.prepend(tr("not known: %1").arg(QString::fromStdString(state.because)));
  } else if (!state.because.empty())
    lines << tr("(at %1: %2)").arg(timeText(state.at), QString::fromStdString(state.because));
  else if (cell && cell->info().live)
    lines << tr("(at %1)").arg(timeText(state.at));
  domains_->setText(lines.join(QLatin1Char('\n')));
}

}  // namespace violet::gui
