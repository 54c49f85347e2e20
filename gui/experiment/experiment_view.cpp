#include "gui/experiment/experiment_view.hpp"

#include <QEvent>
#include <QFileInfo>
#include <QFontMetrics>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QInputDialog>
#include <QLabel>
#include <QListWidget>
#include <QProgressBar>
#include <QPushButton>
#include <QRegularExpression>
#include <QSplitter>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "experiments/results/live_mark.hpp"
#include "gui/experiment/claims_split.hpp"
#include "gui/experiment/coloured.hpp"
#include "gui/experiment/experiment_workspace.hpp"
#include "gui/experiment/matrix_delegate.hpp"
#include "gui/experiment/plan_editor.hpp"
#include "gui/kit/theme.hpp"
#include "gui/model/session.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {
namespace {

enum PlanRole { kPathRole = Qt::UserRole };
constexpr int kSecondMs = 500;    // The countdown's step.
constexpr int kGrowingMs = 2000;  // Between looks at a run of another process.
constexpr int kPlanHeight = 26;

QLabel* heading(const QString& text) {
  auto* label = new QLabel(text);
  label->setFont(text_font(10, true));
  return label;
}

QLabel* wordsLabel() {
  auto* label = new QLabel;
  label->setTextFormat(Qt::RichText);  // Of coloured() alone, which escapes.
  label->setWordWrap(true);
  label->setTextInteractionFlags(Qt::TextSelectableByMouse);
  return label;
}

QVBoxLayout* columnOf(QWidget* widget) {
  auto* column = new QVBoxLayout(widget);
  column->setContentsMargins(12, 10, 12, 10);
  column->setSpacing(8);
  return column;
}

QPushButton* button(const QString& text, const QString& tip) {
  auto* made = new QPushButton(text);
  made->setToolTip(tip);
  return made;
}

}  // namespace

ExperimentView::ExperimentView(PlanPlaces places, QWidget* parent)
    : Workspace(parent),
      places_(std::move(places)),
      check_(places_),
      process_(places_),
      matrix_(new RunMatrix(this)),
      claims_(new ClaimsTable(this)),
      read_([this](const Results& look) { resultsRead(look); }) {
  auto* split = new QSplitter(Qt::Horizontal);
  split->setChildrenCollapsible(false);
  plans_side_ = makePlans();
  split->addWidget(plans_side_);
  split->addWidget(makeEditor());
  split->addWidget(makeRun());
  split->setSizes({112, 330, 838});
  split->setStretchFactor(0, 0);
  split->setStretchFactor(1, 2);
  split->setStretchFactor(2, 3);
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(0, 0, 0, 0);
  row->addWidget(split);

  connect(&check_, &PlanCheck::checked, this, &ExperimentView::showVerdict);
  connect(&process_, &RunProcess::changed, this, &ExperimentView::showRun);
  connect(&process_, &RunProcess::stepDone, this, [this] { readResults(); });
  connect(&process_, &RunProcess::ended, this, [this] {
    readResults();
    emit says(runWords());
  });
  connect(&Themes::instance(), &Themes::changed, this, [this] {
    showVerdict();
    showRun();
  });
  growing_.setInterval(kGrowingMs);
  connect(&growing_, &QTimer::timeout, this, &ExperimentView::readResults);
  second_.setInterval(kSecondMs);
  connect(&second_, &QTimer::timeout, this, &ExperimentView::showRun);
  fillPlans();
  if (plans_->count() > 0) plans_->setCurrentRow(0);
  showVerdict();
  showRun();
}

void ExperimentView::showControls(bool on) {
  for (QWidget* one : {plans_side_, static_cast<QWidget*>(save_), static_cast<QWidget*>(start_),
                       static_cast<QWidget*>(stop_), static_cast<QWidget*>(resume_),
                       static_cast<QWidget*>(open_)}) {
    one->setVisible(on);
  }
}

