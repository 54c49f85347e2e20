#include "experiments/trace/exposure_ledger.hpp"

#include <algorithm>
#include <optional>

#include "engine/telemetry/event_bodies.hpp"
#include "experiments/trace/mapping_lives.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kGranule = std::uint64_t{1} << kGranuleShift4K;
constexpr std::uint64_t kLastGranule = ~std::uint64_t{0} / kGranule;

// A buffer in granules.
struct Extent {
  explicit Extent(const DmaEvent& call)
      : first(call.iova.value / kGranule),
        last((call.iova.value + std::max(1u, call.bytes) - 1) / kGranule),
        pages(static_cast<std::int64_t>(last - first + 1)),
        subpage_bytes(pages * static_cast<std::int64_t>(kGranule) -
                      static_cast<std::int64_t>(call.bytes)) {}
  std::uint64_t first;
  std::uint64_t last;
  std::int64_t pages;
  std::int64_t subpage_bytes;
};

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

class Ledger {
 public:
  explicit Ledger(const ExposureInput& input)
      : input_(input),
        time_(judged_time(input)),
        lost_(input.lost_engine_events + input.lost_guest_events),
        lives_(time_.begin, time_.end, lost_ > 0) {
    for (TimeLevel* level : {&live_, &subpage_, &slack_}) level->judge(time_.begin, time_.end);
    for (const auto& [endpoint, domain] : input.attached) attach(endpoint.value, domain.value);
  }

  ExposureReport run();

 private:
  bool judged(Ticks at) const { return at >= time_.begin && at <= time_.end; }
  void on_engine(const Event& event);
  void on_dma_map(const Event& event);
  void on_dma_unmap(const Event& event);
  void attach(std::uint32_t endpoint, std::uint32_t domain);
  void detach(std::uint32_t endpoint, Ticks at);
  void change_live(const DmaEvent& call, const Extent& extent, std::int64_t sign, Ticks at);
  ExposureReport report();

  const ExposureInput& input_;
  Judged time_;
  std::uint64_t lost_;
  MappingLives lives_;
  std::unordered_map<std::uint32_t, std::uint32_t> domain_of_;     // By endpoint.
  std::unordered_map<std::uint32_t, std::uint32_t> endpoints_of_;  // Their number, by domain.
  TimeLevel live_;
  TimeLevel subpage_;
  TimeLevel slack_;
  ExposureReport result_;
};

// --- The engine ---

void Ledger::attach(std::uint32_t endpoint, std::uint32_t domain) {
  domain_of_[endpoint] = domain;
  ++endpoints_of_[domain];
}

// With the last endpoint all mappings go. The engine answers after a grace period, but leaves no event
// for that.
void Ledger::detach(std::uint32_t endpoint, Ticks at) {
  const auto found = domain_of_.find(endpoint);
  if (found == domain_of_.end()) return;
  const std::uint32_t domain = found->second;
  domain_of_.erase(found);
  if (--endpoints_of_[domain] > 0) return;
  lives_.execute({domain, 0, kLastGranule}, at);
  lives_.complete({domain, 0, kLastGranule}, at);
}

void Ledger::on_engine(const Event& event) {
  const auto range_of = [](const MappingEvent& mapping) {
    return GranuleRange{mapping.domain.value, mapping.range.first.value / kGranule,
                        mapping.range.last.value / kGranule};
  };
  switch (event.kind) {
    case EventKind::kAttach:
      detach(AttachEvent::of(event).endpoint.value, event.at);
      return attach(AttachEvent::of(event).endpoint.value, AttachEvent::of(event).domain.value);
    case EventKind::kDetach:
      return detach(AttachEvent::of(event).endpoint.value, event.at);
    case EventKind::kMapDone:
      return lives_.engine_mapped(range_of(MappingEvent::of(event)), event.at);
    case EventKind::kUnmapExecuted:
      return lives_.execute(range_of(MappingEvent::of(event)), event.at);
    case EventKind::kUnmapCompleted:
      return lives_.complete(range_of(MappingEvent::of(event)), event.at);
    default:
      return;
  }
}

