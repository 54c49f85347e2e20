#include "experiments/trace/mapping_lives.hpp"

#include <algorithm>

namespace violet {

MappingLives::MappingLives(Ticks begin, Ticks end, bool lost)
    : begin_(begin), end_(end), lost_(lost) {
  stale_.lower.judge(begin, end);
  stale_.upper.judge(begin, end);
  memory_.judge(begin, end);
}

void MappingLives::settle(Ticks at) {
  stale_.lower.settle(at);
  stale_.upper.settle(at);
  memory_.settle(at);
}

MappingLives::LifeId MappingLives::new_life(const Life& life) {
  if (free_lives_.empty()) {
    lives_.push_back(life);
    return static_cast<LifeId>(lives_.size() - 1);
  }
  const LifeId id = free_lives_.back();
  free_lives_.pop_back();
  lives_[id] = life;
  return id;
}

// --- The guest ---

void MappingLives::hand_out(std::uint64_t phys_page, std::uint64_t pages, Ticks at) {
  for (std::uint64_t i = 0; i < pages; ++i) memory_.hand_out(phys_page + i, at);
}

// L5. With lost events nobody can tell, and an engine without events is believed.
bool MappingLives::in_store(std::uint32_t domain, std::uint64_t granule) const {
  if (lost_ || stored_.empty()) return true;
  const auto ranges = stored_.find(domain);
  if (ranges == stored_.end()) return false;
  const auto after = ranges->second.upper_bound(granule);
  return after != ranges->second.begin() && std::prev(after)->second >= granule;
}

void MappingLives::map(const GranuleRange& range, std::uint64_t phys_page, Ticks at) {
  const auto count = static_cast<std::uint32_t>(range.last - range.first + 1);
  const LifeId id = new_life(Life(range.first, count));
  Pages& pages = domains_[range.domain];
  for (std::uint32_t i = 0; i < count; ++i) {
    Page page{id, phys_page + i, PageState::kReachable};
    if (!in_store(range.domain, range.first + i)) {
      page.state = PageState::kComplete;
      --lives_[id].not_executed;
      --lives_[id].not_complete;
    }
    const auto [there, fresh] = pages.try_emplace(range.first + i, page);
    if (fresh) continue;
    replace(there->second, at);
    there->second = page;
  }
  if (lives_[id].not_complete > 0) return;
  lives_[id].no_window = true;
  if (judged(at)) ++refused_;
}

// The address is handed out again while its last life is not over.
void MappingLives::replace(Page old, Ticks at) {
  Life& life = lives_[old.life];
  if (!life.unmapped) {
    ++unmatched_;  // Its unmap was lost.
    life.unmapped = life.no_window = true;
  }
  // An invalidation in flight is the engine's to see, in engine_mapped().
  if (old.state != PageState::kReachable) return;
  if (lost_ || life.no_window) {
    unmatched_ += life.no_window ? 0 : 1;
  } else {
    ++reuse_violations_;  // T1
  }
  life.no_window = true;
  execute(old, at);
  complete(old, at);
}

bool MappingLives::unmap(std::uint32_t domain, std::uint64_t first, Ticks u) {
  Pages& pages = domains_[domain];
  const auto found = pages.find(first);
  if (found == pages.end()) return false;
  const LifeId id = found->second.life;
  Life& life = lives_[id];
  if (life.unmapped || life.first != first) return false;
  life.unmapped = life.stale = true;
  life.u = u;
  stale_.lower.move(u, life.not_executed);
  stale_.upper.move(u, life.not_complete);
  for (std::uint64_t granule = first; granule < first + life.pages; ++granule) {
    const auto page = pages.find(granule);
    if (page == pages.end() || page->second.life != id) continue;
    if (page->second.state == PageState::kComplete) {
      pages.erase(page);
    } else {
      memory_.become_stale(page->second.phys, page->second.state == PageState::kExecuted);
    }
  }
  if (life.not_complete == 0) finish(id);
  return true;
}

void MappingLives::finish(LifeId id) {
  const Life& life = lives_[id];
  if (judged(life.u) && !life.no_window) {
    windows_.lower.push_back(life.e.lower > life.u ? life.e.lower - life.u : 0);
    windows_.upper.push_back(life.e.upper > life.u ? life.e.upper - life.u : 0);
  }
  free_lives_.push_back(id);
}

// --- The engine ---

namespace {

// A huge range is walked by what is there.
template <class Pages, class Function>
void for_pages(Pages& pages, std::uint64_t first, std::uint64_t last, Function&& function) {
  if (last - first < pages.size()) {
    for (std::uint64_t granule = first; granule <= last; ++granule) {
      const auto page = pages.find(granule);
      if (page != pages.end()) function(granule, page->second);
    }
    return;
  }
  for (auto& [granule, page] : pages) {
    if (first <= granule && granule <= last) function(granule, page);
  }
}

bool overlap(const GranuleRange& a, const GranuleRange& b) {
  return a.domain == b.domain && a.first <= b.last && b.first <= a.last;
}

}  // namespace

void MappingLives::execute(Page& page, Ticks at) {
  page.state = PageState::kExecuted;
  Life& life = lives_[page.life];
  --life.not_executed;
  life.e.lower = std::max(life.e.lower, at);
  if (!life.stale) return;
  stale_.lower.move(at, -1);
  memory_.end_lower(page.phys, at);
}

void MappingLives::execute(const GranuleRange& range, Ticks at) {
  if (const auto ranges = stored_.find(range.domain); ranges != stored_.end()) {
    // An UNMAP removes whole mappings: those that begin in it.
    ranges->second.erase(ranges->second.lower_bound(range.first),
                         ranges->second.upper_bound(range.last));
  }
  InFlight unmap{range, {}};
  for_pages(domains_[range.domain], range.first, range.last,
            [&](std::uint64_t granule, Page& page) {
              if (page.state != PageState::kReachable) return;
              execute(page, at);
              unmap.pages.emplace_back(granule, page);
            });
  in_flight_.push_back(std::move(unmap));
}

void MappingLives::complete(const Page& page, Ticks at) {
  Life& life = lives_[page.life];
  --life.not_complete;
  life.e.upper = std::max(life.e.upper, at);
  if (life.stale) {
    stale_.upper.move(at, -1);
    memory_.end_upper(page.phys, at);
  }
  if (life.unmapped && life.not_complete == 0) finish(page.life);
}

void MappingLives::complete(Pages& pages, const InFlight& unmap, Ticks at) {
  for (const auto& [granule, page] : unmap.pages) {
    const auto there = pages.find(granule);
    // The address may have a new life by now, if the guest did what it must not.
    if (there != pages.end() && there->second.life == page.life) {
      if (lives_[page.life].unmapped) {
        pages.erase(there);
      } else {
        there->second.state = PageState::kComplete;
      }
    }
    complete(page, at);
  }
}

void MappingLives::complete(const GranuleRange& range, Ticks at) {
  const auto by_range = [&](const InFlight& unmap) { return unmap.range == range; };
  auto found = std::find_if(in_flight_.begin(), in_flight_.end(), by_range);
  if (found == in_flight_.end()) {
    ++unmatched_;  // That it was executed was lost.
    execute(range, at);
    found = std::prev(in_flight_.end());
  }
  const InFlight unmap = std::move(*found);
  in_flight_.erase(found);
  complete(domains_[range.domain], unmap, at);
}

// T1: the address came back to the engine before its last invalidation was complete.
void MappingLives::engine_mapped(const GranuleRange& range, Ticks at) {
  stored_[range.domain][range.first] = range.last;
  for (std::size_t i = 0; i < in_flight_.size(); ++i) {
    const GranuleRange other = in_flight_[i].range;
    if (!overlap(other, range)) continue;
    if (lost_) {
      ++unmatched_;  // That it was complete was lost.
      complete(other, at);
      --i;
      continue;
    }
    reuse_violations_ += std::min(other.last, range.last) - std::max(other.first, range.first) + 1;
  }
}

// L2
Censored MappingLives::censored() const {
  Censored result;
  for (const auto& [domain, pages] : domains_) {
    std::unordered_map<LifeId, std::uint64_t> pages_of;
    for (const auto& [granule, page] : pages) {
      const Life& life = lives_[page.life];
      if (life.stale && !life.no_window && judged(life.u)) ++pages_of[page.life];
    }
    result.unmaps += pages_of.size();
    for (const auto& [id, count] : pages_of) {
      result.pages += count;
      result.oldest = std::max(result.oldest, end_ - lives_[id].u);
    }
  }
  return result;
}

}  // namespace violet
