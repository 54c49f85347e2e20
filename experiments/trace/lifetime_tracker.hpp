// A lifetime tracker follows every dma_map from the guest's call to the moment at which nothing can
// reach it any more, and gives a sink what changes. Exposure is judged here and nowhere else: the
// ledger adds up what it is given, and so do the pyramid and the queries.
//
// Threading: owner-only. Precondition: events come in the order of event_order.hpp.
// Invariants:
//   A page of a domain belongs to one lifetime at a time, the newest. A lifetime is over when its unmap returned and the last
//   of its pages is complete; one UNMAP may end several lifetimes, a lifetime may take several UNMAPs.
//   Mappings that outlive their unmap by design (DmaEvent::persistent) are live between the calls and never stale.
//   With lost events a lifetime may never end; what replaces it ends it without a window. What ended a lifetime, and the
//   beginning of the next, may be among the lost: a lifetime with events missing in its time has no window, and is not
//   stale beyond that.
// Limits: those of LifetimeTable.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/telemetry/event_bodies.hpp"
#include "experiments/trace/event_order.hpp"
#include "experiments/trace/lifetime_table.hpp"

namespace violet {

template <class Sink>
class LifetimeTracker {
 public:
  using Lifetime = LifetimeTable::Lifetime;
  using Page = LifetimeTable::Page;
  using PageState = LifetimeTable::PageState;

  explicit LifetimeTracker(Sink& sink, const LifetimeLimits& limits = {})
      : sink_(sink), table_(limits) {}

  LifetimeTable& table() { return table_; }
  const LifetimeTable& table() const { return table_; }
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
    stale_lifetimes_ = static_cast<std::size_t>(std::count_if(
        table_.lifetimes.begin(), table_.lifetimes.end(), [](const Lifetime& lifetime) {
          return lifetime.pages > 0 && lifetime.is(LifetimeRecord::kStale);
        }));
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

  Lifetime lifetime_of(const Event& event, const DmaEvent& call, const GranuleExtent& extent) {
    const std::uint32_t endpoint = call.endpoint.value;
    Lifetime lifetime;
    lifetime.first = extent.first;
    lifetime.pages = static_cast<std::uint32_t>(extent.pages);
    lifetime.bytes = call.bytes;
    lifetime.phys_page = call.phys_page;
    lifetime.mapped = event.at;
    lifetime.domain_index = table_.attached_to(endpoint);
    if (lost_ && lifetime.domain_index == LifetimeTable::kNoDomain) {
      table_.infer_attached(endpoint, extent.first);
      lifetime.domain_index = table_.attached_to(endpoint);
    }
    lifetime.domain = table_.domain_id(lifetime.domain_index);
    lifetime.endpoint = endpoint;
    lifetime.status = event.status;
    lifetime.map_took = event.took;
    lifetime.not_executed = lifetime.not_complete = lifetime.pages;
    sink_.tag(lifetime);
    return lifetime;
  }
  void dma_map(const Event& event) {
    const DmaEvent call = DmaEvent::of(event);
    const GranuleExtent extent(call);
    const LifetimeLimits& most = table_.limits();
    if (!extent.tracked(most.call_pages) || table_.pages.size() + extent.pages > most.pages ||
        table_.persistent.size() >= most.pages) {
      ++table_.untracked;
      return;
    }
    const Lifetime lifetime = lifetime_of(event, call, extent);
    if (call.persistent) {
      table_.push_persistent(lifetime);
      return live(lifetime, 1, event.at);
    }
    if (lifetime.domain_index == LifetimeTable::kNoDomain) {
      ++table_.unmatched;
      return;
    }
    const std::uint32_t id = table_.new_lifetime(lifetime);
    for (std::uint64_t i = 0; i < extent.pages; ++i) {
      const std::uint64_t granule = extent.first + i;
      const std::uint64_t key = LifetimeTable::key(lifetime.domain_index, granule);
      Page page{id & 0x3fffffff, 0};
      if (!sink_.engine_has(GranuleSpan{lifetime.domain_index, granule, granule})) {
        page.state = static_cast<unsigned>(PageState::kComplete) & 3;
        --table_.lifetimes[id].not_executed;
        --table_.lifetimes[id].not_complete;
      }
      const auto [there, fresh] = table_.pages.insert(key, page);
      if (fresh) continue;
      const Page old = std::exchange(*there, page);
      if (table_.continues(old, granule, lifetime)) {
        end_page(old.lifetime, granule, event.at);  // What was stale is in use again.
      } else {
        replace(old, granule, event.at);
      }
    }
    if (table_.lifetimes[id].not_complete == 0) {
      table_.lifetimes[id].flags |= LifetimeRecord::kNoWindow;
      sink_.refused(table_.lifetimes[id]);
    }
    live(table_.lifetimes[id], 1, event.at);
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
      if (id == LifetimeTable::kNoLifetime) {
        ++table_.unmatched;
        return;
      }
      live(table_.lifetimes[id], -1, event.at);
      return table_.free_lifetime(id);
    }
    const std::uint32_t domain = table_.attached_to(call.endpoint.value);
    if (domain == LifetimeTable::kNoDomain || !unmap(domain, extent.first, event))
      ++table_.unmatched;
  }

