// A life tracker follows every dma_map from the guest's call to the moment at which nothing can reach it any more,
// and gives a sink what changes. Exposure is judged here and nowhere else: the ledger adds up what it is given, and so
// do the pyramid and the queries.
//
// Threading: owner-only. Precondition: events come in the order of event_order.hpp.
// Invariants:
//   A page of a domain belongs to one life at a time, the newest. A life is over when its unmap returned and the last
//   of its pages is complete; one UNMAP may end several lives, a life may take several UNMAPs.
//   Mappings that outlive their unmap by design (DmaEvent::persistent) are live between the calls and never stale.
//   With lost events a life may never end; what replaces it ends it without a window. What ended a life, and the
//   beginning of the next, may be among the lost: a life with events missing in its time has no window, and is not
//   stale beyond that.
// Limits: those of LifeTable.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/telemetry/event_bodies.hpp"
#include "experiments/trace/event_order.hpp"
#include "experiments/trace/life_table.hpp"

namespace violet {

template <class Sink>
class LifeTracker {
 public:
  using Life = LifeTable::Life;
  using Page = LifeTable::Page;
  using PageState = LifeTable::PageState;

  explicit LifeTracker(Sink& sink, const LifeLimits& limits = {}) : sink_(sink), table_(limits) {}

  LifeTable& table() { return table_; }
  const LifeTable& table() const { return table_; }
  // Events between `from` and `to` are missing. Before any event at or after `to`.
  void lose(Ticks from, Ticks to) {
    lost_ = true;
    gaps_.add(from, to);
  }
  // Events are missing, and nobody knows when.
  void lose() { lost_ = true; }
  // The table was loaded with the state at `at`; after lose().
  void begin_at(Ticks at) {
    gaps_.pass(at);
    stale_lives_ = static_cast<std::size_t>(std::count_if(
        table_.lives.begin(), table_.lives.end(),
        [](const Life& life) { return life.pages > 0 && life.is(LifeRecord::kStale); }));
  }

  // Other kinds change nothing.
  void apply(const Event& event) {
    if (event.at >= gaps_.next_end()) [[unlikely]]
      doubt_stale(event.at);
    switch (event.kind) {
      case EventKind::kAttach:
        detach(AttachEvent::of(event).endpoint, event.at);
        return attach(AttachEvent::of(event));
      case EventKind::kDetach:
        return detach(AttachEvent::of(event).endpoint, event.at);
      case EventKind::kMapDone:
        return engine_mapped(MappingEvent::of(event), event.at);
      case EventKind::kUnmapExecuted:
        return unmap_executed(MappingEvent::of(event), event.at);
      case EventKind::kUnmapCompleted:
        return unmap_completed(MappingEvent::of(event), event.at);
      case EventKind::kDmaMap:
        return dma_map(event);
      case EventKind::kDmaUnmap:
        return dma_unmap(event);
      default:
        return;
    }
  }

 private:
  GranuleSpan span_of(const MappingEvent& mapping) {
    return {table_.domain(mapping.domain.value), mapping.range.first.value >> kGranuleShift4K,
            mapping.range.last.value >> kGranuleShift4K};
  }

  // --- The guest ---

