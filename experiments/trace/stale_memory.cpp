#include "experiments/trace/stale_memory.hpp"

namespace violet {

void StaleMemory::become_stale(std::uint64_t page, bool executed) {
  Ways& ways = pages_[page];
  ++ways.upper.ways;
  if (!executed) ++ways.lower.ways;
}

void StaleMemory::note(Way& way, TimeLevel& level, std::uint64_t& count, Ticks at) {
  if (way.ways == 0 || way.reowned) return;
  way.reowned = true;
  level.move(at, 1);
  if (at >= begin_ && at <= end_) ++count;
}

void StaleMemory::hand_out(std::uint64_t page, Ticks at) {
  const auto found = pages_.find(page);
  if (found == pages_.end()) return;
  note(found->second.lower, level_.lower, count_.lower, at);
  note(found->second.upper, level_.upper, count_.upper, at);
}

void StaleMemory::end(std::uint64_t page, Ticks at, Way Ways::*bound, TimeLevel& level) {
  const auto found = pages_.find(page);
  if (found == pages_.end()) return;
  Way& way = found->second.*bound;
  if (way.ways > 0) --way.ways;
  if (way.ways == 0 && way.reowned) {
    way.reowned = false;
    level.move(at, -1);
  }
  if (found->second.lower.ways == 0 && found->second.upper.ways == 0) pages_.erase(found);
}

}  // namespace violet
