#include "gui/app/main_window.hpp"

#include <QCloseEvent>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMenuBar>
#include <QMimeData>
#include <QSettings>
#include <QTabWidget>
#include <QVBoxLayout>

#include "engine/telemetry/segment.hpp"
#include "gui/app/message_bar.hpp"
#include "gui/app/status_line.hpp"
#include "gui/app/workspaces.hpp"
#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"
#include "gui/observe/observe_workspace.hpp"

namespace violet::gui {

MainWindow::MainWindow(bool remembers, QWidget* parent)
    : QMainWindow(parent),
      remembers_(remembers),
      actions_(this),
      tabs_(new QTabWidget(this)),
      messages_(new MessageBar(this)),
      status_(new StatusLine(&session_, this)),
      opening_([this](Opened answer) { opened(std::move(answer)); }),
      stepping_([this](std::optional<Nanos> at) {
        if (at) session_.setCursor(at);
      }) {
  setObjectName(QStringLiteral("main"));
  setWindowTitle(tr("Violet"));
  setAccessibleName(tr("Violet"));
  setAcceptDrops(true);
  setStatusBar(status_);
  auto* middle = new QWidget(this);
  auto* column = new QVBoxLayout(middle);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(messages_);
  column->addWidget(tabs_);
  setCentralWidget(middle);
  makeActions();
  makeToolbar();
  makeTabs();
  connect(&session_, &Session::failed, this, [this](const QString& message) {
    // With nothing open, Observe itself says it.
    const bool said = !session_.cell() && tabs_->currentIndex() == 0;
    if (!said) showMessage(message);
  });
  for (const auto signal :
       {&Session::cellChanged, &Session::selectionChanged, &Session::pageChanged,
        &Session::playingChanged, &Session::runChanged}) {
    connect(&session_, signal, &actions_, &ActionTable::soon);
  }
  for (const auto signal :
       {&Session::cellChanged, &Session::cursorChanged, &Session::windowChanged}) {
    connect(&session_, signal, this, &MainWindow::showTime);
  }
  connect(&session_, &Session::grew, this, [this] { grown_.restart(); });
  connect(&pull_timer_, &QTimer::timeout, this, &MainWindow::pull);
  pull_timer_.setInterval(kFocusedMs);
  resize(1280, 720);
  tabs_->setFocus();  // And not the search line, which would swallow the keys.
  if (remembers_) {
    restoreGeometry(QSettings().value(QStringLiteral("window/geometry")).toByteArray());
  }
  showTime();
}

MainWindow::~MainWindow() {
  // Workspaces look at the session while they go; it is a member and would go first.
  delete takeCentralWidget();
}

void MainWindow::makeTabs() {
  tabs_->setDocumentMode(true);
  tabs_->setAccessibleName(tr("Workspaces"));
  observe_ = new ObserveWorkspace(&session_, remembers_);
  places_.push_back({observe_->name(), {}, observe_});
  for (const WorkspaceMaker& maker : other_workspaces()) {
    places_.push_back({maker.name, [this, make = maker.make] { return make(session_); }});
  }
  for (Place& place : places_) {
    // An empty page holds the tab until it is looked at for the first time.
    auto* page = new QWidget(tabs_);
    auto* column = new QVBoxLayout(page);
    column->setContentsMargins(0, 0, 0, 0);
    tabs_->addTab(page, place.name);
  }
  addWorkspace(places_.front());
  connect(observe_, &ObserveWorkspace::wantsOpen, this, [this] { chooseRun(false); });
  connect(tabs_, &QTabWidget::currentChanged, this, &MainWindow::tabChanged);
  tabChanged(0);
}

void MainWindow::addWorkspace(Place& place) {
  if (place.made == nullptr) place.made = place.make();
  Workspace* made = place.made;
  const auto index = static_cast<int>(&place - places_.data());
  tabs_->widget(index)->layout()->addWidget(made);
  connect(made, &Workspace::says, this,
          [this](const QString& text) { status_->showMessage(text, 6000); });
  connect(made, &Workspace::wantsRun, this, [this](const QString& path) {
    openRun(path);
    bringForward(observe_->name());
  });
  connect(made, &Workspace::wantsPlan, this, [this](const QString& plan) {
    bringForward(tr("Experiment"));
    QMetaObject::invokeMethod(workspace(tr("Experiment")), "showPlan", Q_ARG(QString, plan));
  });
  actions_.add(made->actions(), made);
}

Workspace* MainWindow::workspace(const QString& name) {
  for (Place& place : places_) {
    if (place.name.compare(name, Qt::CaseInsensitive) != 0) continue;
    if (place.made == nullptr) addWorkspace(place);
    return place.made;
  }
  return nullptr;
}

void MainWindow::bringForward(const QString& name) {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].name.compare(name, Qt::CaseInsensitive) == 0)
      tabs_->setCurrentIndex(static_cast<int>(i));
  }
}

void MainWindow::tabChanged(int index) {
  Workspace* front = workspace(places_[static_cast<std::size_t>(index)].name);
  actions_.setFront(front);
  actions_.fillMenus(menuBar());
}