  Life life_of(const Event& event, const DmaEvent& call, const GranuleExtent& extent) {
    const std::uint32_t endpoint = call.endpoint.value;
    Life life;
    life.first = extent.first;
    life.pages = static_cast<std::uint32_t>(extent.pages);
    life.bytes = call.bytes;
    life.phys_page = call.phys_page;
    life.mapped = event.at;
    life.domain_index = table_.attached_to(endpoint);
    if (lost_ && life.domain_index == LifeTable::kNoDomain) {
      table_.infer_attached(endpoint, extent.first);
      life.domain_index = table_.attached_to(endpoint);
    }
    life.domain = table_.domain_id(life.domain_index);
    life.endpoint = endpoint;
    life.status = event.status;
    life.map_took = event.took;
    life.not_executed = life.not_complete = life.pages;
    sink_.tag(life);
    return life;
  }
  void dma_map(const Event& event) {
    const DmaEvent call = DmaEvent::of(event);
    const GranuleExtent extent(call);
    const LifeLimits& most = table_.limits();
    if (!extent.tracked(most.call_pages) || table_.pages.size() + extent.pages > most.pages ||
        table_.persistent.size() >= most.pages) {
      ++table_.untracked;
      return;
    }
    const Life life = life_of(event, call, extent);
    if (call.persistent) {
      table_.push_persistent(life);
      return live(life, 1, event.at);
    }
    if (life.domain_index == LifeTable::kNoDomain) {
      ++table_.unmatched;
      return;
    }
    const std::uint32_t id = table_.new_life(life);
    for (std::uint64_t i = 0; i < extent.pages; ++i) {
      const std::uint64_t granule = extent.first + i;
      const std::uint64_t key = LifeTable::key(life.domain_index, granule);
      Page page{id & 0x3fffffff, 0};
      if (!sink_.engine_has(GranuleSpan{life.domain_index, granule, granule})) {
        page.state = static_cast<unsigned>(PageState::kComplete) & 3;
        --table_.lives[id].not_executed;
        --table_.lives[id].not_complete;
      }
      const auto [there, fresh] = table_.pages.insert(key, page);
      if (fresh) continue;
      const Page old = std::exchange(*there, page);
      replace(old, granule, event.at);
    }
    if (table_.lives[id].not_complete == 0) {
      table_.lives[id].flags |= LifeRecord::kNoWindow;
      sink_.refused(table_.lives[id]);
    }
    live(table_.lives[id], 1, event.at);
  }

  void dma_unmap(const Event& event) {
    const DmaEvent call = DmaEvent::of(event);
    const GranuleExtent extent(call);
    if (!extent.tracked(table_.limits().call_pages)) {
      ++table_.untracked;
      return;
    }
    if (call.persistent) {
      const std::uint32_t id = table_.pop_persistent(call.endpoint.value, extent.first);
      if (id == LifeTable::kNoLife) {
        ++table_.unmatched;
        return;
      }
      live(table_.lives[id], -1, event.at);
      return table_.free_life(id);
    }
    const std::uint32_t domain = table_.attached_to(call.endpoint.value);
    if (domain == LifeTable::kNoDomain || !unmap(domain, extent.first, event)) ++table_.unmatched;
  }

  bool unmap(std::uint32_t domain, std::uint64_t first, const Event& event) {
    const Page* found = table_.pages.find(LifeTable::key(domain, first));
    if (found == nullptr) return false;
    const std::uint32_t id = found->life;
    Life& life = table_.lives[id];
    if (life.is(LifeRecord::kUnmapped) || life.first != first) return false;
    life.unmapped = event.at;
    life.unmap_took = event.took;
    if (lost_ && gaps_.touch(life.mapped, event.at)) {
      unmap_unsure(id, event.at);
      return true;
    }
    life.flags |= LifeRecord::kUnmapped | LifeRecord::kStale;
    ++stale_lives_;
    sink_.unmapped(life, event.at);
    for (std::uint64_t granule = first; granule < first + life.pages; ++granule) {
      const std::uint64_t key = LifeTable::key(domain, granule);
      const Page* page = table_.pages.find(key);
      const bool here = page != nullptr && page->life == id;
      const bool stale = here && page->is() != PageState::kComplete;
      sink_.page(life, granule, -1, stale ? 1 : 0, event.at);
      if (here && page->is() == PageState::kReachable) {
        sink_.surely_stale(life, granule, 1, event.at);
      }
      if (here && !stale) table_.pages.erase(key);
    }
    if (life.not_complete == 0) finish(id);
    return true;
  }

