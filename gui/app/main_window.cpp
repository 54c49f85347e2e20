#include "gui/app/main_window.hpp"

#include <QCloseEvent>
#include <QFileDialog>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QMenuBar>
#include <QMimeData>
#include <QSettings>
#include <QTabBar>
#include <QTabWidget>
#include <QToolBar>
#include <QToolButton>
#include <QVBoxLayout>
#include <filesystem>

#include "engine/telemetry/segment.hpp"
#include "experiments/query/watched_run.hpp"
#include "experiments/results/label_words.hpp"
#include "gui/app/command_line.hpp"
#include "gui/app/key_sheet.hpp"
#include "gui/app/live_line.hpp"
#include "gui/app/message_bar.hpp"
#include "gui/app/palette.hpp"
#include "gui/app/status_line.hpp"
#include "gui/app/workspaces.hpp"
#include "gui/kit/export_view.hpp"
#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"
#include "gui/observe/cells_model.hpp"
#include "gui/observe/observe_workspace.hpp"

namespace violet::gui {

namespace {

constexpr int kDamageMs = 500;  // Between two looks for it.
constexpr QSize kLeastPage{640, 400};

// What a toolbar has no room for is behind its last button, whose own arrow no theme has the colour of.
void showOverflow(const QToolBar& bar) {
  auto* more = bar.findChild<QToolButton*>(QStringLiteral("qt_toolbar_ext_button"));
  if (more == nullptr) return;
  more->setIcon({});
  more->setText(QStringLiteral("»"));
  more->setToolButtonStyle(Qt::ToolButtonTextOnly);
  more->setAccessibleName(QObject::tr("More of the toolbar"));
  more->setToolTip(more->accessibleName());
}

QKeySequence ctrl(Qt::Key key) { return QKeySequence(Qt::CTRL | key); }

std::optional<std::size_t> cell_called(const RunQueries& run, const QString& name) {
  const auto cells = run.cells();
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (QString::fromStdString(cells[i].label).contains(name)) return i;
  }
  return std::nullopt;
}

QString noSuchCell(const RunQueries& run, const QString& path, const QString& name) {
  std::vector<std::string> labels;
  for (const CellInfo& cell : run.cells()) labels.push_back(cell.label);
  return QObject::tr("%1 has no cell called \"%2\"%3")
      .arg(path, name, qt(results::labels_there(std::move(labels), name.toStdString())));
}

}  // namespace

MainWindow::MainWindow(bool remembers, QWidget* parent)
    : QMainWindow(parent),
      remembers_(remembers),
      actions_(this),
      tabs_(new QTabWidget(this)),
      messages_(new MessageBar(this)),
      status_(new StatusLine(&session_, this)),
      opening_([this](Opened answer) { opened(std::move(answer)); }),
      recording_([this](Result<std::shared_ptr<RunQueries>> recording) {
        recordingOpened(std::move(recording));
      }),
      stepping_([this](std::optional<Nanos> at) {
        if (at) session_.setCursor(at);
      }) {
  setObjectName(QStringLiteral("main"));
  setWindowTitle(tr("Violet"));
  setAccessibleName(tr("Violet"));
  setAcceptDrops(true);
  setAnimated(false);  // Docks and the toolbar are at once where they belong.
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
  for (const auto signal : {&Session::runChanged, &Session::cellChanged, &Session::cursorChanged,
                            &Session::windowChanged}) {
    connect(&session_, signal, this, &MainWindow::showTime);
  }
  connect(&session_, &Session::cellChanged, this, &MainWindow::sayDamage);
  connect(&damage_timer_, &QTimer::timeout, this, &MainWindow::sayDamage);
  damage_timer_.start(kDamageMs);
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
  tabs_->tabBar()->installEventFilter(this);
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
    // The widest workspace does not decide how small the window can be.
    page->setMinimumSize(kLeastPage);
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
  connect(made, &Workspace::actionsChanged, &actions_, &ActionTable::soon);
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
    // Where runs/latest leads now: a moment later it may be another run.
    std::error_code error;
    const auto canonical = std::filesystem::canonical(path.toStdString(), error);
    const std::string name = error ? path.toStdString() : canonical.string();
    auto run = live ? attach_live(name) : open_run(name);
    if (!run) return Opened{path, cell, live, tl::unexpected(run.error())};
    return Opened{path, cell, live, std::shared_ptr<RunQueries>(std::move(*run))};
  });
}

