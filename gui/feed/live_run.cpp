#include "gui/feed/live_run.hpp"

#include <algorithm>
#include <utility>

#include "experiments/results/live_run.hpp"
#include "experiments/results/run_directory.hpp"
#include "gui/feed/recorded_run.hpp"

namespace violet::gui {
namespace {

// An lcore may be late by so much: it took the time, was preempted and recorded later.
constexpr double kSkewNs = 5e6;
constexpr std::size_t kCopy = 4096;

}  // namespace

// --- LiveSorter ---

LiveSorter::LiveSorter(const SegmentInfo& info, std::vector<RingPlace> rings,
                       const SegmentStatus& status, NameCell name, void* context)
    : info_(info),
      rings_(std::move(rings)),
      status_(status),
      name_(name),
      context_(context),
      waiting_(rings_.size()) {}

void LiveSorter::begin(std::uint32_t cell, std::uint32_t repetition, Ticks at, bool from_the_start,
                       std::vector<std::shared_ptr<LiveCell>>& fresh) {
  if (current_ != nullptr) current_->end();
  current_ = std::make_shared<LiveCell>(name_(context_, cell, repetition), at, info_.ns_per_tick,
                                        from_the_start);
  fresh.push_back(current_);
}

// To the current cell: all that waits and is older than `until`.
void LiveSorter::give(Ticks until, bool all) {
  std::vector<std::vector<Event>> parts(waiting_.size());
  std::vector<LiveCell::Batch> batches;
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    auto& events = waiting_[i].events;
    const auto end = all ? events.end()
                         : std::find_if(events.begin(), events.end(),
                                        [until](const Event& event) { return event.at >= until; });
    parts[i].assign(events.begin(), end);
    events.erase(events.begin(), end);
    if (parts[i].empty() && waiting_[i].lost == 0) continue;
    batches.push_back({rings_[i].lcore, parts[i], std::exchange(waiting_[i].lost, 0)});
  }
  if (current_ != nullptr) current_->advance(batches, until);
}

void LiveSorter::sort(std::vector<Taken> taken, bool at_end,
                      std::vector<std::shared_ptr<LiveCell>>& fresh) {
  Ticks first = ~Ticks{0};
  for (Taken& part : taken) {
    Waiting& waiting = waiting_[part.ring];
    waiting.lost += part.lost_before;
    waiting.events.insert(waiting.events.end(), part.events.begin(), part.events.end());
    if (!waiting.events.empty()) first = std::min(first, waiting.events.front().at);
    if (rings_[part.ring].role != RingRole::kRecorder) continue;
    for (const Event& event : part.events) {
      recorder_ = std::max(recorder_, event.at);
      const bool start = event.kind == EventKind::kMark &&
                         event.status == static_cast<std::uint8_t>(Phase::kStart);
      if (start) starts_.push_back(event);
    }
  }
  const auto skew = static_cast<Ticks>(kSkewNs / info_.ns_per_tick);
  const Ticks until = at_end ? ~Ticks{0} : recorder_ - std::min(recorder_, skew);
  // Whoever comes late has no first mark: the run says where it is.
  if (!seen_any_ && first != ~Ticks{0}) {
    seen_any_ = true;
    if (starts_.empty() || starts_.front().at > first + skew) {
      begin(status_.cell, status_.repetition, first, false, fresh);
    }
  }
  while (!starts_.empty() && starts_.front().at < until) {
    const Event mark = starts_.front();
    starts_.pop_front();
    // An lcore's first events may bear a time just before the mark.
    give(mark.at, false);
    begin(mark.id, static_cast<std::uint32_t>(mark.a), mark.at, true, fresh);
  }
  give(until, at_end);
  if (at_end && current_ != nullptr) current_->end();
}

// --- LiveRun ---

LiveRun::LiveRun(std::unique_ptr<LiveSource> source, std::vector<CellInfo> plan)
    : source_(std::move(source)),
      plan_(std::move(plan)),
      lost_(source_->rings().size()),
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

Result<std::shared_ptr<const CellFeed>> LiveRun::open_cell(std::size_t index,
                                                           const OpenProgress& progress) {
  const std::lock_guard lock(mutex_);
  if (index >= cells_.size()) return fail("{}: no cell {} has begun yet", path(), index);
  progress.report(progress.context, 1);
  return std::shared_ptr<const CellFeed>(cells_[index]);
}