QWidget* ExperimentView::makePlans() {
  auto* widget = new QWidget;
  auto* column = columnOf(widget);
  column->addWidget(heading(tr("Plans")));
  plans_ = new QListWidget;
  plans_->setAccessibleName(tr("Plans"));
  column->addWidget(plans_, 1);
  connect(plans_, &QListWidget::currentItemChanged, this, [this](QListWidgetItem* item) {
    if (item != nullptr) loadPlan(item->data(kPathRole).toString());
  });
  widget->setMinimumWidth(108);
  return widget;
}

QWidget* ExperimentView::makeEditor() {
  auto* widget = new QWidget;
  auto* column = columnOf(widget);
  auto* row = new QHBoxLayout;
  plan_title_ = heading(tr("Plan"));
  save_ = button(tr("Save as…"), tr("Keep this plan in your own list"));
  row->addWidget(plan_title_, 1);
  row->addWidget(save_);
  editor_ = new PlanEditor;
  plan_says_ = wordsLabel();
  problems_ = new QListWidget;
  problems_->setAccessibleName(tr("Problems of the plan"));
  problems_->setWordWrap(true);
  problems_->setMaximumHeight(132);
  column->addLayout(row);
  column->addWidget(editor_, 1);
  column->addWidget(plan_says_);
  column->addWidget(problems_);
  connect(editor_, &QPlainTextEdit::textChanged, this, &ExperimentView::edited);
  connect(save_, &QPushButton::clicked, this, &ExperimentView::savePlan);
  const auto jump = [this](QListWidgetItem* item) {
    const auto& verdict = check_.verdict();
    const auto index = static_cast<std::size_t>(problems_->row(item));
    if (verdict && index < verdict->problems.size()) editor_->jumpTo(verdict->problems[index]);
  };
  connect(problems_, &QListWidget::itemClicked, this, jump);
  connect(problems_, &QListWidget::itemActivated, this, jump);
  widget->setMinimumWidth(260);
  return widget;
}

QWidget* ExperimentView::makeRun() {
  auto* widget = new QWidget;
  auto* column = columnOf(widget);
  auto* row = new QHBoxLayout;
  run_title_ = heading(tr("Cells"));
  start_ = button(tr("Start"), tr("Run this plan in a process of its own"));
  start_->setDefault(true);
  stop_ = button(tr("Stop"), tr("Let this repetition finish, then stop; again: abort it"));
  resume_ = button(tr("Resume"), tr("Go on with the interrupted run"));
  open_ = button(tr("Open results"), tr("Open the run directory in the other workspaces"));
  row->addWidget(run_title_, 1);
  for (QPushButton* one : {start_, stop_, resume_, open_}) row->addWidget(one);
  bar_ = new QProgressBar;
  bar_->setRange(0, 1000);
  bar_->setTextVisible(false);
  bar_->setAccessibleName(tr("Progress of the run"));
  run_says_ = wordsLabel();
  table_ = new QTableView;
  table_->setAccessibleName(tr("Cells of the plan"));
  table_->setModel(matrix_);
  table_->setItemDelegate(new MatrixDelegate(table_));
  table_->setSelectionBehavior(QAbstractItemView::SelectRows);
  table_->setShowGrid(false);
  table_->setWordWrap(false);
  table_->setTextElideMode(Qt::ElideMiddle);
  table_->verticalHeader()->hide();
  table_->verticalHeader()->setDefaultSectionSize(24);
  table_->horizontalHeader()->setHighlightSections(false);
  table_->horizontalHeader()->setMinimumSectionSize(50);
  const int widths[RunMatrix::kMoreAxes] = {78, 0, 56, 92, 76, 90, 90, 90, 76};
  for (int i = 0; i < RunMatrix::kMoreAxes; ++i) {
    if (i != RunMatrix::kCell) table_->setColumnWidth(i, widths[i]);
  }
  connect(matrix_, &QAbstractItemModel::modelReset, this, &ExperimentView::fitCells);
  column->addLayout(row);
  column->addWidget(bar_);
  column->addWidget(run_says_);
  column->addWidget(new ClaimsSplit(table_, claims_), 1);
  connect(start_, &QPushButton::clicked, this, &ExperimentView::startRun);
  connect(stop_, &QPushButton::clicked, this, &ExperimentView::stopRun);
  connect(resume_, &QPushButton::clicked, this, &ExperimentView::resumeRun);
  connect(open_, &QPushButton::clicked, this, [this] { emit wantsRun(process_.directory()); });
  widget->setMinimumWidth(420);
  return widget;
}

