#include "gui/compare/compare_view.hpp"

#include <QComboBox>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QMap>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSplitter>
#include <QStackedWidget>
#include <QStyledItemDelegate>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/compare/compare_workspace.hpp"
#include "gui/kit/theme.hpp"

namespace violet::gui {
namespace {

// Better and worse in the colours of verdicts; what is no difference steps back.
class VerdictDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

 protected:
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override {
    QStyledItemDelegate::initStyleOption(option, index);
    const auto verdict =
        static_cast<results::Verdict>(index.data(DifferenceTable::kVerdictRole).toInt());
    QColor colour = theme().muted;
    if (verdict == results::Verdict::kBetter) colour = theme().good;
    if (verdict == results::Verdict::kWorse) colour = theme().bad;
    const int column = index.column();
    if (column == DifferenceTable::kVerdict) {
      option->palette.setColor(QPalette::Text, colour);
    } else if (column == DifferenceTable::kWhy) {
      option->palette.setColor(QPalette::Text, theme().muted);
    }
    const bool number = column >= DifferenceTable::kBefore && column <= DifferenceTable::kInjected;
    if (number) option->font = number_font(9);
  }
};

QLabel* mutedLabel(const QString& text) {
  auto* label = new QLabel(text);
  label->setForegroundRole(QPalette::PlaceholderText);
  return label;
}

}  // namespace

CompareView::CompareView(Session& session, CompareModel::Opener opener, QWidget* parent)
    : Workspace(parent),
      model_(session, std::move(opener)),
      table_model_(new DifferenceTable(this)),
      plane_(new PlaneView),
      pages_(new QStackedWidget),
      state_page_(new StatePage) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  bar_ = makeBar();
  column->addWidget(bar_);
  auto* split = new QSplitter(Qt::Horizontal);
  split->setChildrenCollapsible(false);
  auto* left = new QSplitter(Qt::Vertical);
  left->setChildrenCollapsible(false);
  left->addWidget(makeLanes());
  left->addWidget(makeTable());
  left->setStretchFactor(0, 3);
  left->setStretchFactor(1, 1);
  left->setSizes({430, 190});
  split->addWidget(left);
  split->addWidget(plane_);
  split->setSizes({880, 400});
  split->setStretchFactor(0, 3);
  split->setStretchFactor(1, 2);
  pages_->addWidget(state_page_);
  pages_->addWidget(split);
  column->addWidget(pages_, 1);

  connect(&model_, &CompareModel::runsChanged, this, [this] {
    fillWorkloads();
    showState();
  });
  connect(&model_, &CompareModel::workloadChanged, this, &CompareView::fillLanes);
  connect(&model_, &CompareModel::lanesChanged, this, [this] {
    fillLanes();
    plane_->setPlane(model_.plane());
    follow();
    showDivergence();
  });
  connect(&model_, &CompareModel::differencesChanged, this, [this] {
    table_model_->setDifferences(model_.differences());
    fitTable();
  });
  connect(&model_, &CompareModel::divergencesChanged, this, &CompareView::showDivergence);
  connect(&model_, &CompareModel::cursorChanged, this, &CompareView::follow);
  connect(&session, &Session::windowChanged, this, &CompareView::follow);
  connect(&session, &Session::cellChanged, this, &CompareView::follow);
  connect(plane_, &PlaneView::cellPicked, this, &CompareView::pickCell);
  showState();
}

QWidget* CompareView::makeBar() {
  auto* bar = new QWidget;
  auto* row = new QHBoxLayout(bar);
  row->setContentsMargins(8, 4, 8, 4);
  row->setSpacing(6);
  const auto box = [row](const QString& name, int least) {
    auto* combo = new QComboBox;
    combo->setAccessibleName(name);
    combo->setMinimumWidth(least);
    combo->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    row->addWidget(combo);
    return combo;
  };
  row->addWidget(mutedLabel(tr("Workload")));
  workload_ = box(tr("Workload"), 120);
  connect(workload_, &QComboBox::activated, this,
          [this](int index) { model_.setWorkload(workload_->itemText(index)); });
  const QString names[] = {tr("Baseline"), tr("against"), tr("and")};
  for (std::size_t slot = 0; slot < lane_boxes_.size(); ++slot) {
    row->addWidget(mutedLabel(names[slot]));
    lane_boxes_[slot] = box(names[slot], 110);
    connect(lane_boxes_[slot], &QComboBox::activated, this,
            [this, slot](int index) { chooseLane(slot, index); });
  }
  row->addStretch(1);
  row->addWidget(mutedLabel(tr("Latency of")));
  latency_ = box(tr("Latency of"), 96);
  latency_->addItems({tr("unmap"), tr("map")});
  connect(latency_, &QComboBox::activated, this, [this](int index) {
    model_.setLatency(index == 0 ? Operation::kUnmap : Operation::kMap);
  });
  auto* add = new QPushButton(tr("Add run…"));
  add->setToolTip(tr("Compare with the cells of another run directory"));
  connect(add, &QPushButton::clicked, this, &CompareView::addRun);
  row->addWidget(add);
  return bar;
}

