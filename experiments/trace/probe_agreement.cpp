#include "experiments/trace/probe_agreement.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "engine/telemetry/event_bodies.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kProbeGranule = std::uint64_t{1} << kGranuleShift4K;
constexpr Ticks kNever = ~Ticks{0};

// A mapping over one granule that somebody probed.
struct Lifetime {
  Ticks mapped;             // The engine began to map it...
  Ticks returned = kNever;  // ... and the dma_map that wanted it returned.
  Ticks executed = kNever;
  Ticks completed = kNever;
  Permissions permissions;
};

enum class Expected { kHit, kMiss, kUncertain };

Expected expected_of(const Lifetime& lifetime, Ticks at, Access access, Ticks slack) {
  if (!allows(lifetime.permissions, access)) return Expected::kMiss;
  const auto before = [&](Ticks event) { return event != kNever && at + slack < event; };
  const auto after = [&](Ticks event) { return event != kNever && at > event + slack; };
  if (before(lifetime.mapped) || after(lifetime.completed)) return Expected::kMiss;
  const bool mapped = after(lifetime.returned);
  const bool gone = lifetime.executed != kNever && !before(lifetime.executed);
  return mapped && !gone ? Expected::kHit : Expected::kUncertain;
}

// Where an endpoint was attached, from when on.
struct Attachment {
  Ticks from;
  std::uint32_t domain;
  bool attached;
};

class Comparison {
 public:
  explicit Comparison(const ProbeInput& input) : input_(input) {
    for (const auto& [endpoint, domain] : input.attached) {
      attachments_[endpoint.value].push_back({0, domain.value, true});
      ++endpoints_[domain.value];
    }
    for (const Event& event : input.engine) note_attachment(event);
    for (const Event& event : input.probes) {
      if (event.kind != EventKind::kRogueProbe) continue;
      if (const Attachment* to = attachment(ProbeEvent::of(event).endpoint, event.at)) {
        lifetimes_[to->domain].try_emplace(ProbeEvent::of(event).iova.value / kProbeGranule);
      }
    }
    for (const Event& event : input.engine) note_mapping(event);
    for (const Event& event : input.guest) note_return(event);
    if (!input.guest.empty()) return;
    for (auto& [domain, granules] : lifetimes_) {
      for (auto& [granule, lifetimes] : granules) {
        for (Lifetime& lifetime : lifetimes) lifetime.returned = lifetime.mapped;
      }
    }
  }

  ProbeAgreement run() {
    ProbeAgreement result;
    result.complete = input_.lost_engine_events == 0;
    for (const Event& event : input_.probes) {
      if (event.kind == EventKind::kRogueProbe) judge(event, result);
    }
    return result;
  }

 private:
  using Granules = std::map<std::uint64_t, std::vector<Lifetime>>;

  void note_attachment(const Event& event) {
    const bool attach = event.kind == EventKind::kAttach;
    if (!attach && event.kind != EventKind::kDetach) return;
    const AttachEvent body = AttachEvent::of(event);
    attachments_[body.endpoint.value].push_back({event.at, body.domain.value, attach});
  }

  const Attachment* attachment(EndpointId endpoint, Ticks at) const {
    const auto found = attachments_.find(endpoint.value);
    if (found == attachments_.end()) return nullptr;
    const std::vector<Attachment>& all = found->second;
    const auto next =
        std::upper_bound(all.begin(), all.end(), at,
                         [](Ticks when, const Attachment& one) { return when < one.from; });
    if (next == all.begin()) return nullptr;
    const Attachment& last = *std::prev(next);
    return last.attached ? &last : nullptr;
  }

  template <class Function>
  void for_probed(std::uint32_t domain, std::uint64_t first, std::uint64_t last,
                  Function&& function) {
    const auto found = lifetimes_.find(domain);
    if (found == lifetimes_.end()) return;
    Granules& granules = found->second;
    for (auto at = granules.lower_bound(first); at != granules.end() && at->first <= last; ++at) {
      function(at->second);
    }
  }

  void note_mapping(const Event& event) {
    switch (event.kind) {
      case EventKind::kMapDone:
        return for_mapped(MappingEvent::of(event), [&](std::vector<Lifetime>& lifetimes) {
          lifetimes.push_back(
              {.mapped = event.at,
               .permissions = MappingEvent::of(event).permissions & Permissions::kReadWrite});
        });
      case EventKind::kUnmapExecuted:
        return for_mapped(MappingEvent::of(event),
                          [&](std::vector<Lifetime>& lifetimes) { execute(lifetimes, event.at); });
      case EventKind::kUnmapCompleted:
        return for_mapped(MappingEvent::of(event),
                          [&](std::vector<Lifetime>& lifetimes) { complete(lifetimes, event.at); });
      case EventKind::kAttach:
        ++endpoints_[AttachEvent::of(event).domain.value];
        return;
      case EventKind::kDetach:
        return note_detach(AttachEvent::of(event).domain.value, event.at);
      default:
        return;
    }
  }
  template <class Function>
  void for_mapped(const MappingEvent& mapping, Function&& function) {
    for_probed(mapping.domain.value, mapping.range.first.value / kProbeGranule,
               mapping.range.last.value / kProbeGranule, function);
  }

