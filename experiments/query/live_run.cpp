#include "experiments/query/live_run.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/base/clock.hpp"
#include "engine/base/files.hpp"
#include "engine/base/result.hpp"
#include "experiments/query/recorded_run.hpp"
#include "experiments/results/live_mark.hpp"
#include "experiments/results/run_directory.hpp"

namespace violet::query {
namespace {

constexpr std::size_t kCopy = 4096;
// Of the run's steps: what is extrapolated from less is a guess.
constexpr double kLeastShare = 0.02;

bool same_step(const std::optional<SegmentStatus>& a, const std::optional<SegmentStatus>& b) {
  return a && b && a->cell == b->cell && a->repetition == b->repetition;
}

}  // namespace

LiveRun::LiveRun(std::unique_ptr<LiveSource> source, std::vector<CellInfo> plan)
    : source_(std::move(source)),
      plan_(std::move(plan)),
      attached_(source_->now()),
      lost_(source_->rings().size()),
      read_to_end_(source_->rings().size()),
      told_read_to_end_(source_->rings().size(), true),
      buffer_(kCopy),
      worker_([this] { work(); }) {}

LiveRun::~LiveRun() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  worker_.join();
}

std::vector<CellInfo> LiveRun::cells() const {
  std::vector<std::shared_ptr<LiveCell>> cells;
  {
    const std::lock_guard lock(mutex_);
    cells = cells_;
  }
  std::vector<CellInfo> infos;
  for (const auto& cell : cells) infos.push_back(cell->info());
  return infos;
}

std::size_t LiveRun::cell_count() const {
  const std::lock_guard lock(mutex_);
  return cells_.size();
}

Result<std::shared_ptr<const CellQueries>> LiveRun::open_cell(std::size_t index,
                                                              const OpenProgress& progress) {
  const std::lock_guard lock(mutex_);
  if (index >= cells_.size()) return fail("{}: no cell {} has begun yet", path(), index);
  progress.report(progress.context, 1);
  return std::shared_ptr<const CellQueries>(cells_[index]);
}

// --- How far it is ---

RunProgress LiveRun::progress() const {
  RunProgress says;
  std::optional<Ticks> shown_until;
  bool idle = std::find(read_to_end_.begin(), read_to_end_.end(), false) == read_to_end_.end();
  {
    const std::lock_guard lock(mutex_);
    if (finished_ && !busy_) {
      says.state = ending_->died ? RunProgress::State::kDied : RunProgress::State::kEnded;
    } else {
      says.state = RunProgress::State::kRunning;
    }
    shown_until = shown_until_;
    idle = idle && queue_.empty() && !busy_ && !in_cell_;
  }
  // However far behind this is: a process that is gone is not at work.
  if (ending_) {
    says.how = ending_->how;
    says.died = ending_->died;
  }
  for (const std::uint64_t lost : lost_) says.lost += lost;
  if (status_ && status_->step) says.step = {status_->step->number, status_->step->of};
  if (says.state != RunProgress::State::kRunning) return says;
  const double tick_s = source_->info().ns_per_tick * 1e-9;
  const Ticks now = source_->now();
  if (!ending_ && status_ && status_->share >= kLeastShare && now > source_->info().started_ticks) {
    const double elapsed_s = static_cast<double>(now - source_->info().started_ticks) * tick_s;
    says.remaining_s = elapsed_s * std::max(0.0, 1 - status_->share) / status_->share;
  }
  if (!idle) {
    const Ticks since = shown_until.value_or(attached_);
    says.lag_s = now > since ? static_cast<double>(now - since) * tick_s : 0;
  }
  return says;
}

// --- Pulling ---

void LiveRun::copy_ring(std::size_t ring, std::size_t& budget) {
  const std::size_t room = std::min(budget, buffer_.size());
  const std::size_t count = source_->read(ring, std::span(buffer_).first(room));
  const std::uint64_t lost = source_->lost(ring);
  const std::uint64_t fresh = lost - std::exchange(lost_[ring], lost);
  // What was overwritten while it was copied is missing from `count`: that is no end.
  read_to_end_[ring] = count < room && fresh == 0;
  if (count == 0 && fresh == 0) return;
  budget -= std::max<std::size_t>(count, 1);  // A loss is work, too: a pull must end.
  told_read_to_end_[ring] = read_to_end_[ring];
  LiveSorter::RingBatch taken{ring, {}, fresh, read_to_end_[ring]};
  taken.events.assign(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(count));
  pulled_.push_back(std::move(taken));
}

