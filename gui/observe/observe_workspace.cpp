#include "gui/observe/observe_workspace.hpp"

#include <QDockWidget>
#include <QHBoxLayout>
#include <QMainWindow>
#include <QSettings>
#include <QStackedWidget>
#include <QTabBar>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/kit/states.hpp"
#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"
#include "gui/observe/chips.hpp"
#include "gui/observe/churn_view.hpp"
#include "gui/observe/dock_grip.hpp"
#include "gui/observe/engine_view.hpp"
#include "gui/observe/events_view.hpp"
#include "gui/observe/exposure_view.hpp"
#include "gui/observe/latency_view.hpp"
#include "gui/observe/overview_strip.hpp"
#include "gui/observe/selection_panel.hpp"
#include "gui/observe/side_panel.hpp"

namespace violet::gui {

namespace {
constexpr int kLayoutVersion = 1, kLoadingMs = 200;
constexpr const char* kLayoutKey = "observe/layout";
}  // namespace

ObserveWorkspace::ObserveWorkspace(Session* session, bool remembers, QWidget* parent)
    : Workspace(parent),
      session_(session),
      remembers_(remembers),
      stack_(new QStackedWidget(this)),
      state_(new StatePage(stack_)),
      docks_(new QMainWindow(stack_)),
      overview_(new OverviewStrip(session, this)),
      chips_(new Chips(session, this)),
      churn_(new ChurnView(session)),
      latency_(new LatencyView(session)),
      exposure_(new ExposureView(session)),
      engine_(new EngineView(session)),
      selection_(new SelectionPanel(session, latency_, exposure_)),
      events_(new EventsView(session)),
      side_(new SidePanel(session)),
      finding_([this](Found answer) { found(answer); }) {
  setAccessibleName(tr("Observe"));
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(overview_);
  column->addWidget(chips_);
  column->addWidget(stack_);
  stack_->addWidget(state_);
  stack_->addWidget(docks_);
  arrange();
  connect(session, &Session::failed, this, [this](const QString& message) {
    failure_ = message;
    showState();
  });
  for (const auto signal :
       {&Session::cellChanged, &Session::openingChanged, &Session::runChanged}) {
    connect(session, signal, this, &ObserveWorkspace::showState);
  }
  showState();
}

QDockWidget* ObserveWorkspace::addDock(QWidget* content, const QString& title,
                                       Qt::DockWidgetArea area) {
  auto* dock = new QDockWidget(title, docks_);
  dock->setObjectName(QStringLiteral("dock.") + content->objectName().toLower());
  dock->setAccessibleName(title);
  dock->setWidget(content);
  dock->setTitleBarWidget(new DockGrip(dock));
  docks_->addDockWidget(area, dock);
  all_docks_.push_back(dock);
  return dock;
}

void ObserveWorkspace::arrange() {
  docks_->setWindowFlags(Qt::Widget);
  docks_->setDockOptions(QMainWindow::AllowNestedDocks | QMainWindow::AllowTabbedDocks);
  docks_->setTabPosition(Qt::AllDockWidgetAreas, QTabWidget::North);
  docks_->setDocumentMode(true);
  // Docks only: there is no widget in the middle.
  QDockWidget* side = addDock(side_, tr("Run"), Qt::TopDockWidgetArea);
  QDockWidget* churn = addDock(churn_, tr("Churn"), Qt::TopDockWidgetArea);
  QDockWidget* engine = addDock(engine_, tr("Engine"), Qt::TopDockWidgetArea);
  QDockWidget* latency = addDock(latency_, tr("Latency"), Qt::TopDockWidgetArea);
  QDockWidget* exposure = addDock(exposure_, tr("Exposure"), Qt::TopDockWidgetArea);
  QDockWidget* selection = addDock(selection_, tr("Selection"), Qt::TopDockWidgetArea);
  QDockWidget* events = addDock(events_, tr("Events"), Qt::TopDockWidgetArea);
  docks_->splitDockWidget(side, churn, Qt::Horizontal);
  docks_->splitDockWidget(churn, selection, Qt::Horizontal);
  docks_->splitDockWidget(churn, latency, Qt::Vertical);
  docks_->splitDockWidget(latency, exposure, Qt::Vertical);
  docks_->splitDockWidget(selection, events, Qt::Vertical);
  docks_->tabifyDockWidget(exposure, engine);
  exposure->raise();
  default_layout_ = docks_->saveState(kLayoutVersion);
}

// Shares of the room there is: known once the workspace is shown.
void ObserveWorkspace::sizeDocks() {
  const auto dock = [this](QWidget* content) {
    return qobject_cast<QDockWidget*>(content->parentWidget());
  };
  const int width = docks_->width(), height = docks_->height();
  const int side = std::clamp(width / 6, 190, 280), right = std::clamp(width / 4, 280, 460);
  docks_->resizeDocks({dock(side_), dock(churn_), dock(selection_)},
                      {side, width - side - right, right}, Qt::Horizontal);
  docks_->resizeDocks({dock(churn_), dock(latency_), dock(exposure_)},
                      {height * 42 / 100, height * 27 / 100, height * 31 / 100}, Qt::Vertical);
  docks_->resizeDocks({dock(selection_), dock(events_)}, {height * 58 / 100, height * 42 / 100},
                      Qt::Vertical);
}

void ObserveWorkspace::sizeOnce() {
  if (sized_ || stack_->currentWidget() != docks_ || !isVisible()) return;
  sized_ = true;
  // After the layout has given the docks their room: a layout that is restored earlier is squeezed.
  QTimer::singleShot(0, this, [this] {
    const QByteArray saved =
        remembers_ ? QSettings().value(QLatin1String(kLayoutKey)).toByteArray() : QByteArray();
    if (saved.isEmpty() || !docks_->restoreState(saved, kLayoutVersion)) sizeDocks();
  });
}

void ObserveWorkspace::showEvent(QShowEvent* event) {
  Workspace::showEvent(event);
  sizeOnce();
}

void ObserveWorkspace::resetLayout() {
  maximised_ = nullptr;
  docks_->restoreState(default_layout_, kLayoutVersion);
  sizeDocks();
  QSettings().remove(QLatin1String(kLayoutKey));
}

void ObserveWorkspace::saveLayout() const {
  if (!sized_) return;  // Nobody has seen it.
  const QByteArray layout =
      maximised_ != nullptr ? before_maximise_ : docks_->saveState(kLayoutVersion);
  QSettings().setValue(QLatin1String(kLayoutKey), layout);
}

void ObserveWorkspace::hideEvent(QHideEvent* event) {
  session_->setCursor({});
  Workspace::hideEvent(event);
}

void ObserveWorkspace::showState() {
  if (session_->opening()) {
    failure_.clear();
    if (!loading_.isValid()) loading_.start();
    if (loading_.elapsed() < kLoadingMs) return;  // Most are open before anybody could read it.
    stack_->setCurrentWidget(state_);
    return state_->showLoading(tr("Opening the cell"), *session_->opening());
  }
  loading_.invalidate();
  overview_->setVisible(session_->cell() != nullptr);
  if (session_->cell()) {
    failure_.clear();
    stack_->setCurrentWidget(docks_);
    return sizeOnce();
  }
  stack_->setCurrentWidget(state_);
  if (!failure_.isEmpty()) {
    state_->showError(tr("This could not be opened"), failure_,
                      tr("Nothing was changed. Open another run with Ctrl+O, or drop one here."),
                      tr("Open another run"), [this] { emit wantsOpen(); });
  } else if (session_->run() != nullptr) {
    state_->showEmpty(tr("Waiting for the first cell"),
                      tr("The run has not recorded anything so far."));
  } else {
    state_->showEmpty(tr("No run is open"),
                      tr("Open a run directory with Ctrl+O or drop one here. "
                         "./violet demo makes one in a minute."),
                      tr("Open a run"), [this] { emit wantsOpen(); });
  }
}

bool ObserveWorkspace::settled() const {
  if (session_->opening()) return false;
  if (!session_->cell()) return true;
  const auto done = [](const ObserveView* view) { return !view->isVisible() || view->settled(); };
  return overview_->settled() && side_->settled() && selection_->settled() && done(churn_) &&
         done(latency_) && done(exposure_) && done(engine_) &&
         (!events_->isVisible() || events_->settled());
}

QString ObserveWorkspace::caption() const {
  const auto cell = session_->cell();
  if (!cell) return {};
  const CellInfo info = cell->info();
  return tr("Violet, run %1, cell %2, repetition %3, %4 to %5")
      .arg(QString::fromStdString(info.run_id), QString::fromStdString(info.label))
      .arg(info.repetition)
      .arg(timeText(session_->window().from), timeText(session_->window().to));
}

TimePanel* ObserveWorkspace::panel(const QString& name) const {
  if (name == QLatin1String("churn")) return churn_;
  if (name == QLatin1String("latency")) return latency_;
  if (name == QLatin1String("exposure")) return exposure_;
  if (name == QLatin1String("engine")) return engine_;
  return nullptr;
}

void ObserveWorkspace::maximise(QDockWidget* dock) {
  if (maximised_ != nullptr) {
    const bool same = maximised_ == dock;
    maximised_ = nullptr;
    docks_->restoreState(before_maximise_, kLayoutVersion);
    if (same || dock == nullptr) return;
  }
  if (dock == nullptr) return;
  before_maximise_ = docks_->saveState(kLayoutVersion);
  maximised_ = dock;
  for (QDockWidget* other : all_docks_) other->setVisible(other == dock);
}

}  // namespace violet::gui
