#include "experiments/trace/exposure_ledger.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <unordered_map>

#include "engine/base/flat_table.hpp"
#include "engine/telemetry/event_bodies.hpp"
#include "experiments/trace/lifetime_tracker.hpp"

namespace violet {
namespace {

constexpr std::int64_t kGranuleBytes = std::int64_t{1} << kGranuleShift4K;

// As many as a life's number has room for: a result counts all there were.
constexpr LifetimeLimits kAll{.pages = (std::size_t{1} << 30) - 1,
                              .call_pages = (std::uint64_t{1} << 20) + 1,
                              .mappings = ~std::size_t{0},
                              .flights = ~std::size_t{0}};

struct Judged {
  Ticks begin;
  Ticks end;
};

Judged judged_time(const ExposureInput& input) {
  Judged time{input.begin, input.end};
  if (time.end == 0) {
    if (!input.engine.empty()) time.end = input.engine.back().at;
    if (!input.guest.empty()) time.end = std::max(time.end, input.guest.back().at);
  }
  if (time.begin == 0) {
    time.begin = time.end;
    if (!input.engine.empty()) time.begin = std::min(time.begin, input.engine.front().at);
    if (!input.guest.empty()) time.begin = std::min(time.begin, input.guest.front().at);
  }
  time.begin = std::min(time.begin, time.end);
  return time;
}

// Pages of memory that a device can still reach after their unmap, by one of the two reckonings, and which of them
// have a new owner: a later dma_map handed them out again. A page counts once from then until nothing reaches it. The
// new owner may be the old one, a driver that recycles its buffers: events do not tell.
class StalePages {
 public:
  void judge(const Judged& time) {
    time_ = time;
    pages_.judge(time.begin, time.end);
    reowned_.judge(time.begin, time.end);
  }
  void settle(Ticks at) {
    pages_.settle(at);
    reowned_.settle(at);
  }
  void change(std::uint64_t phys_page, int by, Ticks at) {
    pages_.move(at, by);
    if (by > 0) {
      ++ways_.insert(phys_page, {}).first->count;
    } else {
      end(phys_page, at);
    }
  }
  void hand_out(std::uint64_t phys_page, Ticks at) {
    Ways* ways = ways_.find(phys_page);
    if (ways == nullptr || ways->reowned) return;
    ways->reowned = true;
    reowned_.move(at, 1);
    if (at >= time_.begin && at <= time_.end) ++reowned_pages_;
  }

  const TimeLevel& pages() const { return pages_; }
  const TimeLevel& reowned() const { return reowned_; }
  std::uint64_t reowned_pages() const { return reowned_pages_; }

 private:
  // To a page.
  struct Ways {
    std::uint32_t count = 0;
    bool reowned = false;
  };

  void end(std::uint64_t phys_page, Ticks at) {
    Ways* ways = ways_.find(phys_page);
    if (ways == nullptr || --ways->count > 0) return;
    if (ways->reowned) reowned_.move(at, -1);
    ways_.erase(phys_page);
  }

  Judged time_{0, ~Ticks{0}};
  FlatTable<Ways> ways_;
  TimeLevel pages_;
  TimeLevel reowned_;
  std::uint64_t reowned_pages_ = 0;
};

class Ledger : public LifetimeSink {
 public:
  explicit Ledger(const ExposureInput& input);
  ExposureReport run();

  // What the tracker gives.
  void page(const Lifetime& lifetime, std::uint64_t granule, int live, int stale, Ticks at);
  void surely_stale(const Lifetime& lifetime, std::uint64_t granule, int by, Ticks at) {
    stale_.lower.change(phys_page(lifetime, granule), by, at);
  }
  void unmapped(const Lifetime&, Ticks) { matched_ = true; }
  void window(const Lifetime& lifetime);
  void reused(const Lifetime&) { ++result_.iova_reuse_violations; }
  void engine_mapped(const GranuleSpan& range);
  void engine_unmapped(const GranuleSpan& range);
  bool engine_has(const GranuleSpan& page) const;
  void refused(const Lifetime& lifetime) {
    if (judged(lifetime.mapped)) ++result_.refused_maps;
  }

 private:
  static std::uint64_t phys_page(const Lifetime& lifetime, std::uint64_t granule) {
    return lifetime.phys_page + (granule - lifetime.first);
  }
  bool judged(Ticks at) const { return at >= time_.begin && at <= time_.end; }
  void on_guest(const Event& event);
  void hand_out(const DmaEvent& call, Ticks at);
  void change_live(const DmaEvent& call, std::int64_t sign, Ticks at);
  void report_censored(ExposureReport& report);
  ExposureReport report();