void MainWindow::opened(Opened answer) {
  status_->clearMessage();  // It is not being opened any more, however that went.
  if (!answer.run) return emit session_.failed(QString::fromStdString(answer.run.error().message));
  const auto cell = cell_called(**answer.run, answer.cell);
  if (!answer.cell.isEmpty() && !cell) {
    return emit session_.failed(noSuchCell(**answer.run, answer.path, answer.cell));
  }
  damage_ = (*answer.run)->damage();
  const QString unfinished = answer.live ? QString() : unfinishedText(answer.path);
  messages_->say(damage_.empty()        ? unfinished
                 : unfinished.isEmpty() ? qt(damage_)
                                        : unfinished + QLatin1Char('\n') + qt(damage_));
  setWindowTitle(tr("%1 - Violet").arg(QString::fromStdString((*answer.run)->name())));
  session_.setRun(*answer.run, cell.value_or(0));
  live_run_ = answer.live ? *answer.run : nullptr;
  // Of a run without events there is nothing to observe.
  const bool observes = tabs_->currentIndex() == 0;
  if (observes && !(*answer.run)->no_cells_because().empty()) bringForward(tr("Compare"));
  if (answer.live) {
    step_back_all(kWatchingNice);
    frame_meter_.start();
    pull_timer_.start();
  } else {
    pull_timer_.stop();
  }
  showLive((*answer.run)->progress());
}

// Damage is found when a cell is opened, or when its events are looked at.
void MainWindow::sayDamage() {
  if (session_.run() == nullptr) return;
  const std::string now = session_.run()->damage();
  if (now == damage_ || now.empty()) return;
  damage_ = now;
  messages_->say(qt(now));
}

void MainWindow::pull() {
  session_.pull();
  if (session_.run() == nullptr) return;
  const RunProgress progress = session_.run()->progress();
  if (progress.state != RunProgress::State::kRunning) return runEnded(progress);
  constexpr int kReadableMs = 250;  // Numbers that change faster cannot be read.
  if (line_shown_.elapsed() >= kReadableMs) showLive(progress);
}

void MainWindow::runEnded(const RunProgress& progress) {
  session_.pull();  // Cells that came with the last events.
  pull_timer_.stop();
  ended_ = progress;
  showLive(progress);
  recording_.ask([live = live_run_] { return open_watched(live); });
}

void MainWindow::recordingOpened(Result<std::shared_ptr<RunQueries>> recording) {
  if (live_run_ == nullptr || session_.run() != live_run_.get()) return;  // Another one was opened.
  const auto cells = live_run_->cells();
  const QString newest = cells.empty() ? QString() : cellNames(cells).back();
  QString says = endingText(ended_, newest);
  if (!recording) {
    says +=
        tr(" Its recording cannot be opened, and what was seen stays until the window closes: %1")
            .arg(qt(recording.error().message));
  }
  const QString damage = recording ? qt((*recording)->damage()) : QString();
  if (!damage.isEmpty()) says += QLatin1Char(' ') + damage;
  const QString frames = frame_meter_.summary();
  const bool well = recording && damage.isEmpty() && ended_.how == "finished";
  if (well)
    status_->showMessage(frames.isEmpty() ? says : says + QStringLiteral(" ") + frames, 10000);
  else
    messages_->say(says);
  if (recording) session_.continueWith(*recording);
  live_run_.reset();
}

void MainWindow::showLive(const RunProgress& progress) {
  if (live_ == nullptr) return;
  line_shown_.start();
  live_->setText(gui::liveLine(progress, session_.run() ? session_.run()->cell_count() : 0,
                               session_.pinned()));
  live_->setStyleSheet(isLate(progress) ? QStringLiteral("color: %1").arg(theme().bad.name())
                                        : QString());
  QString tip =
      tr("Lag: the age of the newest moment that is shown. Drops: events that the run's "
         "rings could not hold until they were read. A cell that was chosen is pinned; End "
         "goes on with the newest.");
  if (const QString rate = frame_meter_.rateText(); !rate.isEmpty())
    tip += QLatin1Char('\n') + rate;
  live_->setToolTip(tip);
}

QString MainWindow::liveLine() const { return live_->text(); }

// One for each picture of the whole window, however many views it repaints.
bool MainWindow::event(QEvent* event) {
  if (event->type() == QEvent::UpdateRequest && pull_timer_.isActive()) frame_meter_.frame();
  return QMainWindow::event(event);
}