// Axes stand side by side behind the state, each as wide as its values: what has no room is a scroll away and
// not cut.
void ExperimentView::fitCells() {
  constexpr int kLeast = 60, kMost = 260, kAround = 16;
  QHeaderView* header = table_->horizontalHeader();
  const QFontMetrics metrics(table_->font());
  for (int axis = 0; axis < matrix_->axisCount(); ++axis) {
    const int column = axis == 0 ? RunMatrix::kCell : RunMatrix::kMoreAxes + axis - 1;
    header->moveSection(header->visualIndex(column), RunMatrix::kCell + axis);
    int wanted = metrics.horizontalAdvance(matrix_->headerData(column, Qt::Horizontal).toString());
    for (int row = 0; row < matrix_->rowCount(); ++row) {
      wanted = std::max(wanted,
                        metrics.horizontalAdvance(matrix_->index(row, column).data().toString()));
    }
    table_->setColumnWidth(column, std::clamp(wanted + kAround, kLeast, kMost));
  }
}

// ---- plans

void ExperimentView::fillPlans() {
  plans_->clear();
  const auto add = [this](const QString& name, const QString& path, const QString& says) {
    auto* item = new QListWidgetItem(name);
    item->setData(kPathRole, path);
    item->setToolTip(says.isEmpty() ? path : says + QLatin1Char('\n') + path);
    item->setSizeHint({0, kPlanHeight});
    plans_->addItem(item);
  };
  if (!adopted_plan_.isEmpty()) {
    const QString tip = tr("The plan that the opened run was started with");
    const QString settings = settingArguments(adopted_overrides_).join(QLatin1Char(' '));
    add(tr("this run"), adopted_plan_,
        settings.isEmpty() ? tip : tip + QLatin1Char('\n') + settings);
  }
  for (const PlanFile& plan : listPlans(places_)) {
    add(plan.bundled ? plan.name : tr("%1 (mine)").arg(plan.name), plan.path, plan.description);
  }
  if (plans_->count() > 0) return;
  auto* item = new QListWidgetItem(tr("none found"));
  item->setToolTip(tr("There are no plans in %1").arg(places_.bundled));
  item->setFlags(Qt::NoItemFlags);
  plans_->addItem(item);
}

void ExperimentView::loadPlan(const QString& path) {
  if (path.isEmpty()) return;
  QString text, error;
  if (!readText(path, text, error)) {
    emit says(error);
    return;
  }
  path_ = path;
  original_ = text;
  plan_title_->setToolTip(path);
  editor_->setPlainText(drafts_.value(path, text));
  edited();
}

// Edits stay with their plan when another one is looked at.
void ExperimentView::edited() {
  const QString text = editor_->toPlainText();
  const bool changed = text != original_;
  if (changed) {
    drafts_[path_] = text;
  } else {
    drafts_.remove(path_);
  }
  const QString name = path_.isEmpty()          ? tr("Plan")
                       : path_ == adopted_plan_ ? tr("Plan of the run")
                                                : QFileInfo(path_).fileName();
  plan_title_->setText(changed ? tr("%1 (edited)").arg(name) : name);
  const QStringList overrides = overridesOfShown();
  // Colours of the text are changes too.
  if (text == check_.text() && overrides == check_.overrides()) return;
  check_.setText(text, overrides);
  showVerdict();
}

QStringList ExperimentView::overridesOfShown() const {
  return !path_.isEmpty() && path_ == adopted_plan_ ? adopted_overrides_ : QStringList();
}

void ExperimentView::revert() {
  drafts_.remove(path_);
  editor_->setPlainText(original_);
}

void ExperimentView::showPlan(const QString& plan) {
  for (int i = 0; i < plans_->count(); ++i) {
    const QString path = plans_->item(i)->data(kPathRole).toString();
    if (path != plan && QFileInfo(path).completeBaseName() != plan) continue;
    if (plans_->currentRow() == i) loadPlan(path);
    return plans_->setCurrentRow(i);
  }
  loadPlan(plan);
}