  const ExposureInput& input_;
  Judged time_;
  std::uint64_t lost_;
  LifetimeTracker<Ledger> tracker_;
  std::unordered_map<std::uint32_t, std::map<std::uint64_t, std::uint64_t>>
      stored_;  // What the engine has mapped, by domain: first granule to last.
  Bounds<StalePages> stale_;
  Bounds<std::vector<Ticks>> windows_;
  TimeLevel live_;
  TimeLevel subpage_;
  TimeLevel slack_;
  bool matched_ = false;  // The tracker knows the mapping of the call in hand.
  ExposureReport result_;
};

Ledger::Ledger(const ExposureInput& input)
    : input_(input),
      time_(judged_time(input)),
      lost_(input.lost_engine_events + input.lost_guest_events),
      tracker_(*this, kAll) {
  for (TimeLevel* level : {&live_, &subpage_, &slack_}) level->judge(time_.begin, time_.end);
  stale_.lower.judge(time_);
  stale_.upper.judge(time_);
  if (lost_ > 0) tracker_.lose();
  LifetimeTable& table = tracker_.table();
  for (const auto& [endpoint, domain] : input.attached) {
    table.attach(endpoint.value, table.domain(domain.value));
  }
}

// --- The tracker's sink ---

void Ledger::page(const Lifetime& lifetime, std::uint64_t granule, int live, int stale, Ticks at) {
  if (stale != 0) stale_.upper.change(phys_page(lifetime, granule), stale, at);
  if (live > 0) matched_ = true;
}

void Ledger::window(const Lifetime& lifetime) {
  const Ticks u = lifetime.unmapped;
  if (!judged(u)) return;
  windows_.lower.push_back(lifetime.executed > u ? lifetime.executed - u : 0);
  windows_.upper.push_back(lifetime.unreachable > u ? lifetime.unreachable - u : 0);
}

// An address that comes back to the engine while an invalidation of it is in flight is reused too early.
void Ledger::engine_mapped(const GranuleSpan& range) {
  stored_[range.domain][range.first] = range.last;
  if (lost_ > 0) return;  // That it was complete may be among the lost.
  for (const LifetimeTable::Flight& flight : tracker_.table().flights) {
    const GranuleSpan& other = flight.range;
    if (other.domain != range.domain || other.first > range.last || range.first > other.last) {
      continue;
    }
    result_.iova_reuse_violations +=
        std::min(other.last, range.last) - std::max(other.first, range.first) + 1;
  }
}

// An UNMAP removes whole mappings: those that begin in it.
void Ledger::engine_unmapped(const GranuleSpan& range) {
  const auto ranges = stored_.find(range.domain);
  if (ranges == stored_.end()) return;
  ranges->second.erase(ranges->second.lower_bound(range.first),
                       ranges->second.upper_bound(range.last));
}

// With lost events nobody can tell, and an engine that leaves no events is believed.
bool Ledger::engine_has(const GranuleSpan& page) const {
  if (lost_ > 0 || stored_.empty()) return true;
  const auto ranges = stored_.find(page.domain);
  if (ranges == stored_.end()) return false;
  const auto after = ranges->second.upper_bound(page.first);
  return after != ranges->second.begin() && std::prev(after)->second >= page.first;
}

// --- The guest ---

void Ledger::on_guest(const Event& event) {
  if (!is_dma_call(event.kind)) return;
  const DmaEvent call = DmaEvent::of(event);
  const bool map = event.kind == EventKind::kDmaMap;
  if (input_.persistent && call.persistent) return;
  // A mapping that is taken over is no longer stale; what else leads to the page is.
  if (map && !call.kept) hand_out(call, event.at);
  if (map && call.has_slack() && judged(event.at)) ++result_.slack_maps;
  matched_ = call.persistent;
  if (!call.persistent) tracker_.apply(event);
  if (map && call.kept) hand_out(call, event.at);
  if (call.persistent && !map && judged(event.at)) ++result_.persistent_unmaps;
  if (matched_) change_live(call, map ? 1 : -1, event.at);
}

void Ledger::hand_out(const DmaEvent& call, Ticks at) {
  const std::uint64_t pages = GranuleExtent(call).pages;
  for (std::uint64_t i = 0; i < pages; ++i) {
    stale_.lower.hand_out(call.phys_page + i, at);
    stale_.upper.hand_out(call.phys_page + i, at);
  }
}

// Live is what the guest has mapped by its own word: between its calls, whatever the engine did.
void Ledger::change_live(const DmaEvent& call, std::int64_t sign, Ticks at) {
  const auto pages = static_cast<std::int64_t>(GranuleExtent(call).pages);
  live_.move(at, sign * pages);
  if (call.has_slack()) slack_.move(at, sign * pages);
  if (!call.persistent)
    subpage_.move(at, sign * (pages * kGranuleBytes - std::int64_t{call.bytes}));
}

// --- The result ---

ExposureReport Ledger::run() {
  std::size_t e = 0;
  std::size_t g = 0;
  while (e < input_.engine.size() || g < input_.guest.size()) {
    // At the same instant the engine's event comes first: the guest saw its effect.
    const bool engine = g == input_.guest.size() ||
                        (e < input_.engine.size() && input_.engine[e].at <= input_.guest[g].at);
    if (engine) {
      tracker_.apply(input_.engine[e++]);
    } else {
      on_guest(input_.guest[g++]);
    }
  }
  return report();
}

void Ledger::report_censored(ExposureReport& report) {
  LifetimeTable& table = tracker_.table();
  std::vector<bool> seen(table.lifetimes.size());
  table.pages.for_each([&](std::uint64_t, const LifetimeTable::Page& page) {
    const Lifetime& lifetime = table.lifetimes[page.lifetime];
    if (!lifetime.is(LifetimeRecord::kStale) || lifetime.is(LifetimeRecord::kNoWindow)) return;
    if (!judged(lifetime.unmapped)) return;
    ++report.censored_pages;
    if (seen[page.lifetime]) return;
    seen[page.lifetime] = true;
    ++report.censored_unmaps;
    report.oldest_censored_ns =
        std::max(report.oldest_censored_ns,
                 static_cast<double>(time_.end - lifetime.unmapped) * input_.ns_per_tick);
  });
}

ExposureReport Ledger::report() {
  for (StalePages* stale : {&stale_.lower, &stale_.upper}) stale->settle(time_.end);
  for (TimeLevel* level : {&live_, &subpage_, &slack_}) level->settle(time_.end);
  const auto ticks = static_cast<double>(time_.end - time_.begin);
  const double per_tick = ticks > 0 ? 1 / ticks : 0;
  const double seconds_per_tick = input_.ns_per_tick / 1e9;
  ExposureReport report = result_;
  report.unmaps = windows_.upper.size();
  report.window = {summarise_windows(std::move(windows_.lower), input_.ns_per_tick),
                   summarise_windows(std::move(windows_.upper), input_.ns_per_tick)};
  const StalePages &lower = stale_.lower, &upper = stale_.upper;
  report.mean_stale_pages = {lower.pages().integral() * per_tick,
                             upper.pages().integral() * per_tick};
  report.peak_stale_pages = {lower.pages().peak(), upper.pages().peak()};
  report.reowned_pages = {lower.reowned_pages(), upper.reowned_pages()};
  report.reowned_page_seconds = {lower.reowned().integral() * seconds_per_tick,
                                 upper.reowned().integral() * seconds_per_tick};
  report_censored(report);
  report.always_mapped_bytes = input_.always_mapped_bytes;
  const PersistentTotals persistent = input_.persistent.value_or(PersistentTotals{});
  report.persistent_unmaps += persistent.unmaps;
  report.slack_maps += persistent.slack_maps;
  report.mean_live_pages = (live_.integral() + persistent.page_ticks) * per_tick;
  report.mean_subpage_bytes_exposed = subpage_.integral() * per_tick;
  report.peak_subpage_bytes_exposed = subpage_.peak();
  report.mean_slack_pages = (slack_.integral() + persistent.slack_page_ticks) * per_tick;
  report.seconds = ticks * seconds_per_tick;
  report.lost_events = lost_;
  report.complete = lost_ == 0;
  report.unmatched_events = tracker_.table().unmatched;
  return report;
}

}  // namespace

WindowSummary summarise_windows(std::vector<Ticks> windows, double ns_per_tick) {
  if (windows.empty()) return {};
  std::sort(windows.begin(), windows.end());
  const auto count = static_cast<double>(windows.size());
  const auto rank = [&](double quantile) {
    const auto at = static_cast<std::size_t>(std::max(1.0, std::ceil(quantile * count))) - 1;
    return static_cast<double>(windows[at]) * ns_per_tick;
  };
  const double total =
      std::accumulate(windows.begin(), windows.end(), 0.0,
                      [](double sum, Ticks w) { return sum + static_cast<double>(w); });
  return {.mean_ns = total / count * ns_per_tick,
          .p50_ns = rank(0.5),
          .p90_ns = rank(0.9),
          .p99_ns = rank(0.99),
          .p999_ns = rank(0.999),
          .max_ns = rank(1.0),
          .zero = static_cast<std::uint64_t>(
              std::upper_bound(windows.begin(), windows.end(), Ticks{0}) - windows.begin())};
}

ExposureReport judge_exposure(const ExposureInput& input) { return Ledger(input).run(); }

}  // namespace violet
