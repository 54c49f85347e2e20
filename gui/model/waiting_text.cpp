#include "gui/model/waiting_text.hpp"

#include "gui/model/text.hpp"

namespace violet::gui {

QString waitingText(const RunProgress& progress) {
  if (progress.state != RunProgress::State::kRecorded && !progress.how.empty()) {
    const QString says = progress.died
                             ? QStringLiteral("The run died: %1.").arg(qt(progress.how))
                             : QStringLiteral("The run is over (%1).").arg(qt(progress.how));
    return says + QStringLiteral(" Nothing of it is shown so far; what it left is being read.");
  }
  constexpr double kSoonS = 0.5;
  const bool measured = progress.step && progress.step->number > 1;
  const bool late = progress.lag_s && *progress.lag_s > kSoonS;
  if (!measured && !late && progress.lost == 0)
    return QStringLiteral("The run has recorded no cell so far.");
  QString says = progress.step ? QStringLiteral("The run is at cell %L1 of %L2, and nothing")
                                     .arg(progress.step->number)
                                     .arg(progress.step->of)
                               : QStringLiteral("The run records, and nothing");
  says += QStringLiteral(
      " of it is shown so far: this window is behind the run, and gets to read it when the machine "
      "has a CPU to spare.");
  if (progress.lost > 0)
    says += QStringLiteral(" What it missed is lost to it, and in the recording.");
  return says;
}

}  // namespace violet::gui
