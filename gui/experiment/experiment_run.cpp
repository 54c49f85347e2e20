// The half of the Experiment workspace that runs a plan.
#include <QFileInfo>
#include <QLabel>
#include <QListWidget>
#include <QProgressBar>
#include <QPushButton>

#include "gui/experiment/coloured.hpp"
#include "gui/experiment/experiment_view.hpp"
#include "gui/experiment/experiment_workspace.hpp"
#include "gui/kit/theme.hpp"
#include "gui/model/session.hpp"

namespace violet::gui {

void ExperimentView::startRun() {
  const auto& verdict = check_.verdict();
  if (process_.running() || !verdict || !verdict->valid) return;  // E1
  QString error;
  running_plan_ = run_folder_.filePath(verdict->name + QStringLiteral(".toml"));
  if (!writeText(running_plan_, check_.text(), error)) return emit says(error);
  run_trouble_.clear();
  matrix_->setPlan(verdict->cells, verdict->repetitions);
  process_.start(running_plan_);
  second_.start();
}

void ExperimentView::showRunOf(const QString& run_directory) {
  const QString plan = run_directory + QStringLiteral("/plan.toml");
  if (process_.running() || !QFileInfo::exists(plan)) return;  // A bare trace file has no plan.
  running_plan_ = adopted_plan_ = plan;
  run_trouble_.clear();
  process_.adopt(run_directory, {}, 0, 0);
  fillPlans();
  showPlan(plan);
  readResults();
}

void ExperimentView::stopRun() { process_.stop(); }

void ExperimentView::resumeRun() {
  if (!process_.canResume()) return;
  run_trouble_.clear();
  process_.resume(running_plan_, process_.directory());
  second_.start();
}

QString ExperimentView::runWords() const {
  const QString run = QFileInfo(process_.directory()).fileName();
  if (!process_.trouble().isEmpty()) return process_.trouble();
  if (!run_trouble_.isEmpty()) return run_trouble_;
  if (process_.running()) {
    if (process_.steps() == 0) return tr("starting…");
    QString words = tr("%1 of %2 repetitions").arg(process_.finishedSteps()).arg(process_.steps());
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
  if (process_.outcome() == QLatin1String("interrupted")) {
    return tr("interrupted; Resume goes on where it stopped · %1").arg(run);
  }
  if (process_.outcome() == QLatin1String("finished")) return tr("finished · %1").arg(run);
  if (process_.outcome() == QLatin1String("running")) {
    return tr("not finished: it runs in another process, or was killed · %1").arg(run);
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
  resume_->setEnabled(process_.canResume());
  open_->setEnabled(!running && matrix_->anythingDone() && !process_.directory().isEmpty());
  bar_->setValue(static_cast<int>(process_.share() * 1000));
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
    return std::make_shared<const Result<results::RunData>>(
        results::read_run(directory.toStdString()));
  });
}

void ExperimentView::takeResults(const Results& run) {
  if (*run) {
    run_trouble_.clear();
    matrix_->setResults(**run);
    if (adopted() && !process_.running()) {
      const int each = matrix_->repetitions(), cells = static_cast<int>((*run)->cells.size());
      int finished = 0;
      for (const results::CellData& cell : (*run)->cells) {
        finished += static_cast<int>(cell.repetitions.size());
      }
      process_.adopt(process_.directory(), QString::fromStdString((*run)->manifest.outcome),
                     finished, cells * each);
    }
  } else {
    run_trouble_ = QString::fromStdString(run->error().message);
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

}  // namespace violet::gui
