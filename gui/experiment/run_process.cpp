#include "gui/experiment/run_process.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <QProcess>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "gui/experiment/json_fields.hpp"
#include "gui/experiment/plan_check.hpp"

namespace violet::gui {
namespace {

using nlohmann::json;

constexpr int kAbortPatienceMs = 3000;  // For an aborted run to write its last lines.
constexpr int kMostWords = 40;          // Lines of stderr that are kept for a message.
constexpr qsizetype kLongestLine = 1 << 16;

// The exit codes of the program; the README has the same table.
enum ExitCode {
  kOk = 0,
  kUsage = 2,
  kNotAsExpected = 3,
  kInterrupted = 4,
  kEnvironment = 5,
  kCtrlC = 130
};

}  // namespace

RunProcess::RunProcess(PlanPlaces places, QObject* parent)
    : QObject(parent), places_(std::move(places)) {}

RunProcess::~RunProcess() {
  if (process_ == nullptr) return;
  process_->disconnect(this);
  // What is finished stays; the repetition in hand is given up.
  const auto pid = static_cast<pid_t>(process_->processId());
  for (int i = 0; i < 2 && pid > 0; ++i) ::kill(pid, SIGINT);
  if (process_->waitForFinished(kAbortPatienceMs)) return;
  process_->kill();
  process_->waitForFinished(kAbortPatienceMs);
}

bool RunProcess::start(const QString& plan_file, const QStringList& overrides) {
  if (running()) return false;
  directory_.clear();
  return launch(QStringList{QStringLiteral("run"), plan_file, QStringLiteral("--progress=json")} +
                settingArguments(overrides));
}

bool RunProcess::resume(const QString& plan_file, const QString& run_directory,
                        const QStringList& overrides) {
  if (running()) return false;
  directory_ = run_directory;
  return launch(QStringList{QStringLiteral("run"), plan_file, QStringLiteral("--progress=json"),
                            QStringLiteral("--resume"), run_directory} +
                settingArguments(overrides));
}

qint64 RunProcess::processId() const { return process_ != nullptr ? process_->processId() : 0; }

bool RunProcess::launch(const QStringList& arguments) {
  cell_.clear();
  outcome_.clear();
  trouble_.clear();
  notes_.clear();
  words_.clear();
  partial_.clear();
  repetition_ = finished_ = steps_ = 0;
  share_ = remaining_s_ = 0;
  state_ = State::kRunning;
  process_ = new QProcess(this);
  auto environment = QProcessEnvironment::systemEnvironment();
  environment.insert(QStringLiteral("VIOLET_ROOT"), places_.root);
  environment.insert(QStringLiteral("VIOLET_RUNS"), places_.runs);
  process_->setProcessEnvironment(environment);
  process_->setChildProcessModifier([] {
    ::prctl(PR_SET_PDEATHSIG, SIGINT);
    // Whoever has watched a live run has stepped back for good (segment.hpp); a run must not inherit that. Who may
    // not come forward again measures with a warning.
    ::setpriority(PRIO_PROCESS, 0, 0);
  });
  connect(process_, &QProcess::readyReadStandardError, this, &RunProcess::readErrors);
  // The table on stdout is for people at a terminal; unread it would fill the pipe.
  process_->setStandardOutputFile(QProcess::nullDevice());
  connect(process_, &QProcess::finished, this, [this](int code, QProcess::ExitStatus status) {
    end(code, status == QProcess::CrashExit);
  });
  connect(process_, &QProcess::errorOccurred, this, [this](QProcess::ProcessError what) {
    if (what == QProcess::FailedToStart) end(-1, false);
  });
  process_->start(places_.program, arguments, QIODevice::ReadOnly);
  emit changed();
  return true;
}

void RunProcess::stop() {
  if (process_ == nullptr || state_ == State::kAborting) return;
  const auto pid = static_cast<pid_t>(process_->processId());
  if (pid > 0) ::kill(pid, SIGINT);
  state_ = state_ == State::kRunning ? State::kStopping : State::kAborting;
  emit changed();
}

bool RunProcess::adopt(const QString& run_directory, const QString& outcome, int finished,
                       int steps) {
  if (running()) return false;
  directory_ = run_directory;
  outcome_ = outcome;
  trouble_.clear();
  notes_.clear();
  finished_ = finished;
  steps_ = steps;
  share_ = steps > 0 ? std::clamp(double(finished) / steps, 0.0, 1.0) : 0;
  emit changed();
  return true;
}

std::optional<double> RunProcess::remaining() const {
  if (!running() || steps_ == 0) return std::nullopt;
  return std::max(0.0, remaining_s_ - static_cast<double>(since_estimate_.elapsed()) / 1000);
}

void RunProcess::readErrors() {
  partial_ += process_->readAllStandardError();
  for (qsizetype end = partial_.indexOf('\n'); end >= 0; end = partial_.indexOf('\n')) {
    readLine(partial_.left(end));
    partial_.remove(0, end + 1);
  }
  if (partial_.size() > kLongestLine) partial_.clear();
  emit changed();
}

void RunProcess::readLine(const QByteArray& line) {
  const json said = json::parse(line.begin(), line.end(), nullptr, false);
  if (!said.is_object() || textAt(said, "schema") != QStringLiteral("violet.progress")) {
    words_ << QString::fromUtf8(line);
    if (words_.size() > kMostWords) words_.removeFirst();
    return;
  }
  finished_ = static_cast<int>(numberAt(said, "finished"));
  steps_ = static_cast<int>(numberAt(said, "steps"));
  share_ = std::clamp(numberAt(said, "share"), 0.0, 1.0);
  remaining_s_ = numberAt(said, "remaining_s");
  since_estimate_.start();
  const QString event = textAt(said, "event");
  if (event == QLatin1String("start")) {
    if (const QString where = textAt(said, "directory"); !where.isEmpty()) directory_ = where;
  } else if (event == QLatin1String("step")) {
    cell_ = textAt(said, "cell");
    repetition_ = static_cast<int>(numberAt(said, "repetition"));
  } else if (event == QLatin1String("done")) {
    emit stepDone(textAt(said, "cell"), static_cast<int>(numberAt(said, "repetition")));
    cell_.clear();
  } else if (event == QLatin1String("note")) {
    notes_ << textAt(said, "text");
  }
}

QString RunProcess::troubleOf(int code, bool crashed) const {
  const QString said = words_.join(QLatin1Char('\n')).trimmed();
  const QString tail = said.isEmpty() ? QString() : QLatin1Char('\n') + said;
  if (code < 0) {
    return QStringLiteral("%1 cannot be started: %2").arg(places_.program, process_->errorString());
  }
  if (crashed) return QStringLiteral("The program crashed or was killed.") + tail;
  switch (code) {
    case kOk:
    case kInterrupted:
    case kCtrlC:
      return {};
    case kUsage:
      return QStringLiteral("The plan cannot be run.") + tail;
    case kNotAsExpected:
      return QStringLiteral("The run was finished, and what the plan says must be so was not.") +
             tail;
    case kEnvironment:
      return QStringLiteral("This machine lacks something.") + tail;
    default:
      return QStringLiteral("The run failed (exit code %1).").arg(code) +
             (notes_.isEmpty() ? tail : QLatin1Char('\n') + notes_.join(QLatin1Char('\n')));
  }
}

void RunProcess::end(int code, bool crashed) {
  readErrors();
  trouble_ = troubleOf(code, crashed);
  const bool stopped =
      code == kInterrupted || code == kCtrlC || (crashed && state_ != State::kRunning);
  const bool whole = code == kOk || code == kNotAsExpected;
  outcome_ = stopped ? QStringLiteral("interrupted")
             : whole ? QStringLiteral("finished")
                     : QStringLiteral("failed");
  if (crashed && !stopped) outcome_ = QStringLiteral("failed");
  if (code == kCtrlC && directory_.isEmpty()) outcome_ = QStringLiteral("failed");
  state_ = State::kIdle;
  cell_.clear();
  process_->deleteLater();
  process_ = nullptr;
  emit changed();
  emit ended();
}

}  // namespace violet::gui
