// A plan check lets the program that would run a plan judge it while it is written: `violet run
// FILE --dry-run`, with the --set of the run that the plan belongs to.
//
// Threading: the main thread; the program is a process of its own.
// Invariants: At most one check runs; of the texts that come while it does only the newest is
// checked. A verdict is always about the newest text: an older one is never delivered. No process
// outlives the object.
#pragma once

#include <QObject>
#include <QString>
#include <QTemporaryDir>
#include <QTimer>
#include <optional>
#include <vector>

#include "gui/experiment/plan_places.hpp"

class QProcess;

namespace violet::gui {

struct PlanProblem {
  int line = 0, column = 0;  // From 1; 0: no place in the file.
  QString message;           // "key 'axes.strategy': expected ..., did you mean 'strict'?"
  bool operator==(const PlanProblem&) const = default;
};

struct PlannedCell {
  QString id, label;
};

struct PlanVerdict {
  bool valid = false;
  std::vector<PlanProblem> problems;
  QString name, hash;
  int repetitions = 0;
  int most_repetitions = 0;  // Of cells that are repeated until they are narrow; 0: none are.
  double estimated_s = 0, most_estimated_s = 0;
  std::vector<PlannedCell> cells;
  QStringList notes;
  QString failure;  // The program could not be asked: why.
};
// "--set X" for each of them.
QStringList settingArguments(const QStringList& overrides);
// Of what the program printed; a text that is none of its documents is a failure.
PlanVerdict verdictOf(const QByteArray& json, const QByteArray& words);

class PlanCheck : public QObject {
  Q_OBJECT
 public:
  static constexpr int kQuietMs = 250;  // After the last key.

  explicit PlanCheck(PlanPlaces places, QObject* parent = nullptr);
  ~PlanCheck() override;

  // `overrides`: "run.repetitions=2" as given to --set.
  void setText(const QString& text, const QStringList& overrides = {});
  const QString& text() const { return text_; }
  const QStringList& overrides() const { return overrides_; }
  const std::optional<PlanVerdict>& verdict() const { return verdict_; }
  bool busy() const { return process_ != nullptr || quiet_.isActive(); }
  // The file that holds the text that was checked last.
  QString file() const { return folder_.filePath(QStringLiteral("plan.toml")); }

 signals:
  void checked();

 private:
  void start();
  void finish();
  void deliver(PlanVerdict verdict);

  PlanPlaces places_;
  QTemporaryDir folder_;
  QTimer quiet_;
  QProcess* process_ = nullptr;
  QString text_, checked_text_;
  QStringList overrides_, checked_overrides_;
  std::optional<PlanVerdict> verdict_;
};

}  // namespace violet::gui
