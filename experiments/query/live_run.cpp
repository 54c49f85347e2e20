#include "experiments/query/live_run.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/base/clock.hpp"
#include "experiments/query/recorded_run.hpp"
#include "experiments/results/live_mark.hpp"
#include "experiments/results/run_directory.hpp"

namespace violet::query {
namespace {

// An lcore may be late by so much: it took the time, was preempted and recorded later.
constexpr double kSkewNs = 5e6;
constexpr std::size_t kMuch = 1 << 14;  // Events that were given and are still kept.
constexpr std::size_t kCopy = 4096;

}  // namespace

// --- LiveSorter ---

LiveSorter::LiveSorter(const SegmentInfo& info, std::vector<RingPlace> rings,
                       std::vector<bool> missed, const SegmentStatus& status, NameCell name,
                       void* context)
    : info_(info),
      rings_(std::move(rings)),
      status_(status),
      name_(name),
      context_(context),
      waiting_(rings_.size()) {
  for (std::size_t i = 0; i < waiting_.size(); ++i) waiting_[i].missed = missed[i];
}

void LiveSorter::begin(std::uint32_t cell, std::uint32_t repetition, Ticks at, bool from_the_start,
                       std::vector<std::shared_ptr<LiveCell>>& fresh) {
  if (current_ != nullptr) current_->end();
  current_ = std::make_shared<LiveCell>(name_(context_, cell, repetition), at, info_.ns_per_tick,
                                        from_the_start);
  current_start_ = at;
  fresh.push_back(current_);
}

// To the current cell: all that waits and is older than `until`, or all; `ends`: the next cell begins there.
void LiveSorter::give(Ticks until, bool all, bool ends) {
  std::vector<LiveCell::Batch> batches;
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    Waiting& waiting = waiting_[i];
    for (Piece& piece : waiting.pieces) {
      const auto begin = piece.events.begin() + static_cast<std::ptrdiff_t>(piece.given);
      auto end = all ? piece.events.end()
                     : std::find_if(begin, piece.events.end(),
                                    [until](const Event& event) { return event.at >= until; });
      if (piece.lost > 0 && end == begin && end != piece.events.end()) {
        // Nothing of the piece is due, but of the loss before it. The event that ends the gap goes with it,
        // so that it is known how long it lasts; or it is the next cell's, and the gap with it.
        if (ends || (!starts_.empty() && begin->at >= starts_.front().at)) {
          waiting.missed = true;
        } else {
          ++end;
        }
      }
      // How many of a ring's missed events were this cell's nobody knows: one at least.
      const bool missed = current_ != nullptr && end != begin &&
                          std::exchange(waiting.missed, false) && begin->at > current_start_;
      const std::uint64_t lost = std::exchange(piece.lost, 0) + (missed ? 1 : 0);
      if (begin != end || lost > 0) batches.push_back({rings_[i].lcore, {begin, end}, lost});
      piece.given += static_cast<std::size_t>(end - begin);
      if (end != piece.events.end()) break;
    }
  }
  if (current_ != nullptr) current_->advance(batches, until);
  for (Waiting& waiting : waiting_) {
    // A ring that is never quiet would keep everything: what is given goes once it is the larger part.
    if (!waiting.pieces.empty()) {
      Piece& front = waiting.pieces.front();
      if (front.given > kMuch && front.given > front.events.size() / 2) {
        front.events.erase(front.events.begin(),
                           front.events.begin() + static_cast<std::ptrdiff_t>(front.given));
        front.given = 0;
      }
    }
    while (!waiting.pieces.empty() &&
           waiting.pieces.front().given == waiting.pieces.front().events.size()) {
      waiting.pieces.pop_front();
    }
  }
}

void LiveSorter::sort(std::vector<Taken> taken, bool at_end,
                      std::vector<std::shared_ptr<LiveCell>>& fresh) {
  Ticks first = ~Ticks{0};
  for (Taken& part : taken) {
    Waiting& waiting = waiting_[part.ring];
    if (!part.events.empty()) first = std::min(first, part.events.front().at);
    if (!part.events.empty()) waiting.newest = std::max(waiting.newest, part.events.back().at);
    waiting.behind = part.all ? std::nullopt : std::optional(waiting.newest);
    // A loss without events comes before whatever is next.
    if (!part.events.empty() || part.lost_before > 0) {
      if (part.lost_before > 0 || waiting.pieces.empty()) {
        waiting.pieces.push_back({{}, 0, part.lost_before});
      }
      auto& events = waiting.pieces.back().events;
      events.insert(events.end(), part.events.begin(), part.events.end());
    }
    if (rings_[part.ring].role != RingRole::kRecorder) continue;
    for (const Event& event : part.events) {
      recorder_ = std::max(recorder_, event.at);
      const bool mark = event.kind == EventKind::kMark;
      if (mark && MarkEvent::of(event).phase == Phase::kStart) starts_.push_back(event);
    }
  }
  const auto skew = static_cast<Ticks>(kSkewNs / info_.ns_per_tick);
  Ticks known = recorder_;
  for (const Waiting& waiting : waiting_) {
    if (waiting.behind) known = std::min(known, *waiting.behind);  // A4
  }
  const Ticks until = at_end ? ~Ticks{0} : known - std::min(known, skew);
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
    give(mark.at, false, true);
    const MarkEvent said = MarkEvent::of(mark);
    begin(said.cell, said.repetition, mark.at, true, fresh);
  }
  give(until, at_end, false);
  if (at_end && current_ != nullptr) current_->end();
}

