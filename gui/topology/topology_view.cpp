#include "gui/topology/topology_view.hpp"

#include <QDragEnterEvent>
#include <QDropEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QPushButton>
#include <QScrollArea>
#include <QSplitter>
#include <QStackedWidget>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/kit/elided_label.hpp"
#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"
#include "gui/model/waiting_text.hpp"
#include "gui/topology/topology_workspace.hpp"

namespace violet::gui {
namespace {

QToolButton* makeChoice(const QString& text, const QString& tip) {
  auto* button = new QToolButton;
  button->setText(text);
  button->setToolTip(tip);
  button->setAccessibleName(text);
  button->setCheckable(true);
  button->setAutoExclusive(true);
  button->setFocusPolicy(Qt::TabFocus);
  return button;
}

QScrollArea* scrolled(QWidget* widget) {
  auto* area = new QScrollArea;
  area->setWidget(widget);
  area->setWidgetResizable(true);
  area->setFrameShape(QFrame::NoFrame);
  area->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  return area;
}

}  // namespace

TopologyView::TopologyView(Session& session, QWidget* parent)
    : Workspace(parent),
      session_(session),
      ask_([this](TopologyState state) { showTopology(std::move(state)); }),
      table_model_(new TopologyTable(this)),
      viot_model_(new ViotTableModel(this)),
      filter_(new RowFilter(this)),
      pages_(new QStackedWidget),
      state_page_(new StatePage),
      picture_(new TopologyPicture),
      viot_picture_(new ViotPicture),
      pictures_(new QStackedWidget) {
  setAcceptDrops(true);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(makeBar());
  scroll_ = scrolled(picture_);
  scroll_->viewport()->installEventFilter(this);
  pictures_->addWidget(scroll_);
  pictures_->addWidget(scrolled(viot_picture_));
  table_ = makeTable();
  split_ = new QSplitter(Qt::Vertical);
  split_->addWidget(pictures_);
  split_->addWidget(table_);
  split_->setChildrenCollapsible(false);
  connect(split_, &QSplitter::splitterMoved, this, [this] { split_moved_ = true; });
  pages_->addWidget(state_page_);
  pages_->addWidget(split_);
  column->addWidget(pages_, 1);
  connect(&session_, &Session::cellChanged, this, &TopologyView::askTopology);
  connect(&session_, &Session::cursorChanged, this, &TopologyView::askTopology);
  connect(&session_, &Session::windowChanged, this, &TopologyView::askTopology);
  connect(&session_, &Session::grew, this, &TopologyView::askTopology);
  connect(&session_, &Session::runChanged, this, &TopologyView::showState);
  connect(&session_, &Session::pulled, this, [this] {
    if (!session_.cell() && isVisible()) showState();
  });
  connect(&session_, &Session::openingChanged, this, &TopologyView::showState);
  connect(picture_, &TopologyPicture::picked, search_, &QLineEdit::setText);
  connect(viot_picture_, &ViotPicture::picked, search_, &QLineEdit::setText);
  showViot(false);
  askTopology();
}

QWidget* TopologyView::makeBar() {
  auto* bar = new QWidget;
  auto* row = new QHBoxLayout(bar);
  row->setContentsMargins(8, 4, 8, 4);
  row->setSpacing(8);
  run_button_ = makeChoice(tr("This run"), tr("Endpoints, domains and mappings at the cursor"));
  viot_button_ = makeChoice(tr("VIOT table"), tr("The table of a file that was opened"));
  auto* open = new QPushButton(tr("Open VIOT…"));
  open->setToolTip(tr("Open an ACPI VIOT table (binary); it can also be dropped here"));
  at_ = new ElidedLabel;
  at_->setForegroundRole(QPalette::PlaceholderText);
  warnings_ = new QLabel;
  warnings_->setTextFormat(Qt::RichText);
  count_ = new QLabel;
  count_->setForegroundRole(QPalette::PlaceholderText);
  search_ = new QLineEdit;
  search_->setPlaceholderText(tr("Find address, endpoint, domain, permission"));
  search_->setAccessibleName(tr("Search the table"));
  search_->setClearButtonEnabled(true);
  search_->setFixedWidth(320);
  buttons_ = new QWidget;
  auto* choices = new QHBoxLayout(buttons_);
  choices->setContentsMargins(0, 0, 8, 0);
  choices->setSpacing(8);
  for (QWidget* one : {static_cast<QWidget*>(run_button_), static_cast<QWidget*>(viot_button_),
                       static_cast<QWidget*>(open)}) {
    choices->addWidget(one);
  }
  row->addWidget(buttons_);
  row->addWidget(
      at_, 1000);  // As much as there is; hidden, the stretch keeps what follows at the right.
  row->addWidget(warnings_);
  row->addStretch(1);
  row->addWidget(count_);
  row->addWidget(search_);
  connect(run_button_, &QToolButton::clicked, this, [this] { showViot(false); });
  connect(viot_button_, &QToolButton::clicked, this, [this] { showViot(true); });
  connect(open, &QPushButton::clicked, this, &TopologyView::chooseViot);
  connect(search_, &QLineEdit::textChanged, this, &TopologyView::search);
  return bar;
}

void TopologyView::showControls(bool on) {
  buttons_->setVisible(on);
  search_->setVisible(on);
}

QTableView* TopologyView::makeTable() {
  auto* table = new QTableView;
  table->setAccessibleName(tr("Table of the topology"));
  table->setModel(filter_);
  table->setSortingEnabled(true);
  table->setSelectionBehavior(QAbstractItemView::SelectRows);
  table->setSelectionMode(QAbstractItemView::SingleSelection);
  table->setShowGrid(false);
  table->verticalHeader()->hide();
  table->verticalHeader()->setDefaultSectionSize(22);
  table->horizontalHeader()->setHighlightSections(false);
  table->horizontalHeader()->setStretchLastSection(true);
  table->setFont(number_font(9));
  table->setWordWrap(false);
  table->sortByColumn(-1, Qt::AscendingOrder);
  return table;
}

// The picture gets the height that it has a use for, up to a share; the table gets the rest.
void TopologyView::fitSplit() {
  constexpr double kMostOfHeight = 0.6;
  if (split_moved_) return;
  const QWidget* picture = viot_ ? static_cast<QWidget*>(viot_picture_) : picture_;
  const int most = static_cast<int>(split_->height() * kMostOfHeight);
  const int height = std::min(picture->sizeHint().height(), most);
  if (split_->sizes().value(0) != height) split_->setSizes({height, split_->height() - height});
}

void TopologyView::resizeEvent(QResizeEvent* event) {
  Workspace::resizeEvent(event);
  layout()->activate();
  fitSplit();
}

// ---- VIOT

void TopologyView::chooseViot() {
  const QString path =
      QFileDialog::getOpenFileName(this, tr("Open a VIOT table"), {},
                                   tr("ACPI tables (*.dat *.aml *.bin VIOT*);;All files (*)"));
  if (!path.isEmpty()) openViot(path);
}

void TopologyView::openViot(const QString& path) {
  viot_path_ = path;
  auto table = readViot(path);
  viot_loaded_ = table.has_value();
  viot_error_ = table ? QString() : QString::fromStdString(table.error().message);
  if (table) {
    QStringList warnings;
    for (const std::string& one : table->warnings) warnings << QString::fromStdString(one);
    warnings_->setToolTip(warnings.join(QLatin1Char('\n')));
    warnings_->setProperty("count", warnings.size());
    viot_picture_->setTable(*table);
    viot_model_->setTable(std::move(*table));
  }
  showViot(true);
  emit says(viot_loaded_ ? tr("Opened %1").arg(path) : viot_error_);
}

void TopologyView::showViot(bool on) {
  viot_ = on;
  const bool focused = run_button_->hasFocus() || viot_button_->hasFocus();
  QToolButton* chosen = on ? viot_button_ : run_button_;
  chosen->setChecked(true);
  if (focused) chosen->setFocus();
  pictures_->setCurrentIndex(on ? 1 : 0);
  filter_->setSourceModel(on ? static_cast<QAbstractItemModel*>(viot_model_) : table_model_);
  connect(table_->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
          &TopologyView::rowChosen, Qt::UniqueConnection);
  const int run_widths[] = {190, 110, 100, 180, 180, 90, 110};
  const int viot_widths[] = {90, 180, 300, 240, 200};
  for (int i = 0; i < (on ? 5 : 7); ++i) {
    table_->setColumnWidth(i, on ? viot_widths[i] : run_widths[i]);
  }
  showState();
}

void TopologyView::dragEnterEvent(QDragEnterEvent* event) {
  const auto urls = event->mimeData()->urls();
  if (urls.size() == 1 && urls.first().isLocalFile() &&
      QFileInfo(urls.first().toLocalFile()).isFile()) {
    event->acceptProposedAction();
  }
}

void TopologyView::dropEvent(QDropEvent* event) {
  event->acceptProposedAction();
  openViot(event->mimeData()->urls().first().toLocalFile());
}

// ---- the run

Nanos TopologyView::asked() const { return session_.cursor().value_or(session_.window().to); }

void TopologyView::askTopology() {
  if (!session_.cell()) {
    ask_.cancel();
    showTopology({});
    return;
  }
  ask_.ask([cell = session_.cell(), at = asked()] { return cell->topology(at); });
}

void TopologyView::showTopology(TopologyState state) {
  picture_->setState(state);
  // Sorting and selection of the reader's stay where they are; only the rows are new.
  table_model_->setState(std::move(state));
  showState();
}

QString TopologyView::momentText(const TopologyState& state) const {
  const QString where = session_.cursor() ? tr("the cursor") : tr("the end of the window");
  const QString because = QString::fromStdString(state.because);
  QString says = !because.isEmpty() && state.at < asked() - 1
                     ? tr("%1, the newest state known before %2").arg(timeText(state.at), where)
                     : tr("at %1, %2").arg(where, timeText(state.at));
  if (!because.isEmpty()) says += tr(" (%1)").arg(because);
  return says;
}

void TopologyView::showState() {
  const auto& state = table_model_->state();
  const bool has_run = session_.cell() != nullptr;
  at_->setVisible(!viot_ || viot_loaded_);
  const auto warnings = warnings_->property("count").toInt();
  warnings_->setVisible(viot_ && viot_loaded_ && warnings > 0);
  warnings_->setText(tr("<span style='color:%1'>%2</span>")
                         .arg(theme().bad.name(),
                              warnings == 1 ? warnings_->toolTip().toHtmlEscaped()
                                            : tr("%1 warnings (hover to read)").arg(warnings)));
  if (viot_) {
    at_->setText(QFileInfo(viot_path_).fileName());
    if (!viot_error_.isEmpty()) {
      state_page_->showError(tr("This file is no VIOT table that can be drawn"), viot_error_,
                             tr("The topology of the run is still there: This run."));
    } else if (!viot_loaded_) {
      state_page_->showEmpty(tr("No VIOT table is open"),
                             tr("VIOT tells a guest which devices are behind which virtio-iommu. "
                                "Open a binary table, for example a copy of "
                                "/sys/firmware/acpi/tables/VIOT, or drop it here."),
                             tr("Open VIOT…"), [this] { chooseViot(); });
    }
    pages_->setCurrentIndex(viot_loaded_ ? 1 : 0);
  } else {
    at_->setText(has_run ? momentText(state) : QString());
    at_->setToolTip(at_->text());
    const bool any = !state.endpoints.empty() || !state.domains.empty();
    if (session_.opening() && !has_run) {
      state_page_->showLoading(tr("The run is being opened"), *session_.opening());
    } else if (!has_run && session_.run() != nullptr) {
      const bool waits = session_.run()->no_cells_because().empty();
      state_page_->showEmpty(
          waits ? tr("Waiting for the first cell") : tr("There are no events to look at"),
          waits ? waitingText(session_.run()->progress())
                : noEventsText(*session_.run()) + tr("."));
    } else if (!has_run) {
      state_page_->showEmpty(tr("No run is open"),
                             tr("Open a run to see its endpoints, domains and mappings, or a VIOT "
                                "table."),
                             tr("Open VIOT…"), [this] { chooseViot(); });
    } else if (!any && !state.because.empty()) {
      state_page_->showEmpty(tr("Not known at this time"),
                             tr("What is attached and mapped cannot be said: %1.")
                                 .arg(QString::fromStdString(state.because)));
    } else if (!any) {
      state_page_->showEmpty(tr("Nothing is attached at this time"),
                             tr("Move the cursor to a later time: endpoints are attached when the "
                                "guest's driver starts."));
    }
    pages_->setCurrentIndex(has_run && any ? 1 : 0);
  }
  const int all = filter_->sourceModel()->rowCount(), shown = filter_->rowCount();
  const QString rows = countedText(static_cast<std::uint64_t>(all), "row");
  count_->setText(pages_->currentIndex() == 0 ? QString()
                  : shown == all              ? rows
                                              : tr("%L1 of %2").arg(shown).arg(rows));
  count_->parentWidget()->layout()->activate();  // The texts have other widths now.
  fitSplit();
}

void TopologyView::search(const QString& needle) {
  filter_->setNeedle(needle);
  showState();
}

void TopologyView::rowChosen() {
  const QModelIndex index = filter_->mapToSource(table_->currentIndex());
  if (viot_) {
    return viot_picture_->setMarked(
        index.isValid() ? std::optional(static_cast<std::size_t>(index.row())) : std::nullopt);
  }
  if (!index.isValid()) return picture_->setMarked({}, {}, {});
  const auto& state = table_model_->state();
  const auto& row = table_model_->row(index.row());
  switch (row.kind) {
    case TopologyTable::Row::kEndpointRow:
    case TopologyTable::Row::kRegionRow:
      return picture_->setMarked({}, {}, state.endpoints[row.owner].id);
    case TopologyTable::Row::kDomainRow:
      return picture_->setMarked(state.domains[row.owner].id, {}, {});
    case TopologyTable::Row::kMappingRow:
      return picture_->setMarked(state.domains[row.owner].id,
                                 state.domains[row.owner].mappings[row.index].range, {});
  }
}

bool TopologyView::eventFilter(QObject* object, QEvent* event) {
  if (object == scroll_->viewport() && event->type() == QEvent::Resize) {
    picture_->setViewHeight(scroll_->viewport()->height());
  }
  return Workspace::eventFilter(object, event);
}

// ---- the application

std::vector<ActionRow> TopologyView::actions() {
  return {{"topology.find",
           tr("Find in the table"),
           {QKeySequence(Qt::CTRL | Qt::Key_F)},
           tr("Search addresses, endpoints, domains and permissions."),
           "Go",
           [this] {
             search_->setFocus();
             search_->selectAll();
           }},
          {"topology.open_viot",
           tr("Open VIOT table…"),
           {QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_O)},
           tr("Draw an ACPI table that says which devices are behind which virtio-iommu."),
           "File",
           [this] { chooseViot(); }},
          {"topology.viot",
           tr("Show the VIOT table"),
           {},
           tr("Instead of the run's topology."),
           "View",
           [this] { showViot(!viot_); },
           {},
           [this] { return viot_; }},
          {"topology.clear",
           tr("Clear the search"),
           {},
           tr("Show all rows again."),
           "Go",
           [this] { search_->clear(); },
           [this] { return !search_->text().isEmpty(); }}};
}

QString TopologyView::caption() const {
  if (viot_) return QFileInfo(viot_path_).fileName();
  if (!session_.cell()) return {};
  const CellInfo info = session_.cell()->info();
  return tr("run %1, %2, %3, topology at %4")
      .arg(QString::fromStdString(info.run_id), QString::fromStdString(info.label),
           repetitionText(info), timeText(table_model_->state().at));
}

Workspace* make_topology(Session& session, QWidget* parent) {
  return new TopologyView(session, parent);
}

}  // namespace violet::gui
