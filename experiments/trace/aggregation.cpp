#include "experiments/trace/aggregation.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "experiments/trace/churn_aggregation.hpp"
#include "experiments/trace/event_order.hpp"
#include "experiments/trace/lifetime_table.hpp"
#include "experiments/trace/lifetime_tracker.hpp"
#include "experiments/trace/page_history.hpp"
#include "experiments/trace/pyramid_file.hpp"
#include "experiments/trace/time_aggregation.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kFirstCheckpointEvents = 1 << 15;
constexpr std::size_t kMostRegions = 4096;
constexpr std::size_t kMostFirstMaps = std::size_t{1} << 20;
constexpr std::uint64_t kLeastBuckets = 2048;
constexpr std::uint64_t kLeastCells = 4096;
constexpr std::size_t kLeastChurn = 32;  // Cells and spans of a grid that can be made coarser.

std::size_t bytes_of_time(const Pyramid& pyramid) {
  std::size_t bins = pyramid.windows.size();
  for (const auto& cells : pyramid.latencies) bins += cells.size();
  return pyramid.buckets.size() * sizeof(PyramidBucket) + bins * sizeof(BinCell) +
         pyramid.gauges.size() * sizeof(GaugeCell) + pyramid.probes.size() * sizeof(ProbeRecord) +
         pyramid.faults.size() * sizeof(FaultRecord);
}

std::size_t bytes_of_churn(const Pyramid& pyramid) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < kChurnGrids; ++i) {
    bytes +=
        pyramid.churn[i].size() * sizeof(ChurnCell) + pyramid.spans[i].size() * sizeof(ChurnSpan);
  }
  return bytes;
}

}  // namespace

struct Aggregation::State : LifetimeSink {
  struct Gap {
    Ticks from, to;
    std::uint64_t lost;
  };
  struct Lcore {
    std::uint16_t number;
    std::optional<Ticks> last;
    std::uint64_t lost = 0;  // Before whatever comes next.
  };

  explicit State(const AggregationOptions& options)
      : time(pyramid, options.ns_per_tick, options.most_buckets),
        churn(pyramid, options.most_cells),
        tracker(*this) {
    churn.move_to(0, pyramid.facts.shift);
  }

  // --- The tracker's sink ---
  void tag(LifetimeTable::Lifetime& lifetime) { lifetime.tag = endpoint_index(lifetime.endpoint); }
  void page(const LifetimeTable::Lifetime& lifetime, std::uint64_t granule, int live, int stale,
            Ticks) {
    churn.change(churn_band(granule, static_cast<std::uint8_t>(lifetime.tag)), live, stale, now);
    if (live != 0) time.move_live(now, live);
    if (stale != 0) time.move_stale(now, stale);
  }
  void unmapped(const LifetimeTable::Lifetime&, Ticks) { time.change_open(now, 1); }
  void window(const LifetimeTable::Lifetime& lifetime) {
    const Ticks unmapped = relative(lifetime.unmapped);
    time.change_open(unmapped, -1);
    time.window(
        unmapped,
        lifetime.unreachable > lifetime.unmapped ? lifetime.unreachable - lifetime.unmapped : 0,
        static_cast<std::uint8_t>(lifetime.tag));
  }
  void no_window(const LifetimeTable::Lifetime& lifetime) {
    time.change_open(relative(lifetime.unmapped), -1);
  }

  Ticks relative(Ticks at) const { return at > pyramid.facts.start ? at - pyramid.facts.start : 0; }
  std::uint8_t endpoint_index(std::uint32_t endpoint);
  void note_lost(std::uint16_t lcore, std::span<const Event> events, std::uint64_t lost);
  void apply_gaps(bool all);
  void start(const Event& first);
  void apply(const Event& event);
  void add_dma(const Event& event);
  void add_probe(const Event& event);
  void restore(const Event& event);
  void mark(const Event& event);
  void region(const Event& event);
  void note_attached(const AttachEvent& attached);
  void enter_bucket();
  void checkpoint(Ticks at);
  bool shrink();
  void merge(Ticks until, bool all);
  void time_it(Timed operation, const Event& event) {
    if (event.timed()) time.timed(operation, endpoint_index(event.id), event.took);
  }

