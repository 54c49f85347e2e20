#include "experiments/query/recorded_cell.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace violet::query {
namespace {

// What stands for the events of a block that cannot be had any more. No answer is made of them.
std::span<const Event> no_events(std::size_t count) {
  static const std::vector<Event> events(kMostBlockEvents);
  return std::span(events).first(count);
}

}  // namespace

void FoundDamage::add(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (std::find(found_.begin(), found_.end(), what) == found_.end()) found_.push_back(what);
}

std::string FoundDamage::text() const {
  const std::lock_guard lock(mutex_);
  return fmt::format("{}", fmt::join(found_, "\n"));
}

RecordedCell::RecordedCell(std::shared_ptr<const BlockCache> cache,
                           std::shared_ptr<FoundDamage> found, std::span<const std::size_t> blocks,
                           Ticks kept_until)
    : CellAnswers(true),
      cache_(std::move(cache)),
      found_(std::move(found)),
      events_(static_cast<const EventSource*>(this)) {
  data_.kept_until = kept_until;
  for (const std::size_t index : blocks) {
    const auto& block = cache_->trace().blocks()[index];
    events_.add_stored(block.lcore, index, block.count, block.first, block.last,
                       block.dropped_before);
  }
}

void RecordedCell::keep(std::unique_ptr<Aggregation> aggregation) {
  aggregation_ = std::move(aggregation);
  data_.pyramid = aggregation_->pyramid().view();
}

void RecordedCell::keep(const StoredPyramid& stored) {
  stored_ = stored;
  data_.pyramid = stored;
}

void RecordedCell::finish(const CellInfo& info) {
  data_.base = TimeBase(data_.pyramid.facts.start, cache_->trace().info().ns_per_tick);
  data_.events = &events_;
  data_.info = info;
  describe(data_.pyramid, data_.base, data_.info);
  data_.info.kept_events = events_.size();
  data_.info.kept_until =
      data_.kept_until == ~Ticks{0} ? data_.info.whole.to : data_.base.nanos(data_.kept_until);
  without_events_ = data_;
  without_events_.events = &no_events_;
  without_events_.kept_until = 0;
  without_events_.info.kept_events = 0;
  without_events_.info.kept_until = 0;
}

HeldEvents RecordedCell::hold(std::size_t block) const {
  auto held = cache_->get(block);
  if (held) return *std::move(held);
  went_bad(held.error().message);
  return {no_events(cache_->trace().blocks()[block].count), nullptr};
}

void RecordedCell::went_bad(const std::string& message) const {
  const std::lock_guard lock(mutex_);
  if (went_bad_.load(std::memory_order_relaxed)) return;
  std::string& notice = without_events_.info.notice;
  if (!notice.empty()) notice += "; ";
  notice += message + "; single events of this cell are not shown any more";
  found_->add(message);
  went_bad_.store(true, std::memory_order_release);  // partner: data()'s acquire
}

}  // namespace violet::query