void ExperimentView::savePlan() {
  bool good = false;
  const QString given =
      QInputDialog::getText(this, tr("Save the plan"), tr("Name"), QLineEdit::Normal,
                            planName(editor_->toPlainText()), &good);
  if (!good) return;
  static const QRegularExpression allowed(QStringLiteral("^[a-z0-9-]{1,64}$"));
  if (!allowed.match(given).hasMatch()) {
    return emit says(tr("A plan's name has a to z, 0 to 9 and -"));
  }
  QString error;
  const QString path = places_.saved + QLatin1Char('/') + given + QStringLiteral(".toml");
  if (!writeText(path, editor_->toPlainText(), error)) return emit says(error);
  emit says(tr("Saved %1").arg(path));
  fillPlans();
  showPlan(path);
}

QString ExperimentView::planWords() const {
  const auto& verdict = check_.verdict();
  if (!verdict) return coloured(tr("checking…"), theme().muted);
  if (!verdict->failure.isEmpty()) {
    return coloured(tr("The plan cannot be checked: %1").arg(verdict->failure), theme().bad);
  }
  if (!verdict->valid) {
    const auto count = verdict->problems.size();
    return coloured(countedText(static_cast<std::uint64_t>(count), "problem"), theme().bad);
  }
  const auto each = static_cast<std::uint64_t>(verdict->repetitions);
  QString words = tr("%1, %2 each, about %3")
                      .arg(countedText(verdict->cells.size(), "cell"),
                           countedText(each, "repetition"), waitText(verdict->estimated_s));
  if (verdict->most_repetitions > 0) {
    words +=
        tr(", up to %1 (%2 each) until they are narrow")
            .arg(waitText(verdict->most_estimated_s),
                 countedText(static_cast<std::uint64_t>(verdict->most_repetitions), "repetition"));
  }
  if (!check_.overrides().isEmpty()) {
    words += tr(", with %1").arg(settingArguments(check_.overrides()).join(QLatin1Char(' ')));
  }
  return coloured(
      verdict->notes.isEmpty() ? words : words + QLatin1Char('\n') + verdict->notes.join('\n'),
      theme().text);
}

void ExperimentView::showVerdict() {
  const auto& verdict = check_.verdict();
  plan_says_->setText(planWords());
  if (verdict) {
    problems_->clear();
    for (const PlanProblem& problem : verdict->problems) {
      const QString place = problem.line > 0 ? tr("line %1: ").arg(problem.line) : QString();
      problems_->addItem(place + problem.message);
    }
    editor_->setProblems(verdict->problems);
    // The cells of the adopted run are those that its results name.
    if (verdict->valid && !process_.running() && !showsAdopted()) {
      matrix_->setPlan(verdict->cells, verdict->repetitions, verdict->hash,
                       verdict->most_repetitions);
      if (claims_->claims().plan_hash != verdict->hash) claims_->clear();
    }
    // If the run that is shown was of this very plan, its results come back.
    if (!process_.running() && !process_.directory().isEmpty()) readResults();
  }
  problems_->setVisible(verdict && !verdict->problems.empty());
  showRun();
}

// ---- the run

void ExperimentView::startRun() {
  const auto& verdict = check_.verdict();
  if (process_.running() || !verdict || !verdict->valid) return;
  QString error;
  running_plan_ = run_folder_.filePath(verdict->name + QStringLiteral(".toml"));
  if (!writeText(running_plan_, check_.text(), error)) return emit says(error);
  run_trouble_.clear();
  matrix_->setPlan(verdict->cells, verdict->repetitions, verdict->hash, verdict->most_repetitions);
  claims_->clear();
  running_overrides_ = check_.overrides();
  process_.start(running_plan_, running_overrides_);
  second_.start();
}

void ExperimentView::showRunOf(const QString& run_directory) {
  const QString plan = run_directory + QStringLiteral("/plan.toml");
  if (process_.running() || !QFileInfo::exists(plan)) return;  // A bare trace file has no plan.
  running_plan_ = adopted_plan_ = plan;
  running_overrides_ = adopted_overrides_ = overridesOf(run_directory);
  run_trouble_.clear();
  claims_->clear();
  process_.adopt(run_directory, {}, 0, 0);
  fillPlans();
  showPlan(plan);
  readResults();
}