  Pyramid pyramid;
  EventMerger queue;
  TimeAggregation time;
  ChurnAggregation churn;
  PageHistory history;
  LifetimeTracker<State> tracker;
  std::vector<Lcore> lcores;
  std::vector<Gap> gaps;
  std::optional<Ticks> start_mark;
  bool started = false;
  std::size_t first_maps_shown = 0;
  Ticks now = 0;    // Relative.
  Ticks until = 0;  // Absolute: nothing may come before it any more.
  std::uint64_t checkpoint_every = kFirstCheckpointEvents;
  std::uint64_t checkpoint_next = 0;
  std::uint32_t last_endpoint = 0;
  std::uint8_t last_index = 0;
};

std::uint8_t Aggregation::State::endpoint_index(std::uint32_t endpoint) {
  auto& known = pyramid.endpoints;
  if (endpoint == last_endpoint && !known.empty()) return last_index;
  const auto found = std::find(known.begin(), known.end(), endpoint);
  auto index = static_cast<std::size_t>(found - known.begin());
  if (found == known.end() && known.size() < kOtherEndpoint) known.push_back(endpoint);
  if (index >= kOtherEndpoint) index = kOtherEndpoint;
  last_endpoint = endpoint;
  last_index = static_cast<std::uint8_t>(index);
  return last_index;
}

// --- What was lost ---

void Aggregation::State::note_lost(std::uint16_t number, std::span<const Event> events,
                                   std::uint64_t lost) {
  auto lcore = std::find_if(lcores.begin(), lcores.end(),
                            [&](const Lcore& known) { return known.number == number; });
  if (lcore == lcores.end()) {
    // An lcore beyond any machine's number has its losses counted where it stands.
    if (lcores.size() >= EventMerger::kMostStreams) lcores.pop_back();
    lcore = lcores.insert(lcores.end(), {number, {}, 0});
  }
  lcore->lost += lost;
  pyramid.facts.lost += lost;
  if (events.empty()) return;
  if (lcore->lost > 0) {
    tracker.lose(lcore->last.value_or(0), events.front().at);
    gaps.push_back({lcore->last.value_or(0), events.front().at, lcore->lost});
    lcore->lost = 0;
  }
  lcore->last = events.back().at;
}

void Aggregation::State::apply_gaps(bool all) {
  if (!started) return;
  std::erase_if(gaps, [&](const Gap& gap) {
    if (!all && gap.to >= until) return false;
    const Ticks to = std::min(relative(gap.to), now);
    time.gap(std::min(relative(gap.from), to), to, gap.lost);
    return true;
  });
  if (!all) return;
  for (Lcore& lcore : lcores) {
    if (lcore.lost > 0) time.gap(lcore.last ? relative(*lcore.last) : 0, now, lcore.lost);
    lcore.lost = 0;
  }
}

// --- Events ---

void Aggregation::State::start(const Event& first) {
  started = true;
  pyramid.facts.start = start_mark.value_or(first.at);
}

void Aggregation::State::enter_bucket() {
  time.move_to(now);
  churn.move_to(now, pyramid.facts.shift);
  if (pyramid.facts.events >= checkpoint_next) checkpoint(now);
}

void Aggregation::State::checkpoint(Ticks at) {
  tracker.table().save(pyramid.facts.start, pyramid.facts.start + at, pyramid);
  while (thin_checkpoints(pyramid)) checkpoint_every *= 2;
  checkpoint_next = pyramid.facts.events + checkpoint_every;
}

void Aggregation::State::apply(const Event& event) {
  if (!started) start(event);
  const Ticks at = relative(event.at);
  if (at < now) ++pyramid.facts.reordered;
  now = std::max(now, at);
  if (time.leaves_bucket(now)) enter_bucket();
  ++pyramid.facts.events;
  const auto kind = static_cast<std::size_t>(event.kind);
  if (kind >= kEventKinds) return;
  time.count(event.kind);
  switch (event.kind) {
    case EventKind::kDmaMap:
    case EventKind::kDmaUnmap:
      add_dma(event);
      break;
    case EventKind::kTranslate:
      time_it(TranslateEvent::of(event).outcome == TranslateEvent::Outcome::kFault
                  ? Timed::kFault
                  : Timed::kTranslate,
              event);
      break;
    case EventKind::kFault:
      time_it(Timed::kFault, event);
      time.fault(now, FaultEvent::of(event));
      break;
    case EventKind::kRogueProbe:
      add_probe(event);
      break;
    case EventKind::kMapDone:
      restore(event);
      break;
    case EventKind::kAttach:
      note_attached(AttachEvent::of(event));
      break;
    case EventKind::kMark:
      mark(event);
      break;
    case EventKind::kSample:
      time.gauge(now, SampleEvent::of(event));
      break;
    case EventKind::kEndpoint:
      region(event);
      break;
    default:
      break;
  }
  tracker.apply(event);
}