// The recorder's first, to its end: a ring that is read to its end after that holds nothing older than what the
// recorder said. The others round by round, so that none starves.
void LiveRun::read_rings(std::size_t& budget) {
  const auto& rings = source_->rings();
  read_to_end_.assign(rings.size(), false);
  for (std::size_t i = 0; i < rings.size(); ++i) {
    if (rings[i].role != RingRole::kRecorder) continue;
    while (!read_to_end_[i] && budget > 0) copy_ring(i, budget);
    if (!read_to_end_[i]) return;
  }
  for (bool more = true; more && budget > 0;) {
    more = false;
    for (std::size_t i = 0; i < rings.size() && budget > 0; ++i) {
      if (!read_to_end_[i]) copy_ring(i, budget);
      more = more || !read_to_end_[i];
    }
  }
}

void LiveRun::tell_what_was_read() {
  for (std::size_t i = 0; i < read_to_end_.size(); ++i) {
    if (told_read_to_end_[i] == read_to_end_[i]) continue;
    told_read_to_end_[i] = read_to_end_[i];
    pulled_.push_back({i, {}, 0, read_to_end_[i]});
  }
}

void LiveRun::pull() {
  std::size_t budget = kMostAPull;
  bool has_room = true;
  // Looked at before the rings are: whatever it recorded is in them then.
  if (!ending_ && !source_->running()) ending_ = source_->ending();
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    budget = std::min(budget, most_waiting_ - std::min(most_waiting_, waiting_));
    // A pull that cannot look into every ring would say of some that they may hold something of any age, and of
    // the recorder that its word is not the last: the worker, which is behind, would show nothing of what waits.
    has_room = waiting_ == 0 || budget >= buffer_.size() * lost_.size();
  }
  if (!has_room) {
    if (const auto now = source_->status()) status_ = now;
    return;
  }
  const auto before = source_->status();
  const std::size_t allowed = budget;
  read_rings(budget);
  tell_what_was_read();
  const auto after = source_->status();
  if (after) status_ = after;
  {
    // All at once: half of a pull would tell the time of one ring and hide the events of another.
    const std::lock_guard lock(mutex_);
    waiting_ += allowed - budget;
    queue_.insert(queue_.end(), std::make_move_iterator(pulled_.begin()),
                  std::make_move_iterator(pulled_.end()));
    pulled_.clear();
    said_ = ending_ || same_step(before, after) ? status_ : std::nullopt;
    // Once nothing is left of a run that is gone, it has ended.
    ended_ = ending_ && allowed > 0 && budget == allowed;
    if (ended_ && ending_->died) why_cut_ = "the run died in this cell: " + ending_->how;
    if (ended_ && !ending_->died) why_cut_ = "the run ended without ending this cell";
    if (queue_.empty() && !ended_) return;
  }
  changed_.notify_all();
}

void LiveRun::settle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_.empty() && !busy_ && ended_ == finished_; });
}

// --- Sorting ---

std::vector<bool> LiveRun::missed() const {
  std::vector<bool> missed;
  for (std::size_t i = 0; i < source_->rings().size(); ++i)
    missed.push_back(source_->missed(i) > 0);
  return missed;
}

