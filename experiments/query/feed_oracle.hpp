// Answers to a feed's questions by brute force: all events in order, page by page, nothing clever. What the
// tests compare with.
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

namespace violet::gui {

struct OracleLife {
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

class FeedOracle {
 public:
  struct One {
    Event event;
    std::uint16_t lcore;
  };

  FeedOracle(std::vector<One> events, const TimeBase& base)
      : events_(std::move(events)), base_(base) {
    std::stable_sort(events_.begin(), events_.end(), [](const One& a, const One& b) {
      if (a.event.at != b.event.at) return a.event.at < b.event.at;
      return traits_of(a.event.kind).changes_mappings && !traits_of(b.event.kind).changes_mappings;
    });
    for (const One& one : events_) apply(one.event);
  }

  const std::vector<One>& events() const { return events_; }
  const std::vector<OracleLife>& lives() const { return lives_; }
  Nanos end() const { return events_.empty() ? 0 : base_.nanos(events_.back().event.at); }

  // Live or stale pages just after everything at `at` has happened.
  std::int64_t level(Ticks at, bool stale) const {
    std::int64_t total = 0;
    for (const OracleLife& life : lives_) {
      for (std::uint64_t page = life.first; page < life.first + life.pages; ++page) {
        total += covers(life, page, at, stale) ? 1 : 0;
      }
    }
    return total;
  }
  static bool covers(const OracleLife& life, std::uint64_t page, Ticks at, bool stale) {
    if (!stale) return life.mapped <= at && (!life.unmapped || at < *life.unmapped);
    return !life.persistent && life.unmapped && *life.unmapped <= at && at < life.end_of(page);
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
    OracleLife life;
    life.endpoint = event.id;
    life.domain = domain_of_.at(event.id);
    life.first = event.a >> 12;
    life.bytes = DmaEvent::of(event).bytes;
    life.pages = ((event.a + life.bytes - 1) >> 12) - life.first + 1;
    life.phys = DmaEvent::of(event).phys_page;
    life.persistent = DmaEvent::of(event).persistent;
    life.mapped = event.at;
    life.reuse = ever_.contains({life.domain, life.first});
    for (std::uint64_t i = 0; i < life.pages; ++i) ever_.insert({life.domain, life.first + i});
    open_.push_back(lives_.size());
    lives_.push_back(life);
  }
  void unmap(const Event& event) {
    for (std::size_t i = open_.size(); i > 0; --i) {
      OracleLife& life = lives_[open_[i - 1]];
      if (life.endpoint != event.id || life.first != event.a >> 12 || life.unmapped) continue;
      life.unmapped = event.at;
      forget_over();
      return;
    }
  }
  void remove(std::uint32_t domain, std::uint64_t first, std::uint64_t last, Ticks at,
              bool executed) {
    for (const std::size_t index : open_) {
      OracleLife& life = lives_[index];
      if (life.domain != domain || life.persistent) continue;
      for (std::uint64_t page = life.first; page < life.first + life.pages; ++page) {
        if (page < first || page > last) continue;
        if (executed) {
          life.executed.try_emplace(page, at);
        } else if (life.executed.contains(page)) {
          life.complete.try_emplace(page, at);
        }
      }
    }
    if (!executed) forget_over();
  }
  void forget_over() {
    std::erase_if(open_, [&](std::size_t index) {
      return lives_[index].over() || (lives_[index].persistent && lives_[index].unmapped);
    });
  }

  std::vector<One> events_;
  TimeBase base_;
  std::map<std::uint32_t, std::uint32_t> domain_of_;
  std::set<std::pair<std::uint32_t, std::uint64_t>> ever_;
  std::vector<OracleLife> lives_;
  std::vector<std::size_t> open_;  // Lives that something may still happen to.
};

}  // namespace violet::gui
