#include "gui/app/live_line.hpp"

#include <QObject>
#include <QStringList>

#include "experiments/results/live_mark.hpp"
#include "experiments/results/manifest.hpp"
#include "experiments/results/progress.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {

namespace {

QString stepText(const RunProgress& progress) {
  if (!progress.step) return QObject::tr("live");
  return QObject::tr("cell %L1 of %L2").arg(progress.step->number).arg(progress.step->of);
}

}  // namespace

QString liveLine(const RunProgress& progress, std::size_t cells, bool pinned) {
  switch (progress.state) {
    case RunProgress::State::kRecorded:
      return {};
    case RunProgress::State::kEnded:
      return QObject::tr("run %1").arg(qt(progress.how));
    case RunProgress::State::kDied:
      return QObject::tr("run died");
    case RunProgress::State::kRunning:
      break;
  }
  const QString lost = QObject::tr("all cells lost %L1").arg(progress.lost);
  // Nobody is at work any more: neither a place in the plan nor a time that is left.
  if (!progress.how.empty()) {
    return QObject::tr("%1 · reading what it left · %2")
        .arg(progress.died ? QObject::tr("died") : qt(progress.how), lost);
  }
  QStringList parts{stepText(progress)};
  if (progress.remaining_s)
    parts << QObject::tr("%1 left").arg(qt(results::duration_text(*progress.remaining_s)));
  if (progress.lag_s)
    parts << QObject::tr("lag %1").arg(durationText(*progress.lag_s * 1e9));
  else
    parts << (cells == 0 ? QObject::tr("no cell yet") : QObject::tr("between cells"));
  parts << lost;
  if (pinned) parts << QObject::tr("pinned");
  return parts.join(QStringLiteral(" · "));
}

bool isLate(const RunProgress& progress) {
  return progress.state == RunProgress::State::kDied || progress.died ||
         (progress.lag_s && *progress.lag_s > kLateS);
}

QString unfinishedText(const QString& run_directory) {
  const std::string path = run_directory.toStdString();
  const auto manifest = results::read_manifest(path);
  if (!manifest || manifest->outcome != "running") return {};
  if (results::find_live(path)) {
    return QObject::tr(
        "This run goes on: what is shown is what it had recorded when it was opened. --live, or "
        "opening it again, shows more.");
  }
  return QObject::tr(
      "This run has not said that it is over, and no process here runs it: it died, or goes on on "
      "another machine. Cells that had ended are whole; the last one ends where the recording "
      "does.");
}

QString endingText(const RunProgress& progress, const QString& cell) {
  if (progress.state == RunProgress::State::kDied) {
    QString where = cell.isEmpty() ? QObject::tr("before its first cell") : cell;
    if (progress.step && !cell.isEmpty())
      where = QObject::tr("in %1, %2").arg(stepText(progress), cell);
    return QObject::tr(
               "The run died %1: %2. Cells that had ended are whole, and what was recorded of the "
               "last one "
               "stays; ./violet run PLAN --resume measures the rest.")
        .arg(where, qt(progress.how));
  }
  if (progress.how == "finished")
    return QObject::tr("The run has finished; this is its recording.");
  if (progress.how == "interrupted") {
    return QObject::tr(
        "The run was interrupted; this is the recording of what it had measured. ./violet run PLAN "
        "--resume goes on.");
  }
  return QObject::tr(
             "The run has %1: its log.txt says why. This is the recording of what it had measured.")
      .arg(qt(progress.how));
}

}  // namespace violet::gui