void LiveRun::work() {
  struct Plan {
    LiveRun* run;
    static CellInfo name(void* context, const LiveSorter::CellKey& key) {
      LiveRun& run = *static_cast<Plan*>(context)->run;
      // Who attaches while the run is being written may have found no cells in it.
      if (key.cell >= run.plan_.size()) run.plan_ = cells_of_plan(run.path());
      CellInfo info;
      if (key.cell < run.plan_.size()) info = run.plan_[key.cell];
      if (info.label.empty()) info.label = fmt::format("cell {}", key.cell);
      if (info.cell_id.empty()) info.cell_id = fmt::format("cell-{}", key.cell);
      info.run_id = run.source_->info().run_id;
      info.repetition = key.repetition;
      return info;
    }
  } plan{this};
  step_back(kAggregatingNice);
  LiveSorter sorter(source_->info(), source_->rings(), missed(), &Plan::name, &plan);
  std::size_t most_waiting = 0;  // 0: not known.
  while (true) {
    std::vector<LiveSorter::RingBatch> taken;
    std::optional<SegmentStatus> said;
    std::string why_cut;
    bool at_end = false;
    {
      std::unique_lock lock(mutex_);
      busy_ = false;
      if (most_waiting > 0) most_waiting_ = most_waiting;
      shown_until_ = sorter.shown_until();
      in_cell_ = sorter.in_cell();
      changed_.notify_all();
      changed_.wait(lock, [&] { return stopping_ || !queue_.empty() || (ended_ && !finished_); });
      if (stopping_) return;
      taken.swap(queue_);
      said = said_;
      why_cut = why_cut_;
      waiting_ = 0;
      busy_ = true;
      at_end = finished_ = ended_;
    }
    LiveSorter::Cells fresh;
    std::size_t events = 0;
    for (const auto& part : taken) events += part.events.size();
    const Ticks begun = now_ticks();
    sorter.sort(std::move(taken), said, fresh);
    if (at_end) sorter.end(why_cut, fresh);
    // A few events say little about how fast it is.
    if (events >= kLeastWaiting / 4) {
      const double seconds = double(now_ticks() - begun) * ns_per_tick() * 1e-9;
      most_waiting = static_cast<std::size_t>(std::clamp(
          double(events) / seconds * kMostLagS, double(kLeastWaiting), double(kMostWaiting)));
    }
    const std::lock_guard lock(mutex_);
    cells_.insert(cells_.end(), fresh.begin(), fresh.end());
  }
}

// --- Attaching ---

namespace {

class SegmentSource : public LiveSource {
 public:
  SegmentSource(SegmentView view, const results::LiveProcess& run)
      : view_(std::move(view)), run_(run) {
    for (std::size_t i = 0; i < view_.rings().size(); ++i) rings_.push_back(view_.observe(i));
    for (const RingObserver& ring : rings_) dropped_before_.push_back(ring.dropped());
  }
  const SegmentInfo& info() const override { return view_.info(); }
  const std::vector<RingPlace>& rings() const override { return view_.rings(); }
  std::size_t read(std::size_t ring, std::span<Event> out) override {
    return rings_[ring].read(out);
  }
  std::uint64_t missed(std::size_t ring) const override { return rings_[ring].missed(); }
  std::uint64_t lost(std::size_t ring) const override {
    return rings_[ring].lost() + rings_[ring].dropped() - dropped_before_[ring];
  }
  std::optional<SegmentStatus> status() const override { return view_.status(); }
  bool running() const override { return results::is_running(run_); }
  Ending ending() const override {
    const std::string gone = fmt::format("its process {} is gone", run_.pid);
    const auto manifest = results::read_manifest(view_.info().run_directory);
    if (!manifest) return {true, fmt::format("{}, and {}", gone, manifest.error().message)};
    if (manifest->outcome != "running") return {false, manifest->outcome};
    return {true, gone + " and did not say that the run was over"};
  }
  Ticks now() const override { return now_ticks(); }

 private:
  SegmentView view_;
  results::LiveProcess run_;
  std::vector<RingObserver> rings_;
  std::vector<std::uint64_t> dropped_before_;
};

}  // namespace

Result<std::unique_ptr<RunQueries>> attach_live(const std::string& run_directory) {
  VIOLET_TRY(const auto live, results::find_live(run_directory));
  VIOLET_TRY(auto view, SegmentView::attach(live.pid, live.fd));
  return std::unique_ptr<RunQueries>(std::make_unique<LiveRun>(
      std::make_unique<SegmentSource>(std::move(view), live), cells_of_plan(run_directory)));
}

}  // namespace violet::query
