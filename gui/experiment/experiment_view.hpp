// The experiment view lays out the widgets of the Experiment workspace; see
// experiment_workspace.hpp.
//
// Threading: the main thread.
// Invariants: Only a plan without problems can be started. What is shown as measured was read from
// the run directory of a run of the very plan that is shown.
#pragma once

#include <QHash>
#include <QTimer>
#include <memory>

#include "gui/experiment/claims_table.hpp"
#include "gui/experiment/plan_check.hpp"
#include "gui/experiment/run_matrix.hpp"
#include "gui/experiment/run_process.hpp"
#include "gui/kit/workspace.hpp"
#include "gui/model/query.hpp"

class QLabel;
class QListWidget;
class QProgressBar;
class QPushButton;
class QTableView;

namespace violet::gui {

class PlanEditor;
class Session;

class ExperimentView : public Workspace {
  Q_OBJECT
 public:
  explicit ExperimentView(PlanPlaces places, QWidget* parent = nullptr);

  QString name() const override { return tr("Experiment"); }
  std::vector<ActionRow> actions() override;
  bool settled() const override;
  QString caption() const override;
  void showControls(bool on) override;

  PlanCheck& check() { return check_; }
  RunProcess& process() { return process_; }
  RunMatrix& matrix() { return *matrix_; }
  ClaimsTable& claims() { return *claims_; }

 public slots:
  void showPlan(const QString& plan);
  // The plan of a run directory and what it has measured; ignored while a run of ours is going on.
  void showRunOf(const QString& run_directory);
  // Of the run that is shown: looks again, because it may have measured more.
  void readResults();
  void startRun();
  void stopRun();
  void resumeRun();

 private:
  // Of one look at a run, made and judged on the thread that read it.
  struct Look {
    QString directory;
    Result<results::RunData> run;
    Claims claims;
  };
  using Results = std::shared_ptr<const Look>;
  QWidget* makePlans();
  QWidget* makeEditor();
  QWidget* makeRun();
  void fitCells();
  void fillPlans();
  void loadPlan(const QString& path);
  void edited();
  void revert();
  void savePlan();
  void showVerdict();
  void showRun();
  void resultsRead(const Results& look);
  bool adopted() const { return !running_plan_.isEmpty() && running_plan_ == adopted_plan_; }
  // The plan in the editor is that of the adopted run, as it is.
  bool showsAdopted() const {
    return adopted() && path_ == adopted_plan_ && !drafts_.contains(path_);
  }
  QStringList overridesOfShown() const;
  bool diedOrFar() const;
  bool canResume() const;
  QString runWords() const;
  QString planWords() const;

  PlanPlaces places_;
  PlanCheck check_;
  RunProcess process_;
  RunMatrix* matrix_;
  ClaimsTable* claims_;  // Of the run whose results are in the matrix.
  Query<Results> read_;
  QTimer second_;
  QTimer growing_;        // An adopted run that another process is still measuring.
  QString running_plan_;  // The file that the process was given.
  QString adopted_plan_;  // The plan.toml of a run that was not started here.
  QStringList running_overrides_, adopted_overrides_;  // What they were given with --set.
  QTemporaryDir run_folder_;
  QString run_trouble_;
  QString path_, original_;
  QHash<QString, QString> drafts_;  // Edits of plans that are not in front, by path.

  QListWidget *plans_, *problems_;
  PlanEditor* editor_;
  QLabel *plan_title_, *plan_says_, *run_title_, *run_says_;
  QPushButton *save_, *start_, *stop_, *resume_, *open_;
  QWidget* plans_side_;
  QProgressBar* bar_;
  QTableView* table_;
};

}  // namespace violet::gui
