#include "gui/app/status_line.hpp"

#include <QFileInfo>
#include <QLabel>

#include "experiments/results/manifest.hpp"
#include "experiments/results/retries.hpp"
#include "gui/kit/elided_label.hpp"
#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {

namespace {

// Nothing where it is not known.
std::optional<double> mean_of(const std::vector<Column>& columns) {
  if (columns.empty() || !columns.front().known()) return std::nullopt;
  return double(columns.front().mean);
}

bool has_gap(const std::vector<Column>& columns) { return !columns.empty() && columns.front().gap; }

// Calls are events; requests and lookups are counters of the engine, which are sampled now and then.
QString rate_tip(const Resolution& resolution, bool lossy) {
  QStringList says;
  if (!resolution.exact()) {
    says << QObject::tr(
                "Calls: of %1 to %2, which the summary counts together. Requests and lookups: "
                "between the samples around this window")
                .arg(timeText(resolution.about.from), timeText(resolution.about.to));
  }
  if (lossy) {
    says << QObject::tr(
        "Events were lost in this window, and calls with them. Requests and lookups are counted by "
        "the engine: of them none is missing");
  }
  return says.join(QLatin1Char('\n'));
}

CoresText cores_of(const QString& run_path, const std::optional<CellInfo>& cell) {
  const QFileInfo info(run_path);
  const QString folder = info.isDir() ? run_path : info.path();
  const auto manifest = results::read_manifest(folder.toStdString());
  if (manifest) return coresText(manifest->oversubscribed, cell);
  return {QObject::tr("cores: not known"), qt(manifest.error().message)};
}

}  // namespace

CoresText coresText(const std::vector<std::string>& shared, const std::optional<CellInfo>& cell) {
  if (cell && cell->placement == "samecore") {
    return {QObject::tr("no core polls"),
            QObject::tr("Without a core of its own the engine runs on kicks")};
  }
  const auto disturbance = cell ? cell->standing.disturbance : std::nullopt;
  QStringList says;
  for (const std::string& what : shared) says << qt(what);
  if (shared.empty()) says << QObject::tr("No two lcores that poll share a processor");
  if (!disturbance) {
    says << QObject::tr("Whether other programs had one of these is not known");
  } else if (disturbance->empty()) {
    says << QObject::tr("Nobody else had one of these for more than %1 % of the time")
                .arg(results::kDisturbedPercent);
  } else {
    says << qt(*disturbance);
  }
  QString text = QObject::tr("polling cores: shared");
  if (shared.empty()) {
    text = !disturbance           ? QObject::tr("polling cores: apart")
           : disturbance->empty() ? QObject::tr("polling cores: own")
                                  : QObject::tr("polling cores: others had them too");
  }
  return {text, says.join(QLatin1Char('\n'))};
}

StatusLine::StatusLine(Session* session, QWidget* parent)
    : QStatusBar(parent), session_(session), query_([this](Answer answer) { show(answer); }) {
  setAccessibleName(tr("Status"));
  setSizeGripEnabled(false);
  for (QLabel** label : {&lcores_, &rate_, &hits_, &drops_, &cores_, &run_}) {
    *label = new ElidedLabel(this);
    (*label)->setFont(number_font(8.5));
    (*label)->setContentsMargins(8, 0, 8, 0);
    addPermanentWidget(*label);
  }
  connect(session, &Session::windowChanged, this, &StatusLine::ask);
  connect(session, &Session::grew, this, &StatusLine::ask);
  connect(session, &Session::cellChanged, this, [this] {
    query_.cancel();  // It was about another cell.
    for (QLabel* label : {lcores_, rate_, hits_, drops_, cores_}) label->clear();
    showRun();
    ask();
  });
  connect(session, &Session::runChanged, this, &StatusLine::showRun);
  showRun();
}

QString StatusLine::text() const {
  QStringList parts;
  for (const QLabel* label : {lcores_, rate_, hits_, drops_, cores_, run_}) {
    if (!label->text().isEmpty()) parts << label->text();
  }
  return parts.join(QStringLiteral(" | "));
}

