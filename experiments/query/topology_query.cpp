// The topology query tells which endpoint is in which domain, and what each domain has mapped, at a moment.
#include <algorithm>
#include <map>
#include <set>

#include "experiments/query/level_replay.hpp"

namespace violet::query {
namespace {

// Only what the engine did: a MAP or an UNMAP is looked up in a table of ranges.
constexpr std::uint64_t kMostTopologyEvents = 500'000;

class TopologyAt {
 public:
  TopologyAt(const CellData& cell, TopologyState& out) : cell_(cell), out_(out) {}

  // `seen_from_the_start`: all that happened to the domain since it came to be.
  void attach(std::uint32_t endpoint, std::uint32_t domain, bool seen_from_the_start) {
    domain_of_[endpoint] = domain;
    if (!mappings_.contains(domain)) seen_[domain] = seen_from_the_start;
    mappings_[domain];
  }
  // Events before `at` are missing: what was, may have changed.
  void doubt() { seen_.clear(); }
  void map(std::uint32_t domain, const TopologyState::Mapping& mapping) {
    mappings_[domain][mapping.range.first.value] = mapping;
  }
  void apply(const Event& event) {
    switch (event.kind) {
      case EventKind::kAttach:
        detach(AttachEvent::of(event).endpoint.value);
        return attach(AttachEvent::of(event).endpoint.value, AttachEvent::of(event).domain.value,
                      true);
      case EventKind::kDetach:
        return detach(AttachEvent::of(event).endpoint.value);
      case EventKind::kMapDone:
        return map(MappingEvent::of(event), event.at);
      case EventKind::kUnmapExecuted:
        return unmap(MappingEvent::of(event));
      default:
        return;
    }
  }
  // `seen_from_start`: no event before the moment is missing.
  void finish(std::size_t most, bool seen_from_start) {
    seen_from_start_ = seen_from_start;
    for (const RegionRecord& region : cell_.pyramid.regions) {
      auto& known = regions_[region.endpoint];
      if (region.first > region.last) continue;
      known.push_back({{{region.first}, {region.last}}, static_cast<std::uint8_t>(region.kind)});
    }
    for (const auto& [endpoint, domain] : domain_of_) regions_[endpoint];
    for (const std::uint32_t endpoint : detached_) regions_[endpoint];
    for (auto& [id, regions] : regions_) {
      TopologyState::Endpoint endpoint;
      endpoint.id = id;
      if (const auto found = domain_of_.find(id); found != domain_of_.end()) {
        endpoint.attachment = TopologyState::Attachment{found->second};
      } else if (seen_from_start_ || detached_.contains(id)) {
        endpoint.attachment = TopologyState::Attachment{};
      }
      endpoint.regions = std::move(regions);
      out_.endpoints.push_back(std::move(endpoint));
    }
    for (const auto& [id, mappings] : mappings_) {
      TopologyState::Domain domain;
      domain.id = id;
      const auto seen = seen_.find(id);
      const bool known = seen != seen_.end() && seen->second;
      if (known) domain.mapping_count = mappings.size();
      if (!known && out_.because.empty()) out_.because = "how it began was not recorded";
      domain.truncated = mappings.size() > most;
      for (const auto& [first, mapping] : mappings) {
        if (domain.mappings.size() >= most) break;
        domain.mappings.push_back(mapping);
      }
      out_.domains.push_back(std::move(domain));
    }
  }

 private:
  void detach(std::uint32_t endpoint) {
    detached_.insert(endpoint);
    const auto found = domain_of_.find(endpoint);
    if (found == domain_of_.end()) return;
    const std::uint32_t domain = found->second;
    domain_of_.erase(found);
    const bool used = std::any_of(domain_of_.begin(), domain_of_.end(),
                                  [domain](const auto& one) { return one.second == domain; });
    // With the last endpoint the domain goes.
    if (!used) mappings_.erase(domain);
  }
  void map(const MappingEvent& mapping, Ticks at) {
    if (!mapping.ordered()) return;
    map(mapping.domain.value,
        {mapping.range, static_cast<Permissions>(static_cast<unsigned>(mapping.permissions) & 7),
         cell_.base.nanos(at)});
  }
  void unmap(const MappingEvent& mapping) {
    const auto found = mappings_.find(mapping.domain.value);
    if (found == mappings_.end() || !mapping.ordered()) return;
    auto& ranges = found->second;
    const std::uint64_t last = mapping.range.last.value;
    for (auto next = ranges.lower_bound(mapping.range.first.value);
         next != ranges.end() && next->first <= last;) {
      next = next->second.range.last.value <= last ? ranges.erase(next) : std::next(next);
    }
  }