  // The first dma_map to return after a mapping was made proves that it is there; a pool's mapping sees
  // many.
  void note_return(const Event& event) {
    if (event.kind != EventKind::kDmaMap) return;
    const DmaEvent call = DmaEvent::of(event);
    const Attachment* to = attachment(call.endpoint, event.at);
    if (to == nullptr) return;
    const std::uint64_t first = call.iova.value;
    const std::uint64_t last = first + std::max(1u, call.bytes) - 1;
    for_probed(to->domain, first / kProbeGranule, last / kProbeGranule,
               [&](std::vector<Lifetime>& lifetimes) {
                 auto lifetime =
                     std::upper_bound(lifetimes.begin(), lifetimes.end(), event.at, began_later);
                 if (lifetime == lifetimes.begin()) return;
                 --lifetime;
                 lifetime->returned = std::min(lifetime->returned, event.at);
               });
  }
  static bool began_later(Ticks at, const Lifetime& lifetime) { return at < lifetime.mapped; }

  // Lifetimes of one granule follow one another: those still open are at the end.
  static void execute(std::vector<Lifetime>& lifetimes, Ticks at) {
    for (auto lifetime = lifetimes.rbegin();
         lifetime != lifetimes.rend() && lifetime->executed == kNever; ++lifetime) {
      lifetime->executed = at;
    }
  }
  // A mapping that came after the execution is another one.
  static void complete(std::vector<Lifetime>& lifetimes, Ticks at) {
    for (auto lifetime = lifetimes.rbegin();
         lifetime != lifetimes.rend() && lifetime->completed == kNever; ++lifetime) {
      if (lifetime->executed != kNever) lifetime->completed = at;
    }
  }

  // The last endpoint takes the mappings with it. How long that took the events do not tell.
  void note_detach(std::uint32_t domain, Ticks at) {
    unsigned& endpoints = endpoints_[domain];
    if (endpoints > 0) --endpoints;
    if (endpoints > 0) return;
    for_probed(domain, 0, ~std::uint64_t{0}, [&](std::vector<Lifetime>& lifetimes) {
      execute(lifetimes, at);
      complete(lifetimes, at);
    });
  }

  // An ATTACH or DETACH within the error of the time stamps.
  bool attachment_is_open(EndpointId endpoint, Ticks at, Ticks slack) const {
    for (const Attachment& attachment : attachments_.at(endpoint.value)) {
      const Ticks apart = attachment.from > at ? attachment.from - at : at - attachment.from;
      if (attachment.from != 0 && apart <= slack) return true;
    }
    return false;
  }

  static Expected expectation(const std::vector<Lifetime>& lifetimes, Access access, Ticks at,
                              Ticks slack) {
    Expected expected = Expected::kMiss;
    // From the newest mapping that may have begun, back to the first that was surely gone.
    auto lifetime = std::upper_bound(lifetimes.begin(), lifetimes.end(), at + slack, began_later);
    while (lifetime != lifetimes.begin()) {
      --lifetime;
      const Expected one = expected_of(*lifetime, at, access, slack);
      if (one == Expected::kHit) return one;
      if (one == Expected::kUncertain) expected = one;
      if (lifetime->completed != kNever && lifetime->completed + slack < at) break;
    }
    return expected;
  }

  void judge(const Event& event, ProbeAgreement& result) const {
    const ProbeEvent probe = ProbeEvent::of(event);
    const Attachment* to = attachment(probe.endpoint, event.at);
    if (to == nullptr) {
      ++result.not_judged;
      return;
    }
    const Ticks slack = stamp_error(event, input_.slack, input_.clock_error);
    const Expected expected =
        attachment_is_open(probe.endpoint, event.at, slack)
            ? Expected::kUncertain
            : expectation(lifetimes_.at(to->domain).at(probe.iova.value / kProbeGranule),
                          probe.access, event.at, slack);
    count(expected, probe.reached, result);
  }

  static void count(Expected expected, bool hit, ProbeAgreement& result) {
    ++result.judged;
    if (hit) ++result.hits;
    switch (expected) {
      case Expected::kHit:
        ++result.expected_hits;
        if (!hit) ++result.unexpected_misses;
        return;
      case Expected::kMiss:
        ++result.expected_misses;
        if (hit) ++result.unexpected_hits;
        return;
      case Expected::kUncertain:
        ++result.uncertain;
        return;
    }
  }

  const ProbeInput& input_;
  std::unordered_map<std::uint32_t, std::vector<Attachment>> attachments_;  // By endpoint.
  std::unordered_map<std::uint32_t, unsigned> endpoints_;                   // By domain.
  std::unordered_map<std::uint32_t, Granules> lifetimes_;                   // By domain.
};

}  // namespace

ProbeAgreement compare_probes(const ProbeInput& input) { return Comparison(input).run(); }

}  // namespace violet