void ExperimentView::stopRun() { process_.stop(); }

void ExperimentView::resumeRun() {
  if (!canResume()) return;
  run_trouble_.clear();
  process_.resume(running_plan_, process_.directory(), running_overrides_);
  second_.start();
}

// It never said that it is over: its process died, or is on another machine.
bool ExperimentView::diedOrFar() const {
  return !process_.running() && process_.outcome() == QLatin1String("running") &&
         !results::find_live(process_.directory().toStdString());
}

bool ExperimentView::canResume() const { return process_.canResume() || diedOrFar(); }

QString ExperimentView::runWords() const {
  const QString run = QFileInfo(process_.directory()).fileName();
  if (!process_.trouble().isEmpty()) return process_.trouble();
  if (!run_trouble_.isEmpty()) return run_trouble_;
  if (process_.running()) {
    if (process_.steps() == 0) return tr("starting…");
    QString words =
        tr("%1 of %2")
            .arg(process_.finishedSteps())
            .arg(countedText(static_cast<std::uint64_t>(process_.steps()), "repetition"));
    const auto left = process_.remaining();
    if (left && process_.state() == RunProcess::State::kRunning) {
      words += tr(", %1 left").arg(waitText(*left));
    }
    if (process_.state() == RunProcess::State::kStopping) {
      words += tr(" · stops after this repetition; Abort gives it up");
    } else if (process_.state() == RunProcess::State::kAborting) {
      words += tr(" · aborting");
    }
    return words;
  }
  if (!matrix_->ofThisPlan()) {
    const QString other = tr("planned; the open run, %1, is of another plan").arg(run);
    if (matrix_->similar() == 0) return other;
    return other + tr(" and has %1 of these cells with the same settings: \"this run\" shows them")
                       .arg(matrix_->similar());
  }
  if (process_.outcome() == QLatin1String("interrupted")) {
    return tr("interrupted; Resume goes on where it stopped · %1").arg(run);
  }
  if (process_.outcome() == QLatin1String("finished")) return tr("finished · %1").arg(run);
  if (process_.outcome() == QLatin1String("running")) {
    return diedOrFar() ? tr("did not end, and no process here is at work on it; Resume measures "
                            "the rest · %1")
                             .arg(run)
                       : tr("not finished: it runs in another process · %1").arg(run);
  }
  if (process_.outcome() == QLatin1String("failed")) return tr("failed · %1").arg(run);
  if (!process_.directory().isEmpty()) return tr("reading %1").arg(run);
  return tr("Start runs the plan; cells fill in as they finish.");
}

void ExperimentView::showRun() {
  using State = RunProcess::State;
  const bool running = process_.running();
  const bool valid = check_.verdict() && check_.verdict()->valid;
  if (!running) second_.stop();
  start_->setEnabled(!running && valid);
  stop_->setEnabled(running && process_.state() != State::kAborting);
  stop_->setText(process_.state() == State::kRunning || !running ? tr("Stop") : tr("Abort"));
  resume_->setEnabled(canResume());
  const bool results = matrix_->anythingDone() || matrix_->similar() > 0;
  open_->setEnabled(!running && results && !process_.directory().isEmpty());
  bar_->setValue(matrix_->ofThisPlan() || running ? static_cast<int>(process_.share() * 1000) : 0);
  const bool older = !running && check_.verdict() && !valid && matrix_->rowCount() > 0;
  const QString count = tr("Cells (%L1)").arg(matrix_->rowCount());
  run_title_->setText(older ? tr("%1 of the last plan without problems").arg(count) : count);
  const bool trouble = !process_.trouble().isEmpty() || !run_trouble_.isEmpty();
  run_says_->setText(coloured(runWords(), trouble ? theme().bad : theme().muted));
  matrix_->setCurrent(process_.currentCell(), process_.currentRepetition());
}

void ExperimentView::readResults() {
  const QString directory = process_.directory();
  if (directory.isEmpty()) return;
  read_.ask([directory] {
    Look look{directory, results::read_run(directory.toStdString()), {}};
    if (look.run) look.claims = judgeClaims(*look.run);
    return std::make_shared<const Look>(std::move(look));
  });
}