// True when the ring may have more.
bool LiveRun::copy_ring(std::size_t ring, std::size_t& budget) {
  const std::size_t count =
      source_->read(ring, std::span(buffer_).first(std::min(budget, buffer_.size())));
  const std::uint64_t lost = source_->lost(ring);
  const std::uint64_t fresh = lost - std::exchange(lost_[ring], lost);
  if (count == 0 && fresh == 0) return false;
  budget -= count;
  LiveSorter::Taken taken{ring, {}, fresh};
  taken.events.assign(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(count));
  const std::lock_guard lock(mutex_);
  waiting_ += count;
  queue_.push_back(std::move(taken));
  return count == buffer_.size() && budget > 0;
}

void LiveRun::pull() {
  std::size_t budget = kMostAPull;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    budget = std::min(budget, kMostWaiting - std::min(kMostWaiting, waiting_));
  }
  const bool running = source_->alive(nullptr);
  // Round by round, so that no ring starves; the recorder's first, which says how far the others are.
  for (bool more = budget > 0; more && budget > 0;) {
    more = false;
    for (std::size_t i = source_->rings().size(); i > 0 && budget > 0; --i) {
      more = copy_ring(i - 1, budget) || more;
    }
  }
  {
    const std::lock_guard lock(mutex_);
    // Once nothing is left of a run that is gone, it has ended.
    ended_ = !running && budget == kMostAPull;
    if (queue_.empty() && !ended_) return;
  }
  changed_.notify_all();
}

void LiveRun::settle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_.empty() && !busy_ && ended_ == finished_; });
}

void LiveRun::work() {
  struct Plan {
    LiveRun* run;
    static CellInfo name(void* context, std::uint32_t cell, std::uint32_t repetition) {
      const LiveRun& run = *static_cast<Plan*>(context)->run;
      CellInfo info;
      if (cell < run.plan_.size()) info = run.plan_[cell];
      if (info.label.empty()) info.label = fmt::format("cell {}", cell);
      info.run_id = run.source_->info().run_id;
      info.repetition = repetition;
      return info;
    }
  } plan{this};
  LiveSorter sorter(source_->info(), source_->rings(), source_->status().value_or(SegmentStatus{}),
                    &Plan::name, &plan);
  while (true) {
    std::vector<LiveSorter::Taken> taken;
    bool at_end = false;
    {
      std::unique_lock lock(mutex_);
      busy_ = false;
      changed_.notify_all();
      changed_.wait(lock, [&] { return stopping_ || !queue_.empty() || (ended_ && !finished_); });
      if (stopping_) return;
      taken.swap(queue_);
      waiting_ = 0;
      busy_ = true;
      at_end = finished_ = ended_;
    }
    std::vector<std::shared_ptr<LiveCell>> fresh;
    sorter.sort(std::move(taken), at_end, fresh);
    const std::lock_guard lock(mutex_);
    cells_.insert(cells_.end(), fresh.begin(), fresh.end());
  }
}

// --- Attaching ---

namespace {

class SegmentSource : public LiveSource {
 public:
  SegmentSource(SegmentView view, const results::LiveRun& run) : view_(std::move(view)), run_(run) {
    for (std::size_t i = 0; i < view_.rings().size(); ++i) rings_.push_back(view_.observe(i));
    for (const RingObserver& ring : rings_) dropped_before_.push_back(ring.dropped());
  }
  const SegmentInfo& info() const override { return view_.info(); }
  const std::vector<RingPlace>& rings() const override { return view_.rings(); }
  std::size_t read(std::size_t ring, std::span<Event> out) override {
    return rings_[ring].read(out);
  }
  std::uint64_t lost(std::size_t ring) const override {
    return rings_[ring].lost() + rings_[ring].dropped() - dropped_before_[ring];
  }
  std::optional<SegmentStatus> status() const override { return view_.status(); }
  bool alive(std::string* why) const override {
    const bool running = results::is_running(run_);
    if (!running && why != nullptr) {
      *why = fmt::format("the run's process {} has ended", run_.pid);
    }
    return running;
  }

 private:
  SegmentView view_;
  results::LiveRun run_;
  std::vector<RingObserver> rings_;
  std::vector<std::uint64_t> dropped_before_;
};

}  // namespace

Result<std::unique_ptr<RunFeed>> attach_live(const std::string& run_directory) {
  const auto live = results::find_live(run_directory);
  if (!live) return tl::unexpected<Error>(live.error());
  auto view = SegmentView::attach(live->pid, live->fd);
  if (!view) return tl::unexpected<Error>(view.error());
  return std::unique_ptr<RunFeed>(std::make_unique<LiveRun>(
      std::make_unique<SegmentSource>(std::move(*view), *live), cells_of_plan(run_directory)));
}

}  // namespace violet::gui