void StatusLine::ask() {
  const auto cell = session_->cell();
  if (!cell) return;
  query_.ask([cell, window = session_->window()] {
    return Answer{cell->engine(window, 1), cell->overview(window, 1)};
  });
}

void StatusLine::show(const Answer& answer) {
  if (!session_->cell()) return;
  QStringList lcores;
  const CellInfo info = session_->cell()->info();
  const bool polled = info.placement != "samecore";  // As the Engine panel says.
  for (const EngineColumns::Lcore& lcore : answer.engine.lcores) {
    const auto useful = mean_of(lcore.utilisation);
    if (!useful || !polled) continue;
    lcores << tr("lcore %1 %2 %3 useful")
                  .arg(lcore.number)
                  .arg(QString::fromStdString(lcore.role), percentText(*useful));
  }
  lcores_->setText(lcores.join(QStringLiteral("  ")));
  QStringList rates;
  std::optional<double> requests;
  for (const auto& type : answer.engine.requests_per_s) {
    if (const auto mean = mean_of(type)) requests = requests.value_or(0) + *mean;
  }
  if (requests) rates << tr("%1 requests").arg(rateText(*requests));
  const bool lossy = has_gap(answer.overview.operations_per_s);
  if (const auto calls = mean_of(answer.overview.operations_per_s)) {
    const QString rate =
        (info.calls_sampled ? tr("%1 sampled calls") : tr("%1 calls")).arg(rateText(*calls));
    const QString about = aboutNote(answer.overview.resolution, answer.overview.window);
    rates << (lossy ? tr("%1 (events lost)").arg(rate) : rate) + about;
  } else if (lossy) {
    rates << tr("calls not known (events lost)");
  }
  rate_->setText(rates.join(QStringLiteral(", ")));
  const Resolution& resolution = answer.overview.resolution;
  rate_->setToolTip(rate_tip(resolution, lossy));
  const auto hits = mean_of(answer.engine.hits_per_s), misses = mean_of(answer.engine.misses_per_s);
  const double lookups = hits.value_or(0) + misses.value_or(0);
  hits_->setText(lookups > 0 ? tr("IOTLB hits %1").arg(percentText(hits.value_or(0) / lookups))
                             : QString());
  hits_->setToolTip(
      tr("Of the look-ups in the engine's translation cache in this window: how many found their "
         "page"));
  drops_->setText(tr("cell lost %1").arg(lostText(info)));
  drops_->setToolTip(
      tr("Of this cell: events that its rings could not hold, or that this window missed. "
         "Those beside the lag of a live run are of all cells since it is watched."));
  drops_->setStyleSheet(info.lossy() ? QStringLiteral("color: %1").arg(theme().stale.name())
                                     : QString());
  setAccessibleDescription(text());
}

void StatusLine::showRun() {
  const RunQueries* run = session_->run();
  const auto cell =
      session_->cell() ? std::optional(session_->cell()->info()) : std::optional<CellInfo>();
  const Standing standing = cell ? cell->standing : Standing{};
  const QString name = run != nullptr ? tr("run %1").arg(qt(run->name())) : tr("no run");
  run_->setText(standing.words.empty() ? name : tr("%1, %2").arg(qt(standing.words), name));
  const QString path = run != nullptr ? qt(run->path()) : QString();
  run_->setToolTip(standing.why.empty() ? path : qt(standing.why) + QLatin1Char('\n') + path);
  run_->setStyleSheet(standing.words.empty() ? QString()
                                             : QStringLiteral("color: %1").arg(theme().bad.name()));
  const CoresText cores = run != nullptr ? cores_of(path, cell) : CoresText{};
  cores_->setText(cores.text);
  cores_->setToolTip(cores.tip);
  if (run == nullptr || !session_->cell()) {
    for (QLabel* label : {lcores_, rate_, hits_, drops_}) label->clear();
  }
}

}  // namespace violet::gui