  const CellData& cell_;
  TopologyState& out_;
  std::map<std::uint32_t, std::uint32_t> domain_of_;
  std::set<std::uint32_t> detached_;  // Endpoints that were seen to leave a domain.
  bool seen_from_start_ = false;
  std::map<std::uint32_t, bool> seen_;  // Domains whose every event was seen.
  std::map<std::uint32_t, std::map<std::uint64_t, TopologyState::Mapping>> mappings_;
  std::map<std::uint32_t, std::vector<TopologyState::Region>> regions_;
};

}  // namespace

// The newest moment before `at` (absolute) at which events are missing; nothing: there is none.
static std::optional<Ticks> lost_before(const CellData& cell, Ticks at) {
  std::optional<Ticks> newest;
  const auto add = [&](Ticks end) { newest = std::max(newest.value_or(0), end); };
  for (const KeptEvents::Gap& gap : all_gaps(cell)) {
    if (gap.from < at) add(std::min(gap.to, at));
  }
  const auto& buckets = cell.pyramid.buckets;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const Ticks from = cell.base.start() + (static_cast<Ticks>(i) << cell.pyramid.facts.shift);
    if (from >= at) break;
    // Of those times that are kept the gaps are known better.
    if (buckets[i].gap != 0 && (from < cell.kept_from || from >= cell.kept_until)) {
      add(std::min(at, from + cell.pyramid.width()));
    }
  }
  return newest;
}

TopologyState ask_topology(const CellData& cell, Nanos at, std::size_t most_mappings) {
  TopologyState out;
  out.at = at;
  const Ticks until = cell.base.ticks(at == std::numeric_limits<Nanos>::max() ? at : at + 1);
  const Checkpoint* from = cell.checkpoint(until);
  const Ticks begin = from == nullptr ? 0 : cell.base.start() + from->at;
  // As far as single events go; what they say stays true of that moment.
  const Ticks end = std::min(until, cell.kept_until);
  const bool kept = cell.kept_from <= begin && begin <= end;
  const bool replayed = kept && cell.events->count(begin, end) <= kMostTopologyEvents;
  const std::optional<Ticks> lost = lost_before(cell, replayed ? end : until);
  TopologyAt state(cell, out);
  if (from != nullptr) {
    for (const AttachRecord& one :
         cell.pyramid.attached.subspan(from->attached.first, from->attached.count)) {
      state.attach(one.endpoint, one.domain, !lost);
    }
    for (const MappingRecord& one :
         cell.pyramid.mappings.subspan(from->mappings.first, from->mappings.count)) {
      state.map(one.domain, {{{one.first}, {one.last}},
                             static_cast<Permissions>(one.permissions & 7),
                             cell.base.since(one.since)});
    }
  }
  if (replayed) {
    bool doubted = !lost;
    cell.events->merge(begin, end, [&](std::uint16_t, const Event& event) {
      if (!doubted && event.at >= *lost) {
        state.doubt();
        doubted = true;
      }
      state.apply(event);
      return true;
    });
    if (!doubted) state.doubt();
    if (lost) out.because = "events were lost before";
    if (end < until) {
      out.at = cell.base.nanos(end);
      if (!lost) out.because = "not every event was kept since";
    }
  } else if (from != nullptr) {
    // What is known is how it was then.
    out.at = cell.base.since(from->at);
    if (lost) state.doubt();
    out.because = lost ? "events were lost before" : "not every event was kept since";
  } else {
    out.because = "no single event of this time was kept";
  }
  state.finish(most_mappings, !lost && (replayed || from != nullptr));
  return out;
}

}  // namespace violet::query