  bool unmap(std::uint32_t domain, std::uint64_t first, const Event& event) {
    const Page* found = table_.pages.find(LifetimeTable::key(domain, first));
    if (found == nullptr) return false;
    const std::uint32_t id = found->lifetime;
    Lifetime& lifetime = table_.lifetimes[id];
    if (lifetime.is(LifetimeRecord::kUnmapped) || lifetime.first != first) return false;
    lifetime.unmapped = event.at;
    lifetime.unmap_took = event.took;
    if (lost_ && gaps_.touch(lifetime.mapped, event.at)) {
      unmap_unsure(id, event.at);
      return true;
    }
    lifetime.flags |= LifetimeRecord::kUnmapped | LifetimeRecord::kStale;
    ++stale_lifetimes_;
    sink_.unmapped(lifetime, event.at);
    for (std::uint64_t granule = first; granule < first + lifetime.pages; ++granule) {
      const std::uint64_t key = LifetimeTable::key(domain, granule);
      const Page* page = table_.pages.find(key);
      const bool here = page != nullptr && page->lifetime == id;
      const bool stale = here && page->is() != PageState::kComplete;
      sink_.page(lifetime, granule, -1, stale ? 1 : 0, event.at);
      if (here && page->is() == PageState::kReachable) {
        sink_.surely_stale(lifetime, granule, 1, event.at);
      }
      if (here && !stale) table_.pages.erase(key);
    }
    if (lifetime.not_complete == 0) finish(id);
    return true;
  }

  // The first event after a gap: what was stale until then may have ended in it.
  void doubt_stale(Ticks at) {
    gaps_.pass(at);
    if (stale_lifetimes_ == 0) return;
    std::vector<std::uint64_t> reachable;
    table_.pages.for_each([&](std::uint64_t key, Page& page) {
      Lifetime& lifetime = table_.lifetimes[page.lifetime];
      if (!lifetime.is(LifetimeRecord::kStale) || page.is() == PageState::kComplete) return;
      if (!lifetime.is(LifetimeRecord::kNoWindow)) sink_.no_window(lifetime);
      lifetime.flags |= LifetimeRecord::kNoWindow;
      if (page.is() == PageState::kReachable) reachable.push_back(key);
    });
    while (!table_.flights.empty()) complete(GranuleSpan(table_.flights.front().range), at);
    for (const std::uint64_t key : reachable) {
      const Page page = *table_.pages.find(key);
      table_.pages.erase(key);
      execute_page(table_.lifetimes[page.lifetime], LifetimeTable::granule_of(key), at);
      complete_page(page.lifetime, LifetimeTable::granule_of(key), at);
    }
  }

  void unmap_unsure(std::uint32_t id, Ticks at) {
    Lifetime& lifetime = table_.lifetimes[id];
    lifetime.flags |= LifetimeRecord::kUnmapped | LifetimeRecord::kNoWindow;
    sink_.unmapped(lifetime, at);
    sink_.no_window(lifetime);
    live(lifetime, -1, at);
    const std::uint64_t first = lifetime.first, end = first + lifetime.pages;
    const std::uint32_t domain = lifetime.domain_index;
    const bool over = lifetime.not_complete == 0;
    for (std::uint64_t granule = first; granule < end; ++granule) {
      const std::uint64_t key = LifetimeTable::key(domain, granule);
      const Page* page = table_.pages.find(key);
      // An invalidation in flight ends its pages itself.
      if (page == nullptr || page->lifetime != id || page->is() == PageState::kExecuted) continue;
      const bool reachable = page->is() == PageState::kReachable;
      table_.pages.erase(key);
      if (!reachable) continue;
      --lifetime.not_executed;
      complete_page(id, granule, at);  // The last one frees the lifetime.
    }
    if (over) finish(id);
  }