QWidget* CompareView::makeLanes() {
  auto* widget = new QWidget;
  auto* column = new QVBoxLayout(widget);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  for (std::size_t i = 0; i < kLaneRows; ++i) {
    auto* panel = new LanePanel(model_, static_cast<LaneRow>(i));
    panels_[i] = panel;
    connect(panel, &TimePanel::windowWanted, this, &CompareView::wantWindow);
    connect(panel, &TimePanel::cursorWanted, this,
            [this](std::optional<Nanos> at) { model_.setCursor(at); });
    connect(panel, &TimePanel::fitWanted, &model_.session(), &Session::fit);
    column->addWidget(panel, 1);
  }
  divergence_ = new QLabel;
  divergence_->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Minimum);
  divergence_->setWordWrap(true);
  divergence_->setContentsMargins(12, 4, 12, 4);
  divergence_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  divergence_->setAccessibleName(tr("First divergence"));
  column->addWidget(divergence_);
  return widget;
}

QTableView* CompareView::makeTable() {
  table_ = new QTableView;
  table_->setAccessibleName(tr("Differences"));
  auto* sorted = new QSortFilterProxyModel(this);
  sorted->setSourceModel(table_model_);
  sorted->setSortRole(DifferenceTable::kSortRole);
  table_->setModel(sorted);
  table_->setItemDelegate(new VerdictDelegate(table_));
  table_->setSortingEnabled(true);
  table_->sortByColumn(-1, Qt::AscendingOrder);
  table_->setSelectionBehavior(QAbstractItemView::SelectRows);
  table_->setShowGrid(false);
  table_->setWordWrap(false);
  table_->verticalHeader()->hide();
  table_->verticalHeader()->setDefaultSectionSize(21);
  table_->horizontalHeader()->setHighlightSections(false);
  table_->horizontalHeader()->setStretchLastSection(true);
  // What a reader came for, before the numbers that a narrow window has no room for.
  table_->horizontalHeader()->moveSection(DifferenceTable::kVerdict, DifferenceTable::kBefore);
  return table_;
}

// Neither names nor numbers are cut; the last column has what is left over.
void CompareView::fitTable() {
  constexpr int kLeast = 64;
  for (int column = DifferenceTable::kMetric; column < DifferenceTable::kWhy; ++column) {
    table_->resizeColumnToContents(column);
    table_->setColumnWidth(column, std::max(kLeast, table_->columnWidth(column)));
  }
}

void CompareView::fillWorkloads() {
  const QSignalBlocker quiet(workload_);
  workload_->clear();
  workload_->addItems(model_.workloads());
  workload_->setCurrentText(model_.workload());
}

void CompareView::fillLanes() {
  workload_->setCurrentText(model_.workload());
  const std::vector<Lane> choices = model_.choices();
  for (std::size_t slot = 0; slot < lane_boxes_.size(); ++slot) {
    QComboBox* box = lane_boxes_[slot];
    const QSignalBlocker quiet(box);
    box->clear();
    if (slot > 0) box->addItem(tr("none"));
    for (const Lane& lane : choices) box->addItem(lane.name);
    box->setCurrentIndex(slot > 0 ? 0 : -1);
    if (slot >= model_.lanes().size()) continue;
    const auto found = std::find(choices.begin(), choices.end(), model_.lanes()[slot]);
    if (found == choices.end()) continue;
    box->setCurrentIndex(static_cast<int>(found - choices.begin()) + (slot > 0 ? 1 : 0));
  }
}

// A cell that another lane had changes places with it.
void CompareView::chooseLane(std::size_t slot, int choice) {
  const std::vector<Lane> choices = model_.choices();
  std::vector<Lane> lanes = model_.lanes();
  const int index = choice - (slot > 0 ? 1 : 0);
  if (index < 0 || static_cast<std::size_t>(index) >= choices.size()) {
    if (slot > 0 && slot < lanes.size())
      lanes.erase(lanes.begin() + static_cast<std::ptrdiff_t>(slot));
    return model_.setLanes(std::move(lanes));
  }
  const Lane& chosen = choices[static_cast<std::size_t>(index)];
  const auto other = std::find(lanes.begin(), lanes.end(), chosen);
  if (other != lanes.end()) {
    if (slot < lanes.size())
      std::iter_swap(other, lanes.begin() + static_cast<std::ptrdiff_t>(slot));
  } else if (slot < lanes.size()) {
    lanes[slot] = chosen;
  } else {
    lanes.push_back(chosen);
  }
  model_.setLanes(std::move(lanes));
}