void MainWindow::showTime() {
  const auto cell = session_.cell();
  if (!cell) return time_->setText(session_.run() != nullptr ? tr("no cell") : tr("no run"));
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
  // At the end of a lesson its arrow key has nothing to do, and does nothing: the bar of tabs, which has the
  // focus after a click, would go on to another one.
  if (watched == tabs_->tabBar() && event->type() == QEvent::KeyPress &&
      actions_.claims(QKeySequence(static_cast<QKeyEvent*>(event)->keyCombination()))) {
    return true;
  }
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

// Opened, the toolbar's last button would stay where a larger window has room for all of them.
void MainWindow::resizeEvent(QResizeEvent* event) {
  QMainWindow::resizeEvent(event);
  auto* bar = findChild<QToolBar*>(QStringLiteral("toolbar"));
  auto* more = findChild<QToolButton*>(QStringLiteral("qt_toolbar_ext_button"));
  if (bar == nullptr || more == nullptr || !more->isChecked()) return;
  more->click();
  QTimer::singleShot(0, bar, [bar] { bar->layout()->setGeometry(bar->rect()); });
}

void MainWindow::changeEvent(QEvent* event) {
  QMainWindow::changeEvent(event);
  if (event->type() == QEvent::ActivationChange) {
    pull_timer_.setInterval(isActiveWindow() ? kFocusedMs : kUnfocusedMs);
  }
}

// ---- rows of the action table

std::vector<ActionRow> MainWindow::runActions() {
  const QString group = tr("Run");
  const auto has_run = [this] { return session_.run() != nullptr; };
  return {
      {"run.open",
       tr("Open a run…"),
       {ctrl(Qt::Key_O)},
       tr("Open a run directory"),
       group,
       [this] { chooseRun(false); }},
      {"run.latest",
       tr("Open the latest run"),
       {QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_L)},
       tr("Open the newest run directory"),
       group,
       [this] {
         const auto runs = list_runs(runs_folder(), 1);
         if (runs.empty())
           return showMessage(
               tr("there is no run in %1").arg(QString::fromStdString(runs_folder().string())));
         openRun(QString::fromStdString(runs.front().string()));
       }},
      {"run.live",
       tr("Attach to a live run…"),
       {ctrl(Qt::Key_L)},
       tr("Follow a run that is going on"),
       group,
       [this] { chooseRun(true); }},
      {"run.follow",
       tr("Follow the run's end"),
       {QKeySequence(Qt::Key_End)},
       tr("Live: the newest cell, and the window's end at its newest event"),
       group,
       [this] {
         if (session_.following() && !session_.pinned())
           session_.setFollowing(false);
         else
           session_.followNewest();
       },
       [this] { return pull_timer_.isActive(); },
       [this] { return session_.following() && !session_.pinned(); }},
      {"run.close",
       tr("Close the run"),
       {ctrl(Qt::Key_W)},
       tr("Close the run or detach from it"),
       group,
       [this] {
         pull_timer_.stop();
         live_run_.reset();
         session_.closeRun();
         setWindowTitle(tr("Violet"));
         showLive({});
       },
       has_run},
      {"view.export",
       tr("Export the view…"),
       {ctrl(Qt::Key_E)},
       tr("Write the front workspace as PNG, PDF or SVG"),
       group,
       [this] { exportView(); }},
      {"app.quit",
       tr("Quit"),
       {ctrl(Qt::Key_Q)},
       tr("Close the window"),
       group,
       [this] { close(); }},
  };
}

std::vector<ActionRow> MainWindow::playActions() {
  const QString group = tr("Time");
  const auto has_cell = [this] { return session_.cell() != nullptr; };
  const auto speed = [this](double factor) {
    session_.setSpeed(session_.speed() * factor);
    showTime();
  };
  return {
      {"play.start",
       tr("To the start"),
       {QKeySequence(Qt::Key_Home)},
       tr("Cursor to the window's start"),
       group,
       [this] { session_.setCursor(session_.window().from); },
       has_cell},
      {"play.back",
       tr("Previous event"),
       {QKeySequence(Qt::Key_Comma)},
       tr("Cursor to the event before it"),
       group,
       [this] { stepEvent(false); },
       has_cell},
      {"play.toggle",
       tr("Play"),
       {QKeySequence(Qt::Key_Space)},
       tr("The cursor runs through the cell"),
       group,
       [this] { session_.setPlaying(!session_.playing()); },
       has_cell,
       [this] { return session_.playing(); }},
      {"play.next",
       tr("Next event"),
       {QKeySequence(Qt::Key_Period)},
       tr("Cursor to the event after it"),
       group,
       [this] { stepEvent(true); },
       has_cell},
      {"play.end",
       tr("To the end"),
       {QKeySequence(Qt::SHIFT | Qt::Key_End)},
       tr("Cursor to the window's end"),
       group,
       [this] { session_.setCursor(session_.window().to - 1); },
       has_cell},
      {"play.slower",
       tr("Slower"),
       {QKeySequence(Qt::Key_BracketLeft)},
       tr("Half the speed"),
       group,
       [speed] { speed(0.5); },
       has_cell},
      {"play.faster",
       tr("Faster"),
       {QKeySequence(Qt::Key_BracketRight)},
       tr("Twice the speed"),
       group,
       [speed] { speed(2); },
       has_cell},
  };
}

