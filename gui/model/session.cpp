#include "gui/model/session.hpp"

#include <QCoreApplication>
#include <QElapsedTimer>
#include <QThreadPool>
#include <QTimer>
#include <algorithm>
#include <atomic>
#include <cmath>

namespace violet::gui {

// Shared with the thread that opens: whoever is superseded cancels and is never heard of again.
struct Session::Opening {
  std::atomic<bool> cancelled{false};
  std::atomic<double> share{0};
};

class Session::PlayTimer {
 public:
  explicit PlayTimer(Session* session) {
    timer_.setInterval(kFrameMs);
    QObject::connect(&timer_, &QTimer::timeout, session, [session] { session->tick(); });
  }
  void start() {
    clock_.start();
    timer_.start();
  }
  void stop() { timer_.stop(); }
  bool running() const { return timer_.isActive(); }
  double seconds() { return double(clock_.restart()) / 1000.0; }

 private:
  static constexpr int kFrameMs = 16;
  QTimer timer_;
  QElapsedTimer clock_;
};

Session::Session(QObject* parent) : QObject(parent), timer_(std::make_unique<PlayTimer>(this)) {}

Session::~Session() {
  if (opening_state_) opening_state_->cancelled.store(true, std::memory_order_relaxed);
}

void Session::setRun(std::shared_ptr<RunQueries> run, std::size_t first_cell) {
  closeRun();
  run_ = std::move(run);
  cells_seen_ = run_ ? run_->cell_count() : 0;
  emit runChanged();
  if (!run_) return;
  if (live()) return openNewest();
  // There is nothing to open; what else the run has, the other workspaces show.
  if (cells_seen_ == 0 && !run_->no_cells_because().empty()) return;
  if (cells_seen_ == 0) {
    emit failed(
        tr("%1 has no cell with a trace: run it again with tracing on, or wait for its first cell")
            .arg(QString::fromStdString(run_->name())));
    return;
  }
  open(first_cell, false);
}

bool Session::live() const {
  return run_ && run_->progress().state == RunProgress::State::kRunning;
}

void Session::continueWith(std::shared_ptr<RunQueries> recording) {
  // The cell that is in view, or that was about to come into it.
  const auto live = run_ ? run_->cells() : std::vector<CellInfo>{};
  const auto cells = recording->cells();
  if (!wanted_cell_ || *wanted_cell_ >= live.size()) return setRun(std::move(recording));
  const CellInfo& wanted = live[*wanted_cell_];
  const auto found = std::find_if(cells.begin(), cells.end(), [&](const CellInfo& one) {
    return one.cell_id == wanted.cell_id && one.repetition == wanted.repetition;
  });
  if (found == cells.end()) return setRun(std::move(recording));
  const auto index = static_cast<std::size_t>(found - cells.begin());
  const bool in_view = cell_ && cell_index_ == wanted_cell_;
  run_ = std::move(recording);
  cells_seen_ = cells.size();
  pinned_ = false;
  if (in_view) cell_index_ = index;
  emit runChanged();
  open(index, in_view);
}

void Session::closeRun() {
  if (opening_state_) opening_state_->cancelled.store(true, std::memory_order_relaxed);
  const bool had_run = run_ != nullptr, had_cell = cell_ != nullptr;
  opening_state_.reset();
  opening_.reset();
  setPlaying(false);
  run_.reset();
  cell_.reset();
  cell_index_.reset();
  wanted_cell_.reset();
  cells_seen_ = 0;
  following_ = pinned_ = false;
  cursor_.reset();
  window_ = {};
  setPage({});
  clearSelection();
  if (had_cell) emit cellChanged();
  if (had_run) emit runChanged();
}

void Session::openCell(std::size_t index) {
  if (!run_) return;
  pinned_ = live();
  open(index, false);
}

// The newest one that there is, unless it is open, or being opened.
void Session::openNewest() {
  if (cells_seen_ > 0 && wanted_cell_ != cells_seen_ - 1) open(cells_seen_ - 1, false);
}

void Session::open(std::size_t index, bool keeps_choice) {
  wanted_cell_ = index;
  if (opening_state_) opening_state_->cancelled.store(true, std::memory_order_relaxed);
  auto state = std::make_shared<Opening>();
  opening_state_ = state;
  opening_ = 0.0;
  emit openingChanged();
  // Results come back as events of the application object, which outlives the pool's work; `state`
  // says whether this session still wants them.
  const std::weak_ptr<Opening> wanted = state;
  QThreadPool::globalInstance()->start([this, wanted, state, run = run_, index, keeps_choice] {
    OpenProgress progress;
    progress.context = state.get();
    progress.report = [](void* context, double share) {
      static_cast<Opening*>(context)->share.store(share, std::memory_order_relaxed);
    };
    progress.cancel = [](void* context) {
      return static_cast<Opening*>(context)->cancelled.load(std::memory_order_relaxed);
    };
    auto result = std::make_shared<Result<std::shared_ptr<const CellQueries>>>(
        run->open_cell(index, progress));
    QMetaObject::invokeMethod(
        QCoreApplication::instance(),
        [this, state, result, index, keeps_choice] {
          if (state->cancelled.load(std::memory_order_relaxed)) return;
          opening_state_.reset();
          opening_.reset();
          emit openingChanged();
          if (*result)
            opened(**result, index, keeps_choice);
          else
            emit failed(QString::fromStdString(result->error().message));
        },
        Qt::QueuedConnection);
  });
  watchOpening(wanted);
}

// Progress is looked at ten times a second while something is being opened.
void Session::watchOpening(const std::weak_ptr<Opening>& wanted) {
  QTimer::singleShot(100, this, [this, wanted] {
    const auto state = wanted.lock();
    if (!state || state != opening_state_) return;
    opening_ = state->share.load(std::memory_order_relaxed);
    emit openingChanged();
    watchOpening(wanted);
  });
}

void Session::opened(std::shared_ptr<const CellQueries> cell, std::size_t index,
                     bool keeps_choice) {
  const bool followed = following_;
  cell_ = std::move(cell);
  cell_index_ = index;
  const CellInfo info = cell_->info();
  version_ = cell_->version();
  following_ = info.live;
  if (!keeps_choice) {
    cursor_.reset();
    page_.reset();
    page_at_.reset();
    filter_ = {};
    selected_time_.reset();
  }
  follow_length_ = kFollowed;
  if (keeps_choice && !followed)
    window_ = clamped(window_);
  else if (info.live)
    window_ = clamped({info.whole.to - kFollowed, info.whole.to});
  else
    window_ = clamped(info.measured.length() > 0 ? info.measured : info.whole);
  emit cellChanged();
  emit windowChanged();
  emit selectionChanged();
  emit pageChanged();
  emit cursorChanged();
}

TimeWindow Session::clamped(TimeWindow window) const {
  if (!cell_) return {};
  TimeWindow whole = cell_->info().whole;
  whole.to = std::max(whole.to, whole.from + kShortestWindow);
  const Nanos length = std::clamp(window.length(), kShortestWindow, whole.length());
  const Nanos from = std::clamp(window.from, whole.from, whole.to - length);
  return {from, from + length};
}

void Session::setWindow(TimeWindow window) {
  if (following_) follow_length_ = window.length();
  moveWindow(window);
}

void Session::moveWindow(TimeWindow window) {
  if (!cell_) return;
  window = clamped(window);
  if (window == window_) return;
  window_ = window;
  emit windowChanged();
}

void Session::zoom(double factor, double anchor) {
  const double length = static_cast<double>(window_.length());
  const double at = static_cast<double>(window_.from) + anchor * length;
  const double wanted = std::max(length * factor, static_cast<double>(kShortestWindow));
  const auto from = static_cast<Nanos>(std::floor(at - anchor * wanted));
  setWindow({from, from + static_cast<Nanos>(std::ceil(wanted))});
}

void Session::pan(double share) {
  const auto by = static_cast<Nanos>(std::llround(share * static_cast<double>(window_.length())));
  if (by < 0) setFollowing(false);
  setWindow({window_.from + by, window_.to + by});
}

void Session::fit() {
  if (!cell_) return;
  const CellInfo info = cell_->info();
  const TimeWindow measured = clamped(info.measured);
  setWindow(info.measured.length() > 0 && window_ != measured ? measured : info.whole);
}

void Session::setCursor(std::optional<Nanos> at) {
  if (at == cursor_) return;
  cursor_ = at;
  emit cursorChanged();
}

Filter Session::listedEvents() const {
  Filter filter = filter_;
  filter.samples = false;
  return filter;
}

void Session::select(std::optional<TimeWindow> time, const Filter& filter) {
  if (time == selected_time_ && filter == filter_) return;
  selected_time_ = time;
  filter_ = filter;
  emit selectionChanged();
}

void Session::clearSelection() { select({}, {}); }

void Session::setPage(std::optional<Iova> page, std::optional<Nanos> at) {
  if (page == page_ && at == page_at_) return;
  page_ = page;
  page_at_ = at;
  emit pageChanged();
}

bool Session::playing() const { return timer_->running(); }

void Session::setPlaying(bool on) {
  on = on && cell_ != nullptr;
  if (on == playing()) return;
  if (on) {
    const Nanos end = cell_->info().whole.to;
    if (!cursor_ || *cursor_ >= end - 1)
      setCursor(window_.to < end ? window_.from : cell_->info().whole.from);
    timer_->start();
  } else {
    timer_->stop();
  }
  emit playingChanged();
}

void Session::setSpeed(double speed) {
  if (speed > 0) speed_ = speed;
}

// The cursor moves; the window turns a page when the cursor leaves it.
void Session::tick() {
  if (!cell_ || !cursor_) return setPlaying(false);
  const double seconds = std::min(timer_->seconds(), 0.1);
  const Nanos end = cell_->info().whole.to;
  const Nanos at = std::min(*cursor_ + static_cast<Nanos>(seconds * speed_ * 1e9), end - 1);
  if (!window_.contains(at)) setWindow({at, at + window_.length()});
  setCursor(at);
  if (at >= end - 1) setPlaying(false);
}

void Session::setFollowing(bool on) {
  following_ = on && cell_ && cell_->info().live;
  if (!on) pinned_ = live();
}

void Session::followNewest() {
  if (!live()) return;
  pinned_ = false;
  if (cells_seen_ > 0 && cell_index_ != cells_seen_ - 1) return openNewest();
  setFollowing(true);
  if (!following_) return;
  const Nanos end = cell_->info().whole.to;
  setWindow({end - window_.length(), end});
}

void Session::pull() {
  if (!run_) return;
  run_->pull();
  // Compared with what was there at the last pull and not before this one: cells come at any time.
  const std::size_t cells = run_->cell_count();
  if (cells != cells_seen_) {
    cells_seen_ = cells;
    emit cellsChanged();
  }
  if (!pinned_ || !cell_) openNewest();
  emit pulled();
  if (!cell_) return;
  const std::uint64_t version = cell_->version();
  if (version == version_) return;
  version_ = version;
  if (following_) {
    const Nanos end = cell_->info().whole.to;
    moveWindow({end - follow_length_, end});
  }
  emit grew();
}

}  // namespace violet::gui
