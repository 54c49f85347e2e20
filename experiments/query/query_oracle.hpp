// The query oracle answers a view's questions by brute force: all events in order, page by page,
// nothing clever. Tests compare with its answers.
//
// Threading: plain values.
// Limits: judges as the exposure ledger does, for histories without lost events.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "engine/telemetry/event_bodies.hpp"
#include "experiments/query/time_base.hpp"
#include "experiments/trace/event_order.hpp"

namespace violet::query {

struct OracleLifetime {
  std::uint32_t endpoint = 0, domain = 0;
  std::uint64_t first = 0, pages = 0;
  std::uint32_t bytes = 0;
  std::uint64_t phys = 0;
  bool persistent = false, reuse = false;
  Ticks mapped = 0;
  std::optional<Ticks> unmapped;
  std::map<std::uint64_t, Ticks> executed, complete;  // By page.
  Ticks end_of(std::uint64_t page) const {
    const auto found = complete.find(page);
    return found == complete.end() ? ~Ticks{0} : found->second;
  }
  bool over() const { return unmapped && complete.size() == pages; }
  Ticks unreachable() const {
    Ticks last = 0;
    for (const auto& [page, at] : complete) last = std::max(last, at);
    return last;
  }
};

class QueryOracle {
 public:
  struct One {
    Event event;
    std::uint16_t lcore;
  };

  QueryOracle(std::vector<One> events, const TimeBase& base)
      : events_(std::move(events)), base_(base) {
    std::stable_sort(events_.begin(), events_.end(), [](const One& a, const One& b) {
      if (a.event.at != b.event.at) return a.event.at < b.event.at;
      return traits_of(a.event.kind).changes_mappings && !traits_of(b.event.kind).changes_mappings;
    });
    for (const One& one : events_) apply(one.event);
  }

  const std::vector<One>& events() const { return events_; }
  const std::vector<OracleLifetime>& lifetimes() const { return lifetimes_; }
  Nanos end() const { return events_.empty() ? 0 : base_.nanos(events_.back().event.at); }

  // Live or stale pages just after everything at `at` has happened.
  std::int64_t level(Ticks at, bool stale) const {
    std::int64_t total = 0;
    for (const OracleLifetime& lifetime : lifetimes_) {
      for (std::uint64_t page = lifetime.first; page < lifetime.first + lifetime.pages; ++page) {
        total += covers(lifetime, page, at, stale) ? 1 : 0;
      }
    }
    return total;
  }
  static bool covers(const OracleLifetime& lifetime, std::uint64_t page, Ticks at, bool stale) {
    if (!stale) return lifetime.mapped <= at && (!lifetime.unmapped || at < *lifetime.unmapped);
    return !lifetime.persistent && lifetime.unmapped && *lifetime.unmapped <= at &&
           at < lifetime.end_of(page);
  }

 private:
  void apply(const Event& event) {
    switch (event.kind) {
      case EventKind::kAttach:
        domain_of_[event.id] = static_cast<std::uint32_t>(event.a);
        return;
      case EventKind::kDetach: {
        const std::uint32_t domain = domain_of_[event.id];
        domain_of_.erase(event.id);
        for (const auto& [endpoint, other] : domain_of_) {
          if (other == domain) return;
        }
        remove(domain, 0, ~std::uint64_t{0}, event.at, true);
        remove(domain, 0, ~std::uint64_t{0}, event.at, false);
        return;
      }
      case EventKind::kUnmapExecuted:
      case EventKind::kUnmapCompleted:
        return remove(event.id, event.a >> 12, event.b >> 12, event.at,
                      event.kind == EventKind::kUnmapExecuted);
      case EventKind::kDmaMap:
        return map(event);
      case EventKind::kDmaUnmap:
        return unmap(event);
      default:
        return;
    }
  }
  void map(const Event& event) {
    OracleLifetime lifetime;
    lifetime.endpoint = event.id;
    lifetime.domain = domain_of_.at(event.id);
    lifetime.first = event.a >> 12;
    lifetime.bytes = DmaEvent::of(event).bytes;
    lifetime.pages = ((event.a + lifetime.bytes - 1) >> 12) - lifetime.first + 1;
    lifetime.phys = DmaEvent::of(event).phys_page;
    lifetime.persistent = DmaEvent::of(event).persistent;
    lifetime.mapped = event.at;
    lifetime.reuse = ever_.contains({lifetime.domain, lifetime.first});
    for (std::uint64_t i = 0; i < lifetime.pages; ++i)
      ever_.insert({lifetime.domain, lifetime.first + i});
    open_.push_back(lifetimes_.size());
    lifetimes_.push_back(lifetime);
  }
  void unmap(const Event& event) {
    for (std::size_t i = open_.size(); i > 0; --i) {
      OracleLifetime& lifetime = lifetimes_[open_[i - 1]];
      if (lifetime.endpoint != event.id || lifetime.first != event.a >> 12 || lifetime.unmapped)
        continue;
      lifetime.unmapped = event.at;
      forget_over();
      return;
    }
  }
  void remove(std::uint32_t domain, std::uint64_t first, std::uint64_t last, Ticks at,
              bool executed) {
    for (const std::size_t index : open_) {
      OracleLifetime& lifetime = lifetimes_[index];
      if (lifetime.domain != domain || lifetime.persistent) continue;
      for (std::uint64_t page = lifetime.first; page < lifetime.first + lifetime.pages; ++page) {
        if (page < first || page > last) continue;
        if (executed) {
          lifetime.executed.try_emplace(page, at);
        } else if (lifetime.executed.contains(page)) {
          lifetime.complete.try_emplace(page, at);
        }
      }
    }
    if (!executed) forget_over();
  }
  void forget_over() {
    std::erase_if(open_, [&](std::size_t index) {
      return lifetimes_[index].over() ||
             (lifetimes_[index].persistent && lifetimes_[index].unmapped);
    });
  }

  std::vector<One> events_;
  TimeBase base_;
  std::map<std::uint32_t, std::uint32_t> domain_of_;
  std::set<std::pair<std::uint32_t, std::uint64_t>> ever_;
  std::vector<OracleLifetime> lifetimes_;
  std::vector<std::size_t> open_;  // Lifetimes that something may still happen to.
};

}  // namespace violet::query