  // The first event after a gap: what was stale until then may have ended in it.
  void doubt_stale(Ticks at) {
    gaps_.pass(at);
    if (stale_lives_ == 0) return;
    std::vector<std::uint64_t> reachable;
    table_.pages.for_each([&](std::uint64_t key, Page& page) {
      Life& life = table_.lives[page.life];
      if (!life.is(LifeRecord::kStale) || page.is() == PageState::kComplete) return;
      if (!life.is(LifeRecord::kNoWindow)) sink_.no_window(life);
      life.flags |= LifeRecord::kNoWindow;
      if (page.is() == PageState::kReachable) reachable.push_back(key);
    });
    while (!table_.flights.empty()) complete(GranuleSpan(table_.flights.front().range), at);
    for (const std::uint64_t key : reachable) {
      const Page page = *table_.pages.find(key);
      table_.pages.erase(key);
      execute_page(table_.lives[page.life], LifeTable::granule_of(key), at);
      complete_page(page.life, LifeTable::granule_of(key), at);
    }
  }

  void unmap_unsure(std::uint32_t id, Ticks at) {
    Life& life = table_.lives[id];
    life.flags |= LifeRecord::kUnmapped | LifeRecord::kNoWindow;
    sink_.unmapped(life, at);
    sink_.no_window(life);
    live(life, -1, at);
    const std::uint64_t first = life.first, end = first + life.pages;
    const std::uint32_t domain = life.domain_index;
    const bool over = life.not_complete == 0;
    for (std::uint64_t granule = first; granule < end; ++granule) {
      const std::uint64_t key = LifeTable::key(domain, granule);
      const Page* page = table_.pages.find(key);
      // An invalidation in flight ends its pages itself.
      if (page == nullptr || page->life != id || page->is() == PageState::kExecuted) continue;
      const bool reachable = page->is() == PageState::kReachable;
      table_.pages.erase(key);
      if (!reachable) continue;
      --life.not_executed;
      complete_page(id, granule, at);  // The last one frees the life.
    }
    if (over) finish(id);
  }

  void live(const Life& life, int by, Ticks at) {
    for (std::uint64_t i = 0; i < life.pages; ++i) sink_.page(life, life.first + i, by, 0, at);
  }
  // The address is handed out again while its last life is not over.
  void replace(Page old, std::uint64_t granule, Ticks at) {
    Life& life = table_.lives[old.life];
    if (!life.is(LifeRecord::kUnmapped)) {
      ++table_.unmatched;  // Its unmap was lost.
      life.flags |= LifeRecord::kUnmapped | LifeRecord::kNoWindow;
      live(life, -1, at);
      forget_complete(old.life);
      if (life.not_complete == 0) return finish(old.life);
    }
    // An invalidation in flight is the engine's to see, in engine_mapped().
    if (old.is() != PageState::kReachable) return;
    if (!life.is(LifeRecord::kNoWindow)) {
      if (lost_) {
        ++table_.unmatched;
      } else {
        sink_.reused(life);
      }
      if (life.is(LifeRecord::kStale)) sink_.no_window(life);
    }
    life.flags |= LifeRecord::kNoWindow;
    execute_page(life, granule, at);
    complete_page(old.life, granule, at);
  }

  // Complete pages are kept for the unmap, which is not to come.
  void forget_complete(std::uint32_t id) {
    const Life& life = table_.lives[id];
    for (std::uint64_t i = 0; i < life.pages; ++i) {
      const std::uint64_t key = LifeTable::key(life.domain_index, life.first + i);
      const Page* page = table_.pages.find(key);
      if (page == nullptr || page->life != id || page->is() != PageState::kComplete) continue;
      table_.pages.erase(key);
    }
  }

  void finish(std::uint32_t id) {
    const Life& life = table_.lives[id];
    if (!life.is(LifeRecord::kNoWindow)) sink_.window(life);
    if (life.is(LifeRecord::kStale)) --stale_lives_;
    table_.free_life(id);
  }

  // --- The engine ---

  void attach(const AttachEvent& attached) {
    table_.attach(attached.endpoint.value, table_.domain(attached.domain.value));
  }

  void detach(EndpointId endpoint, Ticks at) {
    const auto [domain, last] = table_.detach(endpoint.value);
    if (domain == LifeTable::kNoDomain || !last) return;
    // With the last endpoint all mappings go.
    const GranuleSpan all{domain, 0, kLastGranule};
    table_.unmap_range(all, 0, ~std::uint64_t{0});
    execute(all, at);
    complete(all, at);
  }