// --- LiveRun ---

LiveRun::LiveRun(std::unique_ptr<LiveSource> source, std::vector<CellInfo> plan)
    : source_(std::move(source)),
      plan_(std::move(plan)),
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

Result<std::shared_ptr<const CellQueries>> LiveRun::open_cell(std::size_t index,
                                                              const OpenProgress& progress) {
  const std::lock_guard lock(mutex_);
  if (index >= cells_.size()) return fail("{}: no cell {} has begun yet", path(), index);
  progress.report(progress.context, 1);
  return std::shared_ptr<const CellQueries>(cells_[index]);
}

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
  LiveSorter::Taken taken{ring, {}, fresh, read_to_end_[ring]};
  taken.events.assign(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(count));
  pulled_.push_back(std::move(taken));
}

void LiveRun::pull() {
  std::size_t budget = kMostAPull;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    budget = std::min(budget, most_waiting_ - std::min(most_waiting_, waiting_));
  }
  const bool running = source_->alive(nullptr);
  const std::size_t allowed = budget;
  read_to_end_.assign(read_to_end_.size(), false);
  // Round by round, so that no ring starves; the recorder's first, which says how far the others are.
  for (bool more = budget > 0; more && budget > 0;) {
    more = false;
    for (std::size_t i = source_->rings().size(); i > 0 && budget > 0; --i) {
      if (!read_to_end_[i - 1]) copy_ring(i - 1, budget);
      more = more || !read_to_end_[i - 1];
    }
  }
  {
    for (std::size_t i = 0; i < read_to_end_.size(); ++i) {
      if (told_read_to_end_[i] == read_to_end_[i]) continue;
      told_read_to_end_[i] = read_to_end_[i];
      pulled_.push_back({i, {}, 0, read_to_end_[i]});
    }
    // All at once: half of a pull would tell the time of one ring and hide the events of another (A4).
    const std::lock_guard lock(mutex_);
    waiting_ += allowed - budget;
    queue_.insert(queue_.end(), std::make_move_iterator(pulled_.begin()),
                  std::make_move_iterator(pulled_.end()));
    pulled_.clear();
    // Once nothing is left of a run that is gone, it has ended.
    ended_ = !running && allowed > 0 && budget == allowed;
    if (queue_.empty() && !ended_) return;
  }
  changed_.notify_all();
}

void LiveRun::settle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_.empty() && !busy_ && ended_ == finished_; });
}

std::vector<bool> LiveRun::missed() const {
  std::vector<bool> missed;
  for (std::size_t i = 0; i < source_->rings().size(); ++i)
    missed.push_back(source_->missed(i) > 0);
  return missed;
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
  step_back(kAggregatingNice);
  LiveSorter sorter(source_->info(), source_->rings(), missed(),
                    source_->status().value_or(SegmentStatus{}), &Plan::name, &plan);
  std::size_t most_waiting = 0;  // A2; 0: not known.
  while (true) {
    std::vector<LiveSorter::Taken> taken;
    bool at_end = false;
    {
      std::unique_lock lock(mutex_);
      busy_ = false;
      if (most_waiting > 0) most_waiting_ = most_waiting;
      changed_.notify_all();
      changed_.wait(lock, [&] { return stopping_ || !queue_.empty() || (ended_ && !finished_); });
      if (stopping_) return;
      taken.swap(queue_);
      waiting_ = 0;
      busy_ = true;
      at_end = finished_ = ended_;
    }
    std::vector<std::shared_ptr<LiveCell>> fresh;
    std::size_t events = 0;
    for (const auto& part : taken) events += part.events.size();
    const Ticks begun = now_ticks();
    sorter.sort(std::move(taken), at_end, fresh);
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
  bool alive(std::string* why) const override {
    const bool running = results::is_running(run_);
    if (!running && why != nullptr) {
      *why = fmt::format("the run's process {} has ended", run_.pid);
    }
    return running;
  }

 private:
  SegmentView view_;
  results::LiveProcess run_;
  std::vector<RingObserver> rings_;
  std::vector<std::uint64_t> dropped_before_;
};

}  // namespace

Result<std::unique_ptr<RunQueries>> attach_live(const std::string& run_directory) {
  const auto live = results::find_live(run_directory);
  if (!live) return tl::unexpected<Error>(live.error());
  auto view = SegmentView::attach(live->pid, live->fd);
  if (!view) return tl::unexpected<Error>(view.error());
  return std::unique_ptr<RunQueries>(std::make_unique<LiveRun>(
      std::make_unique<SegmentSource>(std::move(*view), *live), cells_of_plan(run_directory)));
}

}  // namespace violet::query