void MainWindow::showMessage(const QString& message) { messages_->say(message); }
QString MainWindow::message() const { return messages_->message(); }

void MainWindow::openRun(const QString& path, const QString& cell) { open(path, cell, false); }
void MainWindow::attachLive(const QString& path) { open(path, {}, true); }

void MainWindow::open(const QString& path, const QString& cell, bool live) {
  status_->showMessage(tr("opening %1").arg(path), 3000);
  opening_.ask([path, cell, live] {
    const std::string name = path.toStdString();
    auto run = live ? attach_live(name) : open_run(name);
    if (!run) return Opened{path, cell, live, tl::unexpected(run.error())};
    return Opened{path, cell, live, std::shared_ptr<RunFeed>(std::move(*run))};
  });
}

namespace {

std::optional<std::size_t> cell_called(const RunFeed& run, const QString& name) {
  const auto cells = run.cells();
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (QString::fromStdString(cells[i].label).contains(name)) return i;
  }
  return std::nullopt;
}

}  // namespace

void MainWindow::opened(Opened answer) {
  if (!answer.run) return emit session_.failed(QString::fromStdString(answer.run.error().message));
  const auto cell = cell_called(**answer.run, answer.cell);
  if (!answer.cell.isEmpty() && !cell) {
    return emit session_.failed(tr("%1 has no cell called \"%2\"").arg(answer.path, answer.cell));
  }
  messages_->say({});
  status_->clearMessage();
  setWindowTitle(tr("%1 - Violet").arg(QString::fromStdString((*answer.run)->name())));
  session_.setRun(*answer.run, cell.value_or(0));
  if (answer.live) {
    step_back_all(kWatchingNice);
    grown_.start();
    frame_meter_.start();
    pull_timer_.start();
  } else {
    pull_timer_.stop();
  }
  showLive();
}

void MainWindow::pull() {
  session_.pull();
  std::string why;
  if (session_.run() == nullptr || session_.run()->alive(&why)) return showLive();
  pull_timer_.stop();
  session_.setFollowing(false);
  const QString ended = tr("The run has ended: %1").arg(QString::fromStdString(why));
  const QString frames = frame_meter_.summary();
  status_->showMessage(frames.isEmpty() ? ended : ended + QStringLiteral(" · ") + frames, 10000);
  showLive();
}

// Lag: how old the newest thing is that is shown. Drops: what the rings could not hold.
void MainWindow::showLive() {
  if (live_ == nullptr) return;
  if (!pull_timer_.isActive()) return live_->clear();
  const auto cell = session_.cell();
  QString says = tr("live, lag %1, drops %2")
                     .arg(durationText(double(grown_.elapsed()) * 1e6))
                     .arg(cell ? cell->info().lost : 0);
  if (const QString rate = frame_meter_.rateText(); !rate.isEmpty())
    says += QStringLiteral(", ") + rate;
  live_->setText(says);
}

// One for each picture of the whole window, however many views it repaints.
bool MainWindow::event(QEvent* event) {
  if (event->type() == QEvent::UpdateRequest && pull_timer_.isActive()) frame_meter_.frame();
  return QMainWindow::event(event);
}

void MainWindow::showTime() {
  const auto cell = session_.cell();
  if (!cell) return time_->setText(tr("no run"));
  const Nanos at = session_.cursor().value_or(session_.window().from);
  time_->setText(tr("%1 / %2  ×%3")
                     .arg(timeText(at), timeText(cell->info().whole.to))
                     .arg(session_.speed(), 0, 'g', 3));
}

void MainWindow::setDark(bool dark) {
  Themes::instance().setDark(dark);
  if (remembers_) QSettings().setValue(QStringLiteral("theme/dark"), dark);
}

void MainWindow::closeEvent(QCloseEvent* event) {
  if (remembers_) {
    QSettings().setValue(QStringLiteral("window/geometry"), saveGeometry());
    observe_->saveLayout();
  }
  session_.setPlaying(false);
  event->accept();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  for (const QUrl& url : event->mimeData()->urls()) {
    if (url.isLocalFile()) return openRun(url.toLocalFile());
  }
}

// Esc in the search line goes back to the views; only the next one clears the selection.
bool MainWindow::eventFilter(QObject* watched, QEvent* event) {
  const bool key = event->type() == QEvent::ShortcutOverride || event->type() == QEvent::KeyPress;
  if (watched != find_ || !key || static_cast<QKeyEvent*>(event)->key() != Qt::Key_Escape) {
    return QMainWindow::eventFilter(watched, event);
  }
  event->accept();
  if (event->type() == QEvent::KeyPress) {
    find_->clear();
    tabs_->setFocus(Qt::OtherFocusReason);
  }
  return true;
}

void MainWindow::changeEvent(QEvent* event) {
  QMainWindow::changeEvent(event);
  if (event->type() == QEvent::ActivationChange) {
    pull_timer_.setInterval(isActiveWindow() ? kFocusedMs : kUnfocusedMs);
  }
}

}  // namespace violet::gui
