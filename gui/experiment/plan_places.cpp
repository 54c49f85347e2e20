#include "gui/experiment/plan_places.hpp"

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>
#include <QRegularExpression>
#include <QSaveFile>
#include <QStandardPaths>
#include <nlohmann/json.hpp>

#include "engine/base/files.hpp"
#include "engine/base/foreign_json.hpp"
#include "experiments/results/run_directory.hpp"

namespace violet::gui {
namespace {

constexpr std::uint64_t kMostBytes = 1 << 20;  // Of a plan.

QString fromEnvironmentOr(const char* name, const QString& otherwise) {
  const QString value = qEnvironmentVariable(name);
  return value.isEmpty() ? otherwise : value;
}

// The value of `key` in the [plan] table; plans are checked by the program, this is for the list only.
QString valueOf(const QString& text, const QString& key) {
  static const QRegularExpression table(QStringLiteral(R"(^\s*\[plan\]\s*$)"),
                                        QRegularExpression::MultilineOption);
  const auto found = table.match(text);
  if (!found.hasMatch()) return {};
  QString body = text.mid(found.capturedEnd());
  static const QRegularExpression next(QStringLiteral(R"(^\s*\[)"),
                                       QRegularExpression::MultilineOption);
  body.truncate(next.match(body).hasMatch() ? next.match(body).capturedStart() : body.size());
  const QRegularExpression line(QStringLiteral(R"re(^\s*%1\s*=\s*"([^"\n]*)")re").arg(key),
                                QRegularExpression::MultilineOption);
  return line.match(body).captured(1);
}

void addPlans(const QString& folder, bool bundled, std::vector<PlanFile>& plans) {
  for (const QFileInfo& info :
       QDir(folder).entryInfoList({QStringLiteral("*.toml")}, QDir::Files, QDir::Name)) {
    QString text, error;
    readText(info.filePath(), text, error);
    plans.push_back(
        {info.completeBaseName(), planDescription(text), info.absoluteFilePath(), bundled});
  }
}

}  // namespace

PlanPlaces PlanPlaces::fromEnvironment() {
  const QDir bin(QCoreApplication::applicationDirPath());
  PlanPlaces places;
  places.program = fromEnvironmentOr("VIOLET_PROGRAM", bin.filePath(QStringLiteral("violet")));
  // build/<preset>/bin
  places.root =
      fromEnvironmentOr("VIOLET_ROOT", QDir::cleanPath(bin.filePath(QStringLiteral("../../.."))));
  places.bundled = places.root + QStringLiteral("/experiments/plans");
  places.saved =
      QStandardPaths::writableLocation(QStandardPaths::AppDataLocation) + QStringLiteral("/plans");
  places.runs = fromEnvironmentOr("VIOLET_RUNS", places.root + QStringLiteral("/runs"));
  return places;
}

std::vector<PlanFile> listPlans(const PlanPlaces& places) {
  std::vector<PlanFile> plans;
  addPlans(places.bundled, true, plans);
  addPlans(places.saved, false, plans);
  return plans;
}

QString planName(const QString& text) { return valueOf(text, QStringLiteral("name")); }
QString planDescription(const QString& text) {
  return valueOf(text, QStringLiteral("description"));
}

QStringList overridesOf(const QString& run_directory) {
  // Of a run from elsewhere it may be a pipe.
  const auto text = read_whole_file(run_directory.toStdString() + "/resolved.json",
                                    results::kMostResolvedBytes, Links::kRefused);
  if (!text) return {};
  nlohmann::json resolved;
  if (!parse_json(*text, "resolved.json", resolved)) return {};
  const auto found = resolved.is_object() ? resolved.find("overrides") : resolved.end();
  if (found == resolved.end() || !found->is_array()) return {};
  QStringList overrides;
  for (const auto& one : *found) {
    if (one.is_string()) overrides << QString::fromStdString(one.get<std::string>());
  }
  return overrides;
}

bool readText(const QString& path, QString& text, QString& error) {
  // A run's plan.toml may be anything, a pipe for example, or lead to a file that is nobody else's business: what is
  // shown here is stored in a run when it is measured.
  const bool of_a_run = QFileInfo(path).fileName() == QLatin1String("plan.toml");
  const auto bytes = read_whole_file(path.toStdString(), kMostBytes,
                                     of_a_run ? Links::kRefused : Links::kFollowed);
  if (!bytes) {
    error = QString::fromStdString(bytes.error().message);
    return false;
  }
  text = QString::fromStdString(*bytes);
  return true;
}

bool writeText(const QString& path, const QString& text, QString& error) {
  if (!QDir().mkpath(QFileInfo(path).absolutePath())) {
    error = QStringLiteral("%1: its folder cannot be made").arg(path);
    return false;
  }
  QSaveFile file(path);
  if (file.open(QIODevice::WriteOnly) && file.write(text.toUtf8()) >= 0 && file.flush() &&
      file.commit()) {
    return true;
  }
  error = QStringLiteral("%1: cannot be written: %2").arg(path, file.errorString());
  return false;
}

}  // namespace violet::gui