void Aggregation::State::add_dma(const Event& event) {
  const bool unmap = event.kind == EventKind::kDmaUnmap;
  const DmaEvent call = DmaEvent::of(event);
  const bool persistent = call.persistent;
  if (unmap && persistent) ++time.now().persistent_unmaps;
  time_it(unmap ? Timed::kUnmap : Timed::kMap, event);
  const GranuleExtent extent(call);
  if (!extent.tracked()) return;
  const std::uint8_t endpoint = endpoint_index(call.endpoint.value);
  const std::uint32_t domain = tracker.table().attached_to(call.endpoint.value);
  for (std::uint64_t i = 0; i < extent.pages; ++i) {
    const std::uint64_t key = LifetimeTable::key(domain, extent.first + i);
    ChurnAggregation::Call counted{unmap, false, i > 0};
    if (!unmap) {
      const bool before = history.map(key);
      counted.reuse = before && i == 0;
      if (!before && pyramid.first_maps.size() < kMostFirstMaps) {
        pyramid.first_maps.push_back({extent.first + i, tracker.table().domain_id(domain), 0, now});
      }
    } else if (!persistent) {
      history.unmap(key);
    }
    churn.call(churn_band(extent.first + i, endpoint), counted, now);
  }
}

void Aggregation::State::add_probe(const Event& event) {
  const ProbeEvent probe = ProbeEvent::of(event);
  const std::uint32_t domain = tracker.table().attached_to(probe.endpoint.value);
  if (!history.is_gone(LifetimeTable::key(domain, probe.iova.value >> kGranuleShift4K))) return;
  time.probe(now, probe);
}

// Before the call that maps a page returns, the engine has it already: a probe may reach it.
void Aggregation::State::restore(const Event& event) {
  const MappingEvent mapping = MappingEvent::of(event);
  const std::uint64_t first = mapping.range.first.value >> kGranuleShift4K;
  const std::uint64_t last = mapping.range.last.value >> kGranuleShift4K;
  if (last < first || last - first >= LifetimeLimits().call_pages) return;
  const std::uint32_t domain = tracker.table().domain(mapping.domain.value);
  for (std::uint64_t granule = first; granule <= last; ++granule) {
    history.restore(LifetimeTable::key(domain, granule));
  }
}

void Aggregation::State::mark(const Event& event) {
  PyramidFacts& facts = pyramid.facts;
  switch (MarkEvent::of(event).phase) {
    case Phase::kMeasure:
      facts.measure = now;
      facts.has_measure = 1;
      break;
    case Phase::kTakeDown:
      facts.take_down = now;
      facts.has_take_down = 1;
      break;
    case Phase::kEnd:
      facts.ended = 1;
      break;
    default:
      break;
  }
}

void Aggregation::State::region(const Event& event) {
  const RegionEvent said = RegionEvent::of(event);
  const RegionRecord record{said.range.first.value, said.range.last.value, said.endpoint.value,
                            said.kind};
  const bool known =
      std::any_of(pyramid.regions.begin(), pyramid.regions.end(), [&](const RegionRecord& other) {
        return other.first == record.first && other.last == record.last &&
               other.endpoint == record.endpoint && other.kind == record.kind;
      });
  if (!known && pyramid.regions.size() < kMostRegions) pyramid.regions.push_back(record);
}

void Aggregation::State::note_attached(const AttachEvent& attached) {
  const AttachRecord pair{attached.endpoint.value, attached.domain.value};
  auto& pairs = pyramid.ever_attached;
  const bool known = std::any_of(pairs.begin(), pairs.end(), [&](const AttachRecord& other) {
    return other.endpoint == pair.endpoint && other.domain == pair.domain;
  });
  if (!known && pairs.size() < kMostRegions) pairs.push_back(pair);
}

