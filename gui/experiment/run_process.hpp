// A run process runs a plan in a process of its own and follows the progress that it writes.
//
// Threading: the main thread.
// Invariants: One run at a time. The first stop() lets the repetition in hand finish, the second
// aborts it; both leave a run that can be resumed. The process never outlives this object, nor
// this program: the kernel interrupts it when this program ends.
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QString>
#include <QStringList>
#include <optional>

#include "gui/experiment/plan_places.hpp"

class QProcess;

namespace violet::gui {

class RunProcess : public QObject {
  Q_OBJECT
 public:
  enum class State { kIdle, kRunning, kStopping, kAborting };

  explicit RunProcess(PlanPlaces places, QObject* parent = nullptr);
  ~RunProcess() override;

  // False when one is running. The plan's file may go once started() or failed() came.
  // `overrides`: what is given to --set.
  bool start(const QString& plan_file, const QStringList& overrides = {});
  // Goes on with an interrupted run of the same plan and overrides.
  bool resume(const QString& plan_file, const QString& run_directory,
              const QStringList& overrides = {});
  void stop();
  // A run that was measured elsewhere, to be looked at, and resumed when it was interrupted. `outcome` as in its
  // manifest. False while one of ours is running.
  bool adopt(const QString& run_directory, const QString& outcome, int finished, int steps);

  State state() const { return state_; }
  bool running() const { return state_ != State::kIdle; }
  qint64 processId() const;

  // Of the run that is going on, or that was last.
  const QString& directory() const { return directory_; }  // Empty until the program has said it.
  int finishedSteps() const { return finished_; }
  int steps() const { return steps_; }
  double share() const { return share_; }
  // Seconds left by the program's own estimate, counted down since it made it; nothing when idle.
  std::optional<double> remaining() const;
  const QString& currentCell() const { return cell_; }
  int currentRepetition() const { return repetition_; }
  const QStringList& notes() const { return notes_; }
  // How the last one ended: "finished", "interrupted", "failed", or empty; "running" in another process.
  const QString& outcome() const { return outcome_; }
  // In words, with what the program said; empty for a run that finished well.
  const QString& trouble() const { return trouble_; }
  bool canResume() const {
    return !running() && outcome_ == QLatin1String("interrupted") && !directory_.isEmpty();
  }

 signals:
  void changed();
  void stepDone(const QString& cell, int repetition);
  void ended();

 private:
  bool launch(const QStringList& arguments);
  void readErrors();
  void readLine(const QByteArray& line);
  void end(int code, bool crashed);
  QString troubleOf(int code, bool crashed) const;

  PlanPlaces places_;
  QProcess* process_ = nullptr;
  State state_ = State::kIdle;
  QByteArray partial_;
  QString directory_, cell_, outcome_, trouble_;
  QStringList notes_, words_;
  int repetition_ = 0, finished_ = 0, steps_ = 0;
  double share_ = 0, remaining_s_ = 0;
  QElapsedTimer since_estimate_;
};

}  // namespace violet::gui