std::vector<ActionRow> MainWindow::windowActions() {
  std::vector<ActionRow> rows{{"app.palette",
                               tr("Command…"),
                               {ctrl(Qt::Key_K)},
                               tr("Find a command by its name"),
                               tr("Window"),
                               [this] { (new Palette(actions_, this))->show(); }},
                              {"app.find",
                               tr("Find…"),
                               {ctrl(Qt::Key_F)},
                               tr("An address, a time or an event"),
                               tr("Window"),
                               [this] { focusFind(); }},
                              {"app.theme",
                               tr("Dark theme"),
                               {ctrl(Qt::Key_T)},
                               tr("Dark or light"),
                               tr("Window"),
                               [this] { setDark(!theme().dark); },
                               {},
                               [] { return theme().dark; }},
                              {"app.keys",
                               tr("Keys"),
                               {QKeySequence(Qt::Key_Question), QKeySequence(Qt::Key_F1)},
                               tr("Every key that works now"),
                               tr("Window"),
                               [this] { (new KeySheet(actions_, this))->show(); }},
                              {"app.full",
                               tr("Full screen"),
                               {QKeySequence(Qt::Key_F11)},
                               tr("Fill the screen; again: back"),
                               tr("Window"),
                               [this] { isFullScreen() ? showNormal() : showFullScreen(); },
                               {},
                               [this] { return isFullScreen(); }}};
  const char* const names[] = {"Observe", "Compare", "Topology", "Explain", "Experiment"};
  int key = Qt::Key_1;
  for (const char* name : names) {
    rows.push_back({QStringLiteral("tab.") + QString::fromLatin1(name).toLower(),
                    tr(name),
                    {QKeySequence(Qt::CTRL | static_cast<Qt::Key>(key++))},
                    tr("Bring this workspace to the front"),
                    tr("Window"),
                    [this, name] { bringForward(tr(name)); }});
  }
  return rows;
}

void MainWindow::makeActions() {
  actions_.add(runActions(), nullptr);
  actions_.add(playActions(), nullptr);
  actions_.add(windowActions(), nullptr);
}

void MainWindow::makeToolbar() {
  QToolBar* bar = addToolBar(tr("Main"));
  bar->setObjectName(QStringLiteral("toolbar"));
  bar->setAccessibleName(tr("Run and time"));
  bar->setMovable(false);
  run_button_ = new QToolButton(bar);
  run_button_->setText(tr("Run ▾"));
  run_button_->setAccessibleName(tr("Open a run"));
  run_button_->setToolTip(tr("Recent runs, or open another"));
  run_button_->setPopupMode(QToolButton::InstantPopup);
  run_button_->setMenu(new QMenu(run_button_));
  connect(run_button_->menu(), &QMenu::aboutToShow, this, &MainWindow::fillRunMenu);
  bar->addWidget(run_button_);
  const auto button = [&](const char* id, const QString& text) {
    auto* made = new QToolButton(bar);
    QAction* action = actions_.action(QLatin1String(id));
    made->setDefaultAction(action);
    // The menu says it in words; here a sign is enough, and the words stay for screen readers.
    made->setAccessibleName(action->text());
    action->setIconText(text);
    made->setToolButtonStyle(Qt::ToolButtonTextOnly);
    made->setFocusPolicy(Qt::TabFocus);
    bar->addWidget(made);
  };
  button("run.live", tr("Live"));
  bar->addSeparator();
  button("play.start", QStringLiteral("|◀"));
  button("play.back", QStringLiteral("◀"));
  button("play.toggle", tr("Play"));
  button("play.next", QStringLiteral("▶"));
  button("play.end", QStringLiteral("▶|"));
  bar->addSeparator();
  time_ = new QLabel(bar);
  time_->setFont(number_font());
  time_->setAccessibleName(tr("Time of the cursor, and of the whole cell"));
  time_->setContentsMargins(6, 0, 6, 0);
  bar->addWidget(time_);
  live_ = new QLabel(bar);
  live_->setFont(number_font());
  live_->setAccessibleName(tr("Lag and drops of the live run"));
  bar->addWidget(live_);
  auto* stretch = new QWidget(bar);
  stretch->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  bar->addWidget(stretch);
  find_ = new QLineEdit(bar);
  find_->setPlaceholderText(tr("Address, time or event  Ctrl+F"));
  find_->setAccessibleName(tr("Find an address, a time or an event"));
  find_->setMinimumWidth(120);
  find_->setMaximumWidth(230);
  find_->installEventFilter(this);
  connect(find_, &QLineEdit::returnPressed, this, [this] {
    observe_->find(find_->text());
    find_->selectAll();
  });
  bar->addWidget(find_);
  button("app.palette", QStringLiteral("Ctrl+K"));
  // Which theme is on is seen; a pressed button beside it would say it twice.
  auto* dark = new QToolButton(bar);
  dark->setText(tr("Theme"));
  dark->setAccessibleName(tr("Dark or light theme"));
  dark->setToolTip(actions_.action(QStringLiteral("app.theme"))->toolTip());
  dark->setFocusPolicy(Qt::TabFocus);
  connect(dark, &QToolButton::clicked, actions_.action(QStringLiteral("app.theme")),
          &QAction::trigger);
  bar->addWidget(dark);
  button("app.keys", QStringLiteral("?"));
  showOverflow(*bar);
}