void Aggregation::State::merge(Ticks to, bool all) {
  queue.merge(to, all, [this](std::uint16_t, const Event& event) { apply(event); });
  until = std::max(until, to);
  pyramid.facts.end = now;
  pyramid.facts.untracked = tracker.table().untracked;
  pyramid.facts.unmatched = tracker.table().unmatched;
  apply_gaps(all);
}

// --- Aggregation ---

Aggregation::Aggregation(const AggregationOptions& options)
    : state_(std::make_unique<State>(options)) {}
Aggregation::Aggregation(Aggregation&&) noexcept = default;
Aggregation& Aggregation::operator=(Aggregation&&) noexcept = default;
Aggregation::~Aggregation() = default;

void Aggregation::begin_at(Ticks start) { state_->start_mark = start; }

void Aggregation::add(std::uint16_t lcore, std::span<const Event> events,
                      std::uint64_t lost_before) {
  State& state = *state_;
  state.note_lost(lcore, events, lost_before);
  state.pyramid.facts.reordered += state.queue.take(lcore, events);
  if (state.started || state.start_mark) return;
  for (const Event& event : events) {
    if (event.kind != EventKind::kMark || MarkEvent::of(event).phase != Phase::kStart) continue;
    state.start_mark = event.at;
    break;
  }
}

void Aggregation::advance(Ticks complete_until) { state_->merge(complete_until, false); }

void Aggregation::finish() {
  state_->merge(~Ticks{0}, true);
  // Whoever has few events looks at them themselves: the pyramid need not outweigh them.
  const std::uint64_t events = state_->pyramid.facts.events;
  state_->time.coarsen(std::clamp<std::uint64_t>(events / 128, kLeastBuckets, kMostBuckets));
  state_->churn.move_to(state_->now, state_->pyramid.facts.shift);
  state_->churn.set_most(std::clamp<std::uint64_t>(events / 8, kLeastCells, kMostCells));
}

bool Aggregation::fit(std::uint64_t bytes, Ticks kept_until) {
  State& state = *state_;
  Pyramid& all = state.pyramid;
  if (kept_until != ~Ticks{0}) {
    const Ticks until = state.relative(kept_until);
    drop_checkpoints_from(all, until);
    std::erase_if(all.first_maps, [until](const FirstMap& one) { return one.at >= until; });
  }
  while (stored_bytes(pyramid().view()) > bytes) {
    if (!state.shrink()) return false;
  }
  return true;
}

// The part that takes most; false where all are as coarse as can be.
bool Aggregation::State::shrink() {
  const std::array<std::function<bool()>, 3> parts{
      [this] { return time.shrink(); },
      [this] {
        std::size_t most = 0;
        for (std::size_t i = 0; i < kChurnGrids; ++i) {
          most = std::max(most, pyramid.churn[i].size() + pyramid.spans[i].size());
        }
        if (most <= kLeastChurn) return false;
        churn.shrink(std::max(most / 2, kLeastChurn), now);
        return true;
      },
      [this] { return halve_checkpoints(pyramid); }};
  std::array<std::pair<std::size_t, std::size_t>, 3> by_bytes{{{bytes_of_time(pyramid), 0},
                                                               {bytes_of_churn(pyramid), 1},
                                                               {bytes_of_checkpoints(pyramid), 2}}};
  std::sort(by_bytes.rbegin(), by_bytes.rend());
  return std::any_of(by_bytes.begin(), by_bytes.end(),
                     [&](const auto& part) { return parts[part.second](); });
}

std::size_t Aggregation::pending() const { return state_->queue.size(); }

const Pyramid& Aggregation::pyramid() {
  State& state = *state_;
  state.time.show(state.now);
  state.churn.show(state.now);
  if (std::exchange(state.first_maps_shown, state.pyramid.first_maps.size()) !=
      state.pyramid.first_maps.size()) {
    std::sort(state.pyramid.first_maps.begin(), state.pyramid.first_maps.end(),
              [](const FirstMap& a, const FirstMap& b) {
                return a.granule != b.granule ? a.granule < b.granule : a.domain < b.domain;
              });
    state.pyramid.used = state.history.used();
  }
  return state.pyramid;
}

}  // namespace violet
