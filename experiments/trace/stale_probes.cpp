#include "experiments/trace/stale_probes.hpp"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "engine/telemetry/event_bodies.hpp"
#include "experiments/trace/probe_agreement.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kStaleGranule = 4096;

// Granules of all domains or endpoints, whose ids are far below 2^16.
std::uint64_t key_of(std::uint32_t id, std::uint64_t iova) {
  return std::uint64_t{id} << 48 ^ iova / kStaleGranule;
}

template <class Visit>
void for_each_granule(std::uint64_t first, std::uint64_t last, const Visit& visit) {
  for (std::uint64_t at = first / kStaleGranule; at <= last / kStaleGranule; ++at)
    visit(at * kStaleGranule);
}

// What the engine has mapped, and when last.
class EngineMaps {
 public:
  // A MAP's event is recorded when it is done and says when it began: they are not in order of time.
  explicit EngineMaps(std::span<const Event> engine) {
    std::copy_if(engine.begin(), engine.end(), std::back_inserter(events_), [](const Event& event) {
      return event.kind == EventKind::kAttach || event.kind == EventKind::kMapDone;
    });
    std::stable_sort(events_.begin(), events_.end(),
                     [](const Event& a, const Event& b) { return a.at < b.at; });
  }

  void move_to(Ticks latest) {
    for (; next_ < events_.size() && events_[next_].at <= latest; ++next_) apply(events_[next_]);
  }
  bool mapped_since(Ticks when, std::uint32_t endpoint, std::uint64_t iova) const {
    const auto domain = domains_.find(endpoint);
    if (domain == domains_.end()) return false;
    const auto found = mapped_at_.find(key_of(domain->second, iova));
    if (found != mapped_at_.end() && found->second >= when) return true;
    return std::any_of(large_.begin(), large_.end(), [&](const Event& event) {
      const MappingEvent map = MappingEvent::of(event);
      return event.at >= when && map.domain.value == domain->second &&
             map.range.contains(Iova{iova});
    });
  }

 private:
  void apply(const Event& event) {
    if (event.kind == EventKind::kAttach) {
      const AttachEvent attached = AttachEvent::of(event);
      domains_[attached.endpoint.value] = attached.domain.value;
      return;
    }
    const MappingEvent map = MappingEvent::of(event);
    const std::uint64_t first = map.range.first.value, last = map.range.last.value;
    if (last / kStaleGranule - first / kStaleGranule > kMostGranules) {
      large_.push_back(event);
    } else {
      for_each_granule(first, last, [&](std::uint64_t at) {
        mapped_at_[key_of(map.domain.value, at)] = event.at;
      });
    }
  }

  static constexpr std::uint64_t kMostGranules = 1024;

  std::vector<Event> events_;
  std::size_t next_ = 0;
  std::vector<Event> large_;                                  // Few: identity maps.
  std::unordered_map<std::uint32_t, std::uint32_t> domains_;  // Of the endpoints.
  std::unordered_map<std::uint64_t, Ticks> mapped_at_;
};

struct Granule {
  std::int32_t live = 0;
  bool stays = false;     // Its latest mapping outlives its unmap by design (pools, identity maps).
  Ticks unmapped_at = 0;  // When the call returned.

  bool is_stale() const { return live <= 0 && !stays; }
};

class GuestMaps {
 public:
  void apply(const Event& event) {
    const DmaEvent call = DmaEvent::of(event);
    const std::uint64_t first = call.iova.value;
    const std::uint64_t last = first + (call.bytes == 0 ? 0 : call.bytes - 1);
    for_each_granule(first, last, [&](std::uint64_t at) {
      Granule& granule = granules_[key_of(call.endpoint.value, at)];
      granule.stays = call.persistent;
      if (call.persistent) return;  // A sample, whose maps and unmaps need not pair.
      granule.live += event.kind == EventKind::kDmaMap ? 1 : -1;
      if (event.kind == EventKind::kDmaUnmap) granule.unmapped_at = event.at;
    });
  }
  // Null: never mapped.
  const Granule* find(std::uint32_t endpoint, std::uint64_t iova) const {
    const auto found = granules_.find(key_of(endpoint, iova));
    return found == granules_.end() ? nullptr : &found->second;
  }

 private:
  std::unordered_map<std::uint64_t, Granule> granules_;
};

}  // namespace

StaleProbes count_stale_probes(const StaleProbesInput& input) {
  StaleProbes result;
  EngineMaps engine(input.engine);
  GuestMaps guest;
  std::size_t g = 0;
  for (const Event& event : input.probes) {
    if (event.kind != EventKind::kRogueProbe) continue;
    const ProbeEvent probe = ProbeEvent::of(event);
    const Ticks at = event.at;
    const Ticks slack = stamp_error(event, input.slack, input.clock_error);
    const Ticks latest = at + slack;
    engine.move_to(latest);
    for (; g < input.guest.size() && input.guest[g].at <= latest; ++g) {
      const EventKind kind = input.guest[g].kind;
      if (kind == EventKind::kDmaUnmap && input.guest[g].at > at) break;  // Still to come.
      if (is_dma_call(kind)) guest.apply(input.guest[g]);
    }
    if (at < input.begin || at > input.end) continue;
    const Granule* const granule = guest.find(probe.endpoint.value, probe.iova.value);
    if (granule == nullptr || !granule->is_stale()) continue;
    if (granule->unmapped_at + slack > at) continue;  // Perhaps before the unmap.
    if (engine.mapped_since(granule->unmapped_at, probe.endpoint.value, probe.iova.value)) continue;
    const auto& bounds = input.delay_bounds;
    const auto bin = std::upper_bound(bounds.begin(), bounds.end(), at - granule->unmapped_at);
    const auto position = static_cast<std::size_t>(bin - bounds.begin());
    for (StaleProbes::Count* count : {&result.all, &result.by_delay[position]}) {
      ++count->aimed;
      count->hits += probe.reached;
    }
  }
  return result;
}

}  // namespace violet