void MainWindow::fillRunMenu() {
  QMenu* menu = run_button_->menu();
  menu->clear();
  const auto runs = list_runs(runs_folder(), 12);
  for (const auto& run : runs) {
    const QString path = QString::fromStdString(run.string());
    menu->addAction(QString::fromStdString(run.filename().string()), this,
                    [this, path] { openRun(path); });
  }
  if (runs.empty())
    menu->addAction(tr("no run in %1").arg(QString::fromStdString(runs_folder().string())))
        ->setEnabled(false);
  menu->addSeparator();
  menu->addAction(actions_.action(QStringLiteral("run.open")));
  menu->addAction(actions_.action(QStringLiteral("run.live")));
  menu->addAction(actions_.action(QStringLiteral("run.close")));
}

void MainWindow::chooseRun(bool live) {
  auto* dialog = new QFileDialog(this, live ? tr("Attach to a live run") : tr("Open a run"),
                                 QString::fromStdString(runs_folder().string()));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(QFileDialog::Directory);
  dialog->setOption(QFileDialog::DontUseNativeDialog);
  connect(dialog, &QFileDialog::fileSelected, this,
          [this, live](const QString& path) { live ? attachLive(path) : openRun(path); });
  dialog->open();
}

void MainWindow::exportView() {
  auto* front = workspace(tabs_->tabText(tabs_->currentIndex()));
  auto* dialog = new QFileDialog(this, tr("Export %1").arg(front->name()), {},
                                 tr("Pictures (*.png *.pdf *.svg)"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setDefaultSuffix(QStringLiteral("png"));
  dialog->selectFile(front->name().toLower() + QStringLiteral(".png"));
  dialog->setOption(QFileDialog::DontUseNativeDialog);
  connect(dialog, &QFileDialog::fileSelected, this, [this, front](const QString& file) {
    const Status done = export_view(*front, front->size(), file, devicePixelRatioF());
    if (!done)
      showMessage(QString::fromStdString(done.error().message));
    else
      emit front->says(tr("written to %1").arg(file));
  });
  dialog->open();
}

void MainWindow::focusFind() {
  bringForward(observe_->name());
  auto* more = findChild<QToolButton*>(QStringLiteral("qt_toolbar_ext_button"));
  if (!find_->isVisible() && more != nullptr) more->click();
  find_->setFocus(Qt::ShortcutFocusReason);
  find_->selectAll();
}

// To the kept event before or after the cursor.
void MainWindow::stepEvent(bool forward) {
  const auto cell = session_.cell();
  if (!cell) return;
  const Nanos at = session_.cursor().value_or(session_.window().from);
  stepping_.ask([cell, at, forward, filter = session_.listedEvents()]() -> std::optional<Nanos> {
    const TimeWindow whole = cell->info().whole;
    if (forward) {
      const auto next = cell->events({at + 1, whole.to}, filter, 0, 1);
      return next.empty() ? std::nullopt : std::optional(next.front().at);
    }
    // Backwards: a window that doubles until something is in it.
    for (Nanos reach = 10'000;; reach *= 2) {
      const TimeWindow before{std::max(whole.from, at - reach), at};
      const std::uint64_t count = cell->count_events(before, filter);
      if (count > 0) return cell->events(before, filter, count - 1, 1).front().at;
      if (before.from == whole.from) return std::nullopt;
    }
  });
}

}  // namespace violet::gui