// --- The guest ---

void Ledger::change_live(const DmaEvent& call, const Extent& extent, std::int64_t sign, Ticks at) {
  live_.move(at, sign * extent.pages);
  if (call.has_slack()) slack_.move(at, sign * extent.pages);
  if (!call.persistent) subpage_.move(at, sign * extent.subpage_bytes);
}

void Ledger::on_dma_map(const Event& event) {
  const DmaEvent call = DmaEvent::of(event);
  if (input_.persistent && call.persistent) return;
  const Extent extent(call);
  const std::uint64_t phys = call.phys_page;
  lives_.hand_out(phys, static_cast<std::uint64_t>(extent.pages), event.at);
  if (call.has_slack() && judged(event.at)) ++result_.slack_maps;
  if (!call.persistent) {
    const auto domain = domain_of_.find(call.endpoint.value);
    if (domain == domain_of_.end()) {
      ++result_.unmatched_events;
      return;
    }
    lives_.map({domain->second, extent.first, extent.last}, phys, event.at);
  }
  change_live(call, extent, 1, event.at);
}

void Ledger::on_dma_unmap(const Event& event) {
  const DmaEvent call = DmaEvent::of(event);
  if (input_.persistent && call.persistent) return;
  const Extent extent(call);
  if (call.persistent) {
    if (judged(event.at)) ++result_.persistent_unmaps;
  } else {
    const auto domain = domain_of_.find(call.endpoint.value);
    if (domain == domain_of_.end() || !lives_.unmap(domain->second, extent.first, event.at)) {
      ++result_.unmatched_events;
      return;
    }
  }
  change_live(call, extent, -1, event.at);
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
      on_engine(input_.engine[e++]);
      continue;
    }
    const Event& event = input_.guest[g++];
    if (event.kind == EventKind::kDmaMap) on_dma_map(event);
    if (event.kind == EventKind::kDmaUnmap) on_dma_unmap(event);
  }
  return report();
}

ExposureReport Ledger::report() {
  lives_.settle(time_.end);
  for (TimeLevel* level : {&live_, &subpage_, &slack_}) level->settle(time_.end);
  const auto ticks = static_cast<double>(time_.end - time_.begin);
  const double per_tick = ticks > 0 ? 1 / ticks : 0;
  const double seconds_per_tick = input_.ns_per_tick / 1e9;
  ExposureReport report = result_;
  report.unmaps = lives_.windows().upper.size();
  report.window = {summarise_windows(std::move(lives_.windows().lower), input_.ns_per_tick),
                   summarise_windows(std::move(lives_.windows().upper), input_.ns_per_tick)};
  const auto& stale = lives_.stale_pages();
  report.mean_stale_pages = {stale.lower.integral() * per_tick, stale.upper.integral() * per_tick};
  report.peak_stale_pages = {stale.lower.peak(), stale.upper.peak()};
  const auto reowned = lives_.memory().reowned_integral();
  report.reowned_pages = lives_.memory().reowned();
  report.reowned_page_seconds = {reowned.lower * seconds_per_tick,
                                 reowned.upper * seconds_per_tick};
  report.iova_reuse_violations = lives_.reuse_violations();
  const Censored censored = lives_.censored();
  report.censored_unmaps = censored.unmaps;
  report.censored_pages = censored.pages;
  report.oldest_censored_ns = static_cast<double>(censored.oldest) * input_.ns_per_tick;
  report.always_mapped_bytes = input_.always_mapped_bytes;
  report.refused_maps = lives_.refused();
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
  report.unmatched_events += lives_.unmatched();
  return report;
}

}  // namespace

ExposureReport judge_exposure(const ExposureInput& input) { return Ledger(input).run(); }

}  // namespace violet
