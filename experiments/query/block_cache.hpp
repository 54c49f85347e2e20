// A block cache brings blocks of a trace into memory when they are looked at, each verified before its first event is
// used, and keeps those that were used last.
//
// Threading: any.
// Invariants: what it gives was written so by the recorder: the copy was held against its checksum, and nobody else
// writes to it.
// Limits: `most_bytes` of events, and what its users hold beyond that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "experiments/query/kept_events.hpp"
#include "experiments/trace/event_trace.hpp"

namespace violet::query {

class BlockCache {
 public:
  static constexpr std::size_t kMostBytes = std::size_t{256} << 20;

  explicit BlockCache(EventTrace trace, std::size_t most_bytes = kMostBytes);

  const EventTrace& trace() const { return trace_; }
  // The error names the file and the offset.
  Result<HeldEvents> get(std::size_t block) const;
  // Whether the block is, or once was, what was written: costs nothing for one that was read before.
  Status check(std::size_t block) const;

 private:
  using Events = std::shared_ptr<const std::vector<Event>>;
  struct Entry {
    bool was_sound = false;
    Events events;                          // Null: not in memory.
    std::list<std::size_t>::iterator used;  // Valid with `events`.
  };

  Events in_memory(std::size_t block) const;
  void keep(std::size_t block, const Events& events) const;

  const EventTrace trace_;
  const std::size_t most_bytes_;
  mutable std::mutex mutex_;  // Guards what follows.
  mutable std::vector<Entry> entries_;
  mutable std::list<std::size_t> used_;  // The newest in front.
  mutable std::size_t bytes_ = 0;
};

}  // namespace violet::query