// Of all cells; as many as were measured where the run does not say.
static int plannedRepetitions(const results::RunData& run) {
  const auto planned = run.run_settings.find("repetitions");
  const int each =
      planned == run.run_settings.end() ? 0 : QString::fromStdString(planned->second).toInt();
  int all = 0;
  for (const results::CellData& cell : run.cells) {
    all += std::max(each, static_cast<int>(cell.repetitions.size()));
  }
  return all;
}

void ExperimentView::resultsRead(const Results& look) {
  if (look->directory != process_.directory()) return;  // Another run was opened or started.
  if (const auto& run = look->run) {
    run_trouble_.clear();
    if (showsAdopted() && !process_.running()) matrix_->setPlanOf(*run);
    matrix_->setResults(*run);
    claims_->setClaims(matrix_->ofThisPlan() ? look->claims : Claims());
    if (adopted() && !process_.running()) {
      int finished = 0;
      for (const results::CellData& cell : run->cells) {
        finished += static_cast<int>(cell.repetitions.size());
      }
      process_.adopt(process_.directory(), QString::fromStdString(run->manifest.outcome), finished,
                     plannedRepetitions(*run));
    }
    // Another process goes on with it; when it ends this is the last look.
    if (adopted() && process_.outcome() == QLatin1String("running")) {
      growing_.start();
    } else {
      growing_.stop();
    }
  } else {
    run_trouble_ = QString::fromStdString(look->run.error().message);
  }
  showRun();
}

Workspace* make_experiment(Session& session, QWidget* parent) {
  auto* view = new ExperimentView(PlanPlaces::fromEnvironment(), parent);
  const auto show = [view, &session] {
    if (session.run() != nullptr) view->showRunOf(QString::fromStdString(session.run()->path()));
  };
  QObject::connect(&session, &Session::runChanged, view, show);
  QObject::connect(&session, &Session::cellsChanged, view, &ExperimentView::readResults);
  show();
  return view;
}

// ---- the application

bool ExperimentView::settled() const { return !check_.busy() && !read_.busy(); }

QString ExperimentView::caption() const {
  const QString run = QFileInfo(process_.directory()).fileName();
  return run.isEmpty() ? plan_title_->text() : tr("run %1").arg(run);
}

std::vector<ActionRow> ExperimentView::actions() {
  return {{"experiment.start",
           tr("Start the plan"),
           {QKeySequence(Qt::CTRL | Qt::Key_Return)},
           tr("Run the plan in the editor."),
           "Run",
           [this] { startRun(); },
           [this] { return start_->isEnabled(); }},
          {"experiment.stop",
           tr("Stop the run"),
           {QKeySequence(Qt::CTRL | Qt::Key_Period)},
           tr("Once: after this repetition. Twice: now."),
           "Run",
           [this] { stopRun(); },
           [this] { return stop_->isEnabled(); }},
          {"experiment.resume",
           tr("Resume the run"),
           {},
           tr("Go on where it stopped."),
           "Run",
           [this] { resumeRun(); },
           [this] { return resume_->isEnabled(); }},
          {"experiment.open",
           tr("Open the results"),
           {},
           tr("In the other workspaces."),
           "Run",
           [this] { emit wantsRun(process_.directory()); },
           [this] { return open_->isEnabled(); }},
          {"experiment.save",
           tr("Save the plan as…"),
           {QKeySequence(Qt::CTRL | Qt::Key_S)},
           tr("Keep it in your own list."),
           "File",
           [this] { savePlan(); }},
          {"experiment.revert",
           tr("Undo all edits of this plan"),
           {},
           tr("Back to the plan's file."),
           "File",
           [this] { revert(); },
           [this] { return drafts_.contains(path_); }},
          {"experiment.find",
           tr("Edit the plan"),
           {QKeySequence(Qt::CTRL | Qt::Key_F)},
           tr("Move the keyboard to the editor."),
           "Go",
           [this] { editor_->setFocus(); }}};
}

}  // namespace violet::gui
