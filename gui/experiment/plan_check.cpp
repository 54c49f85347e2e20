#include "gui/experiment/plan_check.hpp"

#include <QProcess>
#include <nlohmann/json.hpp>

#include "gui/experiment/json_fields.hpp"

namespace violet::gui {
namespace {

using nlohmann::json;

constexpr int kCheckPatienceMs = 2000;  // For a process to die.

const json& listAt(const json& object, const char* key) {
  static const json none = json::array();
  const auto at = object.find(key);
  return at != object.end() && at->is_array() ? *at : none;
}

PlanVerdict failed(const QString& why) {
  PlanVerdict verdict;
  verdict.failure = why;
  return verdict;
}

void readPlan(const json& document, PlanVerdict& verdict) {
  if (const auto plan = document.find("plan"); plan != document.end() && plan->is_object()) {
    verdict.name = textAt(*plan, "name");
    verdict.hash = textAt(*plan, "hash");
  }
  verdict.repetitions = static_cast<int>(numberAt(document, "repetitions"));
  verdict.estimated_s = numberAt(document, "estimated_s");
  if (const auto rule = document.find("until_ci"); rule != document.end() && rule->is_object()) {
    verdict.most_repetitions = static_cast<int>(numberAt(*rule, "most_repetitions"));
    verdict.most_estimated_s = numberAt(*rule, "most_estimated_s");
  }
  for (const json& cell : listAt(document, "cells")) {
    if (cell.is_object()) verdict.cells.push_back({textAt(cell, "id"), textAt(cell, "label")});
  }
  for (const json& note : listAt(document, "notes")) {
    if (note.is_string()) verdict.notes << QString::fromStdString(note.get<std::string>());
  }
}

}  // namespace

PlanVerdict verdictOf(const QByteArray& printed, const QByteArray& words) {
  const json document = json::parse(printed.begin(), printed.end(), nullptr, false);
  if (!document.is_object() || textAt(document, "schema") != QStringLiteral("violet.dry_run")) {
    const QString said = QString::fromUtf8(words).trimmed();
    return failed(said.isEmpty() ? QStringLiteral("the program said nothing") : said);
  }
  PlanVerdict verdict;
  for (const json& problem : listAt(document, "problems")) {
    if (!problem.is_object()) continue;
    verdict.problems.push_back({static_cast<int>(numberAt(problem, "line")),
                                static_cast<int>(numberAt(problem, "column")),
                                textAt(problem, "message")});
  }
  verdict.valid = verdict.problems.empty();
  if (verdict.valid) readPlan(document, verdict);
  return verdict;
}

QStringList settingArguments(const QStringList& overrides) {
  QStringList arguments;
  for (const QString& one : overrides) arguments << QStringLiteral("--set") << one;
  return arguments;
}

PlanCheck::PlanCheck(PlanPlaces places, QObject* parent)
    : QObject(parent), places_(std::move(places)) {
  quiet_.setSingleShot(true);
  quiet_.setInterval(kQuietMs);
  connect(&quiet_, &QTimer::timeout, this, &PlanCheck::start);
}

PlanCheck::~PlanCheck() {
  if (process_ == nullptr) return;
  process_->disconnect(this);
  process_->kill();
  process_->waitForFinished(kCheckPatienceMs);
}

void PlanCheck::setText(const QString& text, const QStringList& overrides) {
  text_ = text;
  overrides_ = overrides;
  verdict_.reset();
  quiet_.start();
}

void PlanCheck::start() {
  if (process_ != nullptr) return;  // finish() starts again when the text has changed.
  QString error;
  if (!folder_.isValid()) return deliver(failed(folder_.errorString()));
  if (!writeText(file(), text_, error)) return deliver(failed(error));
  checked_text_ = text_;
  checked_overrides_ = overrides_;
  process_ = new QProcess(this);
  auto environment = QProcessEnvironment::systemEnvironment();
  environment.insert(QStringLiteral("VIOLET_ROOT"), places_.root);
  process_->setProcessEnvironment(environment);
  connect(process_, &QProcess::finished, this, &PlanCheck::finish);
  connect(process_, &QProcess::errorOccurred, this, [this](QProcess::ProcessError what) {
    if (what == QProcess::FailedToStart) finish();
  });
  process_->start(places_.program,
                  QStringList{QStringLiteral("run"), file(), QStringLiteral("--dry-run"),
                              QStringLiteral("--format"), QStringLiteral("json")} +
                      settingArguments(overrides_),
                  QIODevice::ReadOnly);
}

void PlanCheck::finish() {
  QProcess* done = process_;
  process_ = nullptr;
  done->deleteLater();
  if (checked_text_ != text_ || checked_overrides_ != overrides_) {
    if (!quiet_.isActive()) start();
    return;  // It is about an older text.
  }
  if (done->error() == QProcess::FailedToStart) {
    return deliver(failed(
        QStringLiteral("%1 cannot be started: %2").arg(places_.program, done->errorString())));
  }
  PlanVerdict verdict = verdictOf(done->readAllStandardOutput(), done->readAllStandardError());
  deliver(std::move(verdict));
}

void PlanCheck::deliver(PlanVerdict verdict) {
  verdict_ = std::move(verdict);
  emit checked();
}

}  // namespace violet::gui
