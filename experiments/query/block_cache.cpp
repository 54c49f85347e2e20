#include "experiments/query/block_cache.hpp"

#include <utility>

namespace violet::query {

BlockCache::BlockCache(EventTrace trace, std::size_t most_bytes)
    : trace_(std::move(trace)), most_bytes_(most_bytes), entries_(trace_.blocks().size()) {}

BlockCache::Events BlockCache::in_memory(std::size_t block) const {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[block];
  if (entry.events) used_.splice(used_.begin(), used_, entry.used);
  return entry.events;
}

void BlockCache::keep(std::size_t block, const Events& events) const {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[block];
  if (entry.events) return;  // Somebody else was faster.
  entry.events = events;
  entry.was_sound = true;
  entry.used = used_.insert(used_.begin(), block);
  bytes_ += events->size() * sizeof(Event);
  while (bytes_ > most_bytes_ && used_.size() > 1) {
    Entry& oldest = entries_[used_.back()];
    bytes_ -= oldest.events->size() * sizeof(Event);
    oldest.events.reset();
    used_.pop_back();
  }
}

Result<HeldEvents> BlockCache::get(std::size_t block) const {
  Events events = in_memory(block);
  if (!events) {
    VIOLET_TRY(auto read, trace_.read(block));
    events = std::make_shared<const std::vector<Event>>(std::move(read));
    keep(block, events);
  }
  return HeldEvents{*events, events};
}

Status BlockCache::check(std::size_t block) const {
  {
    const std::lock_guard lock(mutex_);
    if (entries_[block].was_sound) return {};
  }
  VIOLET_TRY(get(block));
  return {};
}

}  // namespace violet::query
