// The plan places name the program, the bundled plans and the runs, from the same environment that
// the launcher sets for the program itself.
//
// Threading: pure functions of environment and file system.
#pragma once

#include <QString>
#include <QStringList>
#include <vector>

namespace violet::gui {

struct PlanPlaces {
  QString program;  // VIOLET_PROGRAM, or `violet` beside this executable.
  QString root;     // VIOLET_ROOT, or the folder above build/.
  QString bundled;  // root/experiments/plans
  QString saved;    // Plans of the user, in the platform's folder for data.
  QString runs;     // VIOLET_RUNS, or root/runs.

  static PlanPlaces fromEnvironment();
};

struct PlanFile {
  QString name;         // "strategies"
  QString description;  // What its [plan] table says.
  QString path;
  bool bundled = true;
};
// Bundled plans by name, then saved ones by name.
std::vector<PlanFile> listPlans(const PlanPlaces& places);
// The name and the description that a plan's text gives itself; empty where it gives none.
QString planName(const QString& text);
QString planDescription(const QString& text);

// What a run was given with --set beside its plan.toml, as its resolved.json says; none where there is none.
QStringList overridesOf(const QString& run_directory);

// At most 1 MiB, which is also the program's limit; nothing where the file cannot be read.
bool readText(const QString& path, QString& text, QString& error);
bool writeText(const QString& path, const QString& text, QString& error);

}  // namespace violet::gui