  void live(const Lifetime& lifetime, int by, Ticks at) {
    for (std::uint64_t i = 0; i < lifetime.pages; ++i)
      sink_.page(lifetime, lifetime.first + i, by, 0, at);
  }
  void end_page(std::uint32_t id, std::uint64_t granule, Ticks at) {
    execute_page(table_.lifetimes[id], granule, at);
    complete_page(id, granule, at);
  }
  // The address is handed out again while its last lifetime is not over.
  void replace(Page old, std::uint64_t granule, Ticks at) {
    Lifetime& lifetime = table_.lifetimes[old.lifetime];
    if (!lifetime.is(LifetimeRecord::kUnmapped)) {
      ++table_.unmatched;  // Its unmap was lost.
      lifetime.flags |= LifetimeRecord::kUnmapped | LifetimeRecord::kNoWindow;
      live(lifetime, -1, at);
      table_.forget_complete(old.lifetime);
      if (lifetime.not_complete == 0) return finish(old.lifetime);
    }
    // An invalidation in flight is the engine's to see, in engine_mapped().
    if (old.is() != PageState::kReachable) return;
    if (!lifetime.is(LifetimeRecord::kNoWindow)) {
      if (lost_) {
        ++table_.unmatched;
      } else {
        sink_.reused(lifetime);
      }
      if (lifetime.is(LifetimeRecord::kStale)) sink_.no_window(lifetime);
    }
    lifetime.flags |= LifetimeRecord::kNoWindow;
    end_page(old.lifetime, granule, at);
  }

  void finish(std::uint32_t id) {
    const Lifetime& lifetime = table_.lifetimes[id];
    if (!lifetime.is(LifetimeRecord::kNoWindow)) sink_.window(lifetime);
    if (lifetime.is(LifetimeRecord::kStale)) --stale_lifetimes_;
    table_.free_lifetime(id);
  }

  // --- The engine ---

  void attach(const AttachEvent& attached) {
    table_.attach(attached.endpoint.value, table_.domain(attached.domain.value));
  }

  void detach(EndpointId endpoint, Ticks at) {
    const auto [domain, last] = table_.detach(endpoint.value);
    if (domain == LifetimeTable::kNoDomain || !last) return;
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
    if (range.domain == LifetimeTable::kNoDomain) return;
    sink_.engine_unmapped(range);
    if (table_.flights.size() >= table_.limits().flights) {
      ++table_.unmatched;
      complete(GranuleSpan(table_.flights.front().range), at);
    }
    auto flight = table_.new_flight(range);
    LifetimeTable::for_range(table_.pages, range, [&](std::uint64_t key, Page& page) {
      if (page.is() != PageState::kReachable) return;
      page.state = static_cast<unsigned>(PageState::kExecuted) & 3;
      execute_page(table_.lifetimes[page.lifetime], LifetimeTable::granule_of(key), at);
      flight.pages.emplace_back(key, std::uint32_t{page.lifetime});
    });
    table_.flights.push_back(std::move(flight));
  }

  void execute_page(Lifetime& lifetime, std::uint64_t granule, Ticks at) {
    --lifetime.not_executed;
    lifetime.executed = std::max(lifetime.executed, at);
    if (lifetime.is(LifetimeRecord::kStale)) sink_.surely_stale(lifetime, granule, -1, at);
  }

  void complete_page(std::uint32_t id, std::uint64_t granule, Ticks at) {
    Lifetime& lifetime = table_.lifetimes[id];
    --lifetime.not_complete;
    lifetime.unreachable = std::max(lifetime.unreachable, at);
    if (lifetime.is(LifetimeRecord::kStale)) sink_.page(lifetime, granule, 0, -1, at);
    if (lifetime.is(LifetimeRecord::kUnmapped) && lifetime.not_complete == 0) finish(id);
  }

  void complete(const GranuleSpan& range, Ticks at) {
    if (range.domain == LifetimeTable::kNoDomain) return;
    auto found = std::find_if(table_.flights.begin(), table_.flights.end(),
                              [&](const auto& flight) { return flight.range == range; });
    if (found == table_.flights.end()) {
      ++table_.unmatched;  // That it was executed was lost.
      execute(range, at);
      found = std::prev(table_.flights.end());
    }
    LifetimeTable::Flight flight = std::move(*found);
    table_.flights.erase(found);
    for (const auto& [key, id] : flight.pages) {
      Page* there = table_.pages.find(key);
      // The address may have a new lifetime by now, if the guest did what it must not.
      if (there != nullptr && there->lifetime == id) {
        if (table_.lifetimes[id].is(LifetimeRecord::kUnmapped)) {
          table_.pages.erase(key);
        } else {
          there->state = static_cast<unsigned>(PageState::kComplete) & 3;
        }
      }
      complete_page(id, LifetimeTable::granule_of(key), at);
    }
    table_.free_flight(std::move(flight));
  }

  void engine_mapped(const MappingEvent& mapping, Ticks at) {
    if (!mapping.ordered()) return;
    const GranuleSpan range = span_of(mapping);
    if (range.domain == LifetimeTable::kNoDomain) return;
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
  LifetimeTable table_;
  bool lost_ = false;
  EventGaps gaps_;
  std::size_t stale_lifetimes_ = 0;
};

}  // namespace violet
