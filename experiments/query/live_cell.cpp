#include "experiments/query/live_cell.hpp"

#include <algorithm>

namespace violet::query {

LiveCell::LiveCell(const CellInfo& info, Ticks start, double ns_per_tick, bool from_the_start,
                   std::size_t most_kept)
    : CellAnswers(false),
      most_kept_(most_kept),
      from_the_start_(from_the_start),
      aggregation_({.ns_per_tick = ns_per_tick}) {
  data_.info = info;
  data_.info.live = true;
  data_.base = TimeBase(start, ns_per_tick);
  data_.events = &events_;
  aggregation_.begin_at(start);
  data_.pyramid = aggregation_.pyramid().view();
  info_ = data_.info;
}

CellInfo LiveCell::info() const {
  const std::lock_guard lock(info_mutex_);
  return info_;
}

std::shared_ptr<void> LiveCell::hold() const {
  const std::lock_guard gate(gate_);
  return std::make_shared<std::shared_lock<std::shared_mutex>>(mutex_);
}

std::unique_lock<std::shared_mutex> LiveCell::alone() {
  const std::lock_guard gate(gate_);
  return std::unique_lock(mutex_);
}

void LiveCell::advance(std::span<const Batch> batches, Ticks until) {
  const auto lock = alone();
  for (const Batch& batch : batches) take(batch);
  aggregation_.advance(until);
  show();
}

void LiveCell::end(const std::string& notice) {
  const auto lock = alone();
  aggregation_.finish();
  data_.info.live = false;
  data_.info.notice = notice;
  show();
}

void LiveCell::take(const Batch& batch) {
  bool unknown = batch.lost_unknown;
  // What happened before we looked is missing.
  if (!from_the_start_ && !batch.events.empty()) from_the_start_ = unknown = true;
  unknown_losses_ += unknown ? 1 : 0;
  // A gap is where something is lost, so that one of unknown size has its place as well.
  const std::uint64_t lost = batch.lost_before + (unknown ? 1 : 0);
  aggregation_.add(batch.lcore, batch.events, lost);
  if (batch.events.empty()) return events_.add(batch.lcore, {}, lost);
  Kept kept{std::make_unique<Event[]>(batch.events.size()), batch.events.size(),
            batch.events.back().at};
  std::copy(batch.events.begin(), batch.events.end(), kept.events.get());
  events_.add(batch.lcore, {kept.events.get(), kept.count}, lost);
  if (!clock_.has_enough()) clock_.add(batch.events);
  kept_count_ += kept.count;
  kept_.push_back(std::move(kept));
  while (kept_count_ > most_kept_ && kept_.size() > 1) forget_oldest();
}

void LiveCell::forget_oldest() {
  const Kept& oldest = kept_.front();
  events_.drop(oldest.events.get());
  data_.kept_from = std::max(data_.kept_from, oldest.last + 1);
  kept_count_ -= oldest.count;
  kept_.pop_front();
}

void LiveCell::show() {
  data_.pyramid = aggregation_.pyramid().view();
  describe(data_.pyramid, data_.base, data_.info);
  data_.info.lost -= std::min(data_.info.lost, unknown_losses_);
  data_.info.lost_unknown = unknown_losses_ > 0;
  data_.info.kept_events = kept_count_;
  data_.info.kept_until = data_.info.whole.to;
  const auto step = clock_.ticks();
  if (step) data_.info.clock_step_ns = static_cast<double>(*step) * data_.base.ns_per_tick();
  {
    const std::lock_guard lock(info_mutex_);
    info_ = data_.info;
  }
  version_.fetch_add(1, std::memory_order_release);
}

}  // namespace violet::query
