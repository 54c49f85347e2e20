#include "gui/observe/observe_workspace.hpp"

#include <QDockWidget>
#include <QHBoxLayout>
#include <QMainWindow>
#include <QRegularExpression>
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
#include "gui/model/waiting_text.hpp"
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
constexpr double kPanStep = 0.15, kZoomStep = 0.7;

QList<QKeySequence> keys(std::initializer_list<QKeySequence> list) {
  return QList<QKeySequence>(list);
}
QKeySequence shift(Qt::Key key) { return QKeySequence(Qt::SHIFT | key); }

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
  connect(session, &Session::pulled, this, [this] {
    if (!session_->cell() && !session_->opening()) showState();
  });
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
  for (QWidget* one : {static_cast<QWidget*>(docks_), static_cast<QWidget*>(side_),
                       static_cast<QWidget*>(selection_)}) {
    one->installEventFilter(this);
  }
}

// Shares of the room there is: known once the workspace is shown.
void ObserveWorkspace::sizeDocks() {
  const auto dock = [](QWidget* content) {
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
  noteSides(side, right);
  docks_->layout()->activate();  // Nothing else asks for it.
}

void ObserveWorkspace::sizeOnce() {
  if (sized_ || stack_->currentWidget() != docks_ || !isVisible()) return;
  sized_ = true;
  // After the layout has given the docks their room: a layout that is restored earlier is squeezed.
  QTimer::singleShot(0, this, [this] {
    const QByteArray saved =
        remembers_ ? QSettings().value(QLatin1String(kLayoutKey)).toByteArray() : QByteArray();
    const bool restored = !saved.isEmpty() && docks_->restoreState(saved, kLayoutVersion);
    restored ? noteSides(side_->width(), selection_->width()) : sizeDocks();
  });
}

void ObserveWorkspace::noteSides(int side, int right) {
  noted_for_ = docks_->size();
  side_width_ = side;
  right_width_ = right;
}

// A larger window is for the plots: what is beside them keeps its width, and gives some only where they would
// have too little.
void ObserveWorkspace::keepSides() {
  const auto dock = [](QWidget* content) {
    return qobject_cast<QDockWidget*>(content->parentWidget());
  };
  QDockWidget *side = dock(side_), *plots = dock(churn_), *right = dock(selection_);
  noted_for_ = docks_->size();
  for (const QDockWidget* one : {side, plots, right}) {
    if (one->isHidden() || one->isFloating()) return;
  }
  const int width = docks_->width();
  const int left_share = std::min(side_width_, width / 5);
  const int right_share = std::min(right_width_, width * 3 / 10);
  keeping_ = true;
  docks_->resizeDocks({side, plots, right},
                      {left_share, width - left_share - right_share, right_share}, Qt::Horizontal);
  docks_->layout()->activate();
  keeping_ = false;
}

bool ObserveWorkspace::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::Resize && sized_ && noted_for_.isValid() && !keeping_) {
    if (watched == docks_) {
      QTimer::singleShot(0, this, &ObserveWorkspace::keepSides);
    } else if (docks_->size() == noted_for_ && maximised_ == nullptr) {
      (watched == side_ ? side_width_ : right_width_) = static_cast<QWidget*>(watched)->width();
    }
  }
  return Workspace::eventFilter(watched, event);
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
  } else if (session_->run() != nullptr && !session_->run()->no_cells_because().empty()) {
    state_->showEmpty(tr("There are no events to look at"),
                      tr("%1: %2.").arg(QString::fromStdString(session_->run()->name()),
                                        noEventsText(*session_->run())),
                      tr("Open another run"), [this] { emit wantsOpen(); });
  } else if (session_->run() != nullptr) {
    state_->showEmpty(tr("Waiting for the first cell"), waitingText(session_->run()->progress()));
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
  return tr("Violet, run %1, cell %2, %3, %4 to %5, injected: %6")
      .arg(QString::fromStdString(info.run_id), QString::fromStdString(info.label),
           repetitionText(info), timeText(session_->window().from), timeText(session_->window().to),
           injectedText(info.injected_percent));
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

// ---- rows of the action table, and the search

std::vector<ActionRow> ObserveWorkspace::goActions() {
  const QString go = tr("Go");
  const auto has_cell = [this] { return session_->cell() != nullptr; };
  Session* s = session_;
  const auto zoom_at_cursor = [s](double factor) {
    double anchor = 0.5;
    if (s->cursor() && s->window().contains(*s->cursor())) {
      anchor = double(*s->cursor() - s->window().from) / double(s->window().length());
    }
    s->zoom(factor, anchor);
  };
  return {
      {"time.left", tr("Earlier"), keys({Qt::Key_A, Qt::Key_Left}), tr("Pan to earlier times"), go,
       [s] { s->pan(-kPanStep); }, has_cell},
      {"time.right", tr("Later"), keys({Qt::Key_D, Qt::Key_Right}), tr("Pan to later times"), go,
       [s] { s->pan(kPanStep); }, has_cell},
      {"time.in", tr("Zoom in"), keys({Qt::Key_W, Qt::Key_Plus, Qt::Key_Equal}),
       tr("Zoom into time, at the cursor"), go, [zoom_at_cursor] { zoom_at_cursor(kZoomStep); },
       has_cell},
      {"time.out", tr("Zoom out"), keys({Qt::Key_S, Qt::Key_Minus}), tr("Zoom out of time"), go,
       [zoom_at_cursor] { zoom_at_cursor(1 / kZoomStep); }, has_cell},
      {"time.fit", tr("Fit"), keys({Qt::Key_F}), tr("Show the measured time; again: the whole run"),
       go,
       [this] {
         session_->fit();
         churn_->fitAddresses();
       },
       has_cell},
      {"time.selection", tr("Zoom to the selection"), keys({Qt::Key_Z}),
       tr("Show the selected time and addresses"), go,
       [this] {
         if (session_->selectedTime()) session_->setWindow(*session_->selectedTime());
         if (session_->filter().range) churn_->showRange(*session_->filter().range);
       },
       [this] {
         return session_->selectedTime().has_value() || session_->filter().range.has_value();
       }},
      {"address.up", tr("Higher addresses"), keys({shift(Qt::Key_W), Qt::Key_Up}),
       tr("Pan Churn to higher addresses"), go, [this] { churn_->panAddresses(kPanStep); },
       has_cell},
      {"address.down", tr("Lower addresses"), keys({shift(Qt::Key_S), Qt::Key_Down}),
       tr("Pan Churn to lower addresses"), go, [this] { churn_->panAddresses(-kPanStep); },
       has_cell},
      {"address.in", tr("Zoom into addresses"), keys({shift(Qt::Key_D), Qt::Key_E}),
       tr("Zoom Churn, down to one page"), go, [this] { churn_->zoomAddresses(kZoomStep); },
       has_cell},
      {"address.out", tr("Zoom out of addresses"), keys({shift(Qt::Key_A), Qt::Key_Q}),
       tr("Zoom Churn out"), go, [this] { churn_->zoomAddresses(1 / kZoomStep); }, has_cell},
      {"address.space", tr("Whole address space"), keys({shift(Qt::Key_F)}),
       tr("Show all 64 bits of the address space as they are"), go,
       [this] { churn_->showWholeSpace(); }, has_cell},
      {"select.clear", tr("Clear the selection"), keys({Qt::Key_Escape}),
       tr("Clear the selection, then the page, then the big panel"), go,
       [this] {
         if (session_->selectedTime() || !session_->filter().empty())
           return session_->clearSelection();
         if (session_->page()) return session_->setPage({});
         maximise(nullptr);
       }},
  };
}

std::vector<ActionRow> ObserveWorkspace::viewActions() {
  const QString view = tr("View");
  std::vector<ActionRow> rows{
      {"churn.linear",
       tr("Linear addresses"),
       keys({Qt::Key_L}),
       tr("The address space as it is, instead of used ranges behind each other"),
       view,
       [this] { churn_->setLinear(!churn_->linear()); },
       {},
       [this] { return churn_->linear(); }},
      {"churn.reuse",
       tr("Colour by reuse"),
       keys({Qt::Key_R}),
       tr("Colour counts maps of pages that were mapped before"),
       view,
       [this] {
         churn_->setColour(churn_->colour() == ChurnColour::kReuses ? ChurnColour::kCalls
                                                                    : ChurnColour::kReuses);
       },
       {},
       [this] { return churn_->colour() == ChurnColour::kReuses; }},
      {"churn.live",
       tr("Show mapped pages"),
       keys({Qt::Key_M}),
       tr("Green ground where a page is mapped"),
       view,
       [this] { churn_->setShowsLive(!churn_->showsLive()); },
       {},
       [this] { return churn_->showsLive(); }},
      {"churn.stale",
       tr("Show stale pages"),
       keys({Qt::Key_X}),
       tr("Hatching where a page is unmapped and still reachable"),
       view,
       [this] { churn_->setShowsStale(!churn_->showsStale()); },
       {},
       [this] { return churn_->showsStale(); }},
  };
  const std::pair<Operation, QKeySequence> operations[] = {{Operation::kMap, Qt::Key_5},
                                                           {Operation::kUnmap, Qt::Key_6},
                                                           {Operation::kTranslate, Qt::Key_7},
                                                           {Operation::kFault, Qt::Key_8}};
  for (const auto& [operation, key] : operations) {
    const QString name = LatencyView::operationText(operation);
    rows.push_back({QStringLiteral("latency.") + name,
                    tr("Latency of %1").arg(name),
                    {key},
                    tr("The Latency panel shows %1").arg(name),
                    view,
                    [this, op = operation] { latency_->setOperation(op); },
                    {},
                    [this, op = operation] { return latency_->operation() == op; }});
  }
  return rows;
}

std::vector<ActionRow> ObserveWorkspace::panelActions() {
  std::vector<ActionRow> rows;
  const struct {
    const char* id;
    QWidget* content;
    Qt::Key key;
  } big[] = {{"churn", churn_, Qt::Key_1},
             {"latency", latency_, Qt::Key_2},
             {"exposure", exposure_, Qt::Key_3},
             {"engine", engine_, Qt::Key_4}};
  for (const auto& panel : big) {
    auto* dock = qobject_cast<QDockWidget*>(panel.content->parentWidget());
    rows.push_back({QStringLiteral("panel.") + QLatin1String(panel.id),
                    tr("Only %1").arg(panel.content->accessibleName()),
                    keys({panel.key}),
                    tr("Fill the workspace with this panel; again: back"),
                    tr("Panels"),
                    [this, dock] { maximise(dock); },
                    {},
                    [this, dock] { return maximised_ == dock; }});
  }
  for (QDockWidget* dock : all_docks_) {
    rows.push_back({QStringLiteral("show.") + dock->objectName(),
                    tr("Show %1").arg(dock->windowTitle()),
                    {},
                    tr("Show or hide this panel"),
                    tr("Panels"),
                    [dock] { dock->setVisible(!dock->isVisible()); },
                    {},
                    [dock] { return !dock->isHidden(); }});
  }
  rows.push_back({"layout.reset",
                  tr("Reset the layout"),
                  {},
                  tr("Put every panel back where it was at first"),
                  tr("Panels"),
                  [this] { resetLayout(); }});
  return rows;
}

std::vector<ActionRow> ObserveWorkspace::actions() {
  std::vector<ActionRow> rows = goActions();
  for (auto& part : {viewActions(), panelActions()})
    rows.insert(rows.end(), part.begin(), part.end());
  return rows;
}

void ObserveWorkspace::find(const QString& what) {
  static const QRegularExpression address(QStringLiteral("^\\s*(?:0x)?([0-9a-f_]{4,20})\\s*$"),
                                          QRegularExpression::CaseInsensitiveOption);
  static const QRegularExpression time(QStringLiteral("^\\s*([0-9.]+)\\s*(ns|us|µs|ms|s)\\s*$"));
  if (!session_->cell()) return;
  if (const auto match = time.match(what); match.hasMatch()) {
    const QString unit = match.captured(2);
    const double scale = unit == QLatin1String("s")    ? 1e9
                         : unit == QLatin1String("ms") ? 1e6
                         : unit == QLatin1String("ns") ? 1
                                                       : 1e3;
    const Nanos end = session_->cell()->info().whole.to;
    const double asked = match.captured(1).toDouble() * scale;
    const Nanos at = asked < double(end) ? static_cast<Nanos>(asked) : end;
    goTo(at);
    emit says(at < end ? tr("at %1").arg(timeText(at))
                       : tr("the cell ends at %1").arg(timeText(at)));
    return;
  }
  const auto match = address.match(what);
  bool ok = false;
  const QString digits = match.captured(1).remove(QLatin1Char('_'));
  const std::uint64_t value = digits.toULongLong(&ok, 16);
  // "fade" is hexadecimal too; without 0x only what has a digit in it counts as an address.
  const bool prefixed = what.trimmed().startsWith(QLatin1String("0x"), Qt::CaseInsensitive);
  if (match.hasMatch() && ok &&
      (prefixed || digits.contains(QRegularExpression(QStringLiteral("[0-9]"))))) {
    return findAddress(value);
  }
  findEvent(what.trimmed());
}

// In a window that is short enough to see what is there.
void ObserveWorkspace::goTo(Nanos at) {
  constexpr Nanos kMost = 2'000'000;
  const TimeWindow window = session_->window();
  if (!window.contains(at) || window.length() > kMost) {
    const Nanos half = std::min(window.length(), kMost) / 2;
    session_->setWindow({at - half, at + half});
  }
  session_->setCursor(at);
  events_->showTime(at);
}

void ObserveWorkspace::findAddress(std::uint64_t address) {
  const std::uint64_t page = address & ~0xfffull;
  session_->setPage(Iova{page}, session_->cursor().value_or(session_->window().from));
  if (!churn_->axis().place(page)) churn_->setLinear(true);
  const std::uint64_t around = 64 * ChurnAxis::kPage;
  churn_->showRange({{page > around ? page - around : 0},
                     {page < ~std::uint64_t{0} - around ? page + around : ~std::uint64_t{0}}});
  emit says(tr("page %1").arg(addressText(page)));
}

void ObserveWorkspace::findEvent(const QString& words) {
  if (words.isEmpty()) return;
  const Nanos from = session_->cursor() ? *session_->cursor() + 1 : session_->window().from;
  emit says(tr("looking for \"%1\" after %2").arg(words, timeText(from)));
  finding_.ask([cell = session_->cell(), from, words] {
    return Found{find_event(*cell, from, words), words};
  });
}

void ObserveWorkspace::found(const Found& answer) {
  if (!answer.line) {
    emit says(tr("no event called \"%1\" after the cursor").arg(answer.words));
    return;
  }
  const Nanos at = answer.line->at;
  goTo(at);
  if (const auto address = eventAddress(answer.line->event)) {
    session_->setPage(Iova{*address & ~0xfffull}, at);
  }
  emit says(tr("%1 at %2").arg(eventKindText(answer.line->event.kind), timeText(at)));
}

std::optional<EventLine> find_event(const CellQueries& trace, Nanos from, const QString& words) {
  constexpr std::size_t kAtOnce = 8192;
  const TimeWindow rest{from, trace.info().whole.to};
  for (std::uint64_t first = 0;; first += kAtOnce) {
    const auto lines = trace.events(rest, {}, first, kAtOnce);
    for (const EventLine& line : lines) {
      if (eventKindText(line.event.kind).contains(words, Qt::CaseInsensitive) ||
          eventDetail(line.event).contains(words, Qt::CaseInsensitive)) {
        return line;
      }
    }
    if (lines.size() < kAtOnce) return std::nullopt;
  }
}

}  // namespace violet::gui