  void unmap_executed(const MappingEvent& mapping, Ticks at) {
    if (!mapping.ordered()) return;
    const GranuleSpan range = span_of(mapping);
    table_.unmap_range(range, mapping.range.first.value, mapping.range.last.value);
    execute(range, at);
  }
  void unmap_completed(const MappingEvent& mapping, Ticks at) {
    if (mapping.ordered()) complete(span_of(mapping), at);
  }

  void execute(const GranuleSpan& range, Ticks at) {
    if (range.domain == LifeTable::kNoDomain) return;
    sink_.engine_unmapped(range);
    if (table_.flights.size() >= table_.limits().flights) {
      ++table_.unmatched;
      complete(GranuleSpan(table_.flights.front().range), at);
    }
    auto flight = table_.new_flight(range);
    LifeTable::for_range(table_.pages, range, [&](std::uint64_t key, Page& page) {
      if (page.is() != PageState::kReachable) return;
      page.state = static_cast<unsigned>(PageState::kExecuted) & 3;
      execute_page(table_.lives[page.life], LifeTable::granule_of(key), at);
      flight.pages.emplace_back(key, std::uint32_t{page.life});
    });
    table_.flights.push_back(std::move(flight));
  }

  void execute_page(Life& life, std::uint64_t granule, Ticks at) {
    --life.not_executed;
    life.executed = std::max(life.executed, at);
    if (life.is(LifeRecord::kStale)) sink_.surely_stale(life, granule, -1, at);
  }

  void complete_page(std::uint32_t id, std::uint64_t granule, Ticks at) {
    Life& life = table_.lives[id];
    --life.not_complete;
    life.unreachable = std::max(life.unreachable, at);
    if (life.is(LifeRecord::kStale)) sink_.page(life, granule, 0, -1, at);
    if (life.is(LifeRecord::kUnmapped) && life.not_complete == 0) finish(id);
  }

  void complete(const GranuleSpan& range, Ticks at) {
    if (range.domain == LifeTable::kNoDomain) return;
    auto found = std::find_if(table_.flights.begin(), table_.flights.end(),
                              [&](const auto& flight) { return flight.range == range; });
    if (found == table_.flights.end()) {
      ++table_.unmatched;  // That it was executed was lost.
      execute(range, at);
      found = std::prev(table_.flights.end());
    }
    LifeTable::Flight flight = std::move(*found);
    table_.flights.erase(found);
    for (const auto& [key, id] : flight.pages) {
      Page* there = table_.pages.find(key);
      // The address may have a new life by now, if the guest did what it must not.
      if (there != nullptr && there->life == id) {
        if (table_.lives[id].is(LifeRecord::kUnmapped)) {
          table_.pages.erase(key);
        } else {
          there->state = static_cast<unsigned>(PageState::kComplete) & 3;
        }
      }
      complete_page(id, LifeTable::granule_of(key), at);
    }
    table_.free_flight(std::move(flight));
  }

  void engine_mapped(const MappingEvent& mapping, Ticks at) {
    if (!mapping.ordered()) return;
    const GranuleSpan range = span_of(mapping);
    if (range.domain == LifeTable::kNoDomain) return;
    table_.map_range(range.domain, {mapping.range.first.value, mapping.range.last.value, at,
                                    static_cast<std::uint32_t>(mapping.permissions)});
    sink_.engine_mapped(range);
    for (std::size_t i = 0; lost_ && i < table_.flights.size(); ++i) {
      const GranuleSpan other = table_.flights[i].range;
      if (other.domain != range.domain || other.first > range.last || range.first > other.last) {
        continue;
      }
      ++table_.unmatched;  // That it was complete was lost.
      complete(other, at);
      --i;
    }
  }

  Sink& sink_;
  LifeTable table_;
  bool lost_ = false;
  EventGaps gaps_;
  std::size_t stale_lives_ = 0;
};

}  // namespace violet