void CompareView::showState() {
  const bool any = !model_.runs().empty();
  if (model_.loading()) {
    state_page_->showLoading(tr("Results are being read"), -1);
  } else if (!any && !model_.error().isEmpty()) {
    state_page_->showError(tr("The results of this run cannot be read"), model_.error(),
                           tr("Its trace can still be looked at in Observe."));
  } else if (!any) {
    state_page_->showEmpty(tr("No run is open"),
                           tr("Open a run with two cells or more of one workload, for example of "
                              "the plan strategies or placements."),
                           tr("Open a run directory…"), [this] { addRun(); });
  }
  pages_->setCurrentIndex(any ? 1 : 0);
  if (any && !model_.error().isEmpty()) emit says(model_.error());
}

void CompareView::showDivergence() {
  const auto& lanes = model_.lanes();
  QStringList lines;
  bool differs = false;
  for (std::size_t i = 0; i < model_.divergences().size() && i + 1 < lanes.size(); ++i) {
    const Divergence& one = model_.divergences()[i];
    differs |= one.kind == Divergence::Kind::kDiffers;
    lines << divergenceText(one, lanes[0].name, lanes[i + 1].name);
  }
  if (lines.isEmpty() && lanes.size() > 1)
    lines << tr("the streams of DMA calls are being compared");
  QMap<QString, QStringList> standings;
  for (const Lane& lane : lanes) {
    if (!lane.standing.isEmpty()) standings[lane.standing] << lane.name;
  }
  for (auto one = standings.cbegin(); one != standings.cend(); ++one) {
    lines << tr("! %1: %2").arg(one.key(), one.value().join(tr(", ")));
  }
  divergence_->setText(lines.join(QLatin1Char('\n')));
  divergence_->setToolTip(divergence_->text());
  divergence_->setVisible(!lines.isEmpty());
  divergence_->parentWidget()->layout()->activate();  // It has another height now.
  divergence_->setForegroundRole(differs ? QPalette::WindowText : QPalette::PlaceholderText);
}

void CompareView::follow() {
  for (LanePanel* panel : panels_) {
    panel->setWindow(model_.window());
    panel->setCursor(model_.cursor());
  }
  if (const auto cell = model_.session().cell()) plane_->setCurrent(cell->info().cell_id);
}

void CompareView::wantWindow(TimeWindow relative) {
  Session& session = model_.session();
  if (!session.cell()) return;
  const Nanos origin = session.cell()->info().measured.from;
  session.setWindow({relative.from + origin, relative.to + origin});
}

void CompareView::addRun() {
  const QString path = QFileDialog::getExistingDirectory(this, tr("Run directory to compare with"));
  if (!path.isEmpty()) model_.addRun(path);
}

void CompareView::pickCell(const QString& cell_id) {
  if (const auto index = model_.sessionCell(cell_id.toStdString())) {
    model_.session().openCell(*index);
    emit says(tr("Opened %1").arg(cell_id));
  } else {
    emit says(tr("%1 has no events in the trace of this run").arg(cell_id));
  }
}

bool CompareView::settled() const { return model_.settled(); }

QString CompareView::caption() const {
  const RunQueries* open = model_.session().run();
  if (model_.runs().empty()) {  // Not read yet.
    return open ? tr("run %1").arg(QString::fromStdString(open->name())) : QString();
  }
  QStringList ids;
  for (const auto& run : model_.runs()) ids << QString::fromStdString(run->manifest.run_id);
  const QString injected = plane_->injectedText();
  return tr("run %1, workload %2, injected: %3")
      .arg(ids.join(QStringLiteral(", ")), model_.workload(), injected);
}

std::vector<ActionRow> CompareView::actions() {
  return {{"compare.add_run",
           tr("Add a run to compare…"),
           {},
           tr("Its cells can be chosen beside those of the open run."),
           "File",
           [this] { addRun(); }},
          {"compare.remove_runs",
           tr("Remove added runs"),
           {},
           tr("Only the open run stays."),
           "File",
           [this] { model_.removeAddedRuns(); },
           [this] { return model_.runs().size() > 1; }},
          {"compare.swap",
           tr("Next cell becomes the baseline"),
           {QKeySequence(Qt::Key_B)},
           tr("The lanes move up by one."),
           "Go",
           [this] {
             std::vector<Lane> lanes = model_.lanes();
             std::rotate(lanes.begin(), lanes.begin() + 1, lanes.end());
             model_.setLanes(std::move(lanes));
           },
           [this] { return model_.lanes().size() > 1; }},
          {"compare.latency",
           tr("Latency of map instead of unmap"),
           {},
           tr("In the middle row."),
           "View",
           [this] {
             latency_->setCurrentIndex(1 - latency_->currentIndex());
             model_.setLatency(latency_->currentIndex() == 0 ? Operation::kUnmap : Operation::kMap);
           },
           {},
           [this] { return model_.latency() == Operation::kMap; }}};
}

Workspace* make_compare(Session& session, QWidget* parent) {
  return new CompareView(session, {}, parent);
}

}  // namespace violet::gui
