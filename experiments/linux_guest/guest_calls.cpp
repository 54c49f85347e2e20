#include "experiments/linux_guest/guest_calls.hpp"

#include <algorithm>

#include "engine/protocol/wire.hpp"

namespace violet::linux_guest {
namespace {

constexpr std::size_t kBatch = 256;
// A poll that served fewer requests than one burst of the device left nothing in the ring.
constexpr std::uint64_t kSurelyAll = 32;
constexpr std::uint64_t kMostBytes = 0xffffffff;
constexpr std::uint8_t kDirections = 3;

}  // namespace

GuestCalls::GuestCalls(const Device& engine, const EventRing& engine_ring, EventRing& guest_ring,
                       UnmapReturns returns)
    : engine_(engine),
      observer_(engine_ring),
      guest_(&guest_ring),
      returns_(returns),
      batch_(kBatch),
      empty_since_(now_ticks()),
      began_(empty_since_) {}

void GuestCalls::before_poll() {
  for (std::size_t count; (count = observer_.read(batch_)) > 0;) {
    for (const Event& event : std::span(batch_).first(count)) take(event);
  }
  const std::uint64_t served = requests() - requests_before_;
  requests_before_ += served;
  if (served < kSurelyAll && engine_.requests_in_hand() == 0) empty_since_ = began_;
  began_ = now_ticks();
}

void GuestCalls::kicked() { guest_.record(KickEvent{}.event(now_ticks())); }

std::vector<std::uint64_t> GuestCalls::mapped_for(EndpointId endpoint) const {
  std::vector<std::uint64_t> firsts;
  for (const auto& [id, domain] : domains_) {
    const auto& in = domain.endpoints;
    if (std::find(in.begin(), in.end(), endpoint.value) == in.end()) continue;
    for (const auto& [first, mapping] : domain.live) firsts.push_back(first);
  }
  return firsts;
}

void GuestCalls::take(const Event& event) {
  switch (event.kind) {
    case EventKind::kAttach:
      attached(AttachEvent::of(event));
      break;
    case EventKind::kDetach:
      detached(AttachEvent::of(event));
      break;
    case EventKind::kMapDone:
      ends_[MappingEvent::of(event).domain.value] = MappingEvent::of(event).range.last.value;
      break;
    case EventKind::kMapTarget:
      mapped(TargetEvent::of(event), event.at);
      break;
    case EventKind::kUnmapExecuted:
      if (returns_ == UnmapReturns::kOnceQueued) unmapped(MappingEvent::of(event), empty_since_);
      break;
    case EventKind::kUnmapCompleted:
      if (returns_ == UnmapReturns::kAfterCompletion) unmapped(MappingEvent::of(event), event.at);
      break;
    default:
      break;
  }
}

void GuestCalls::attached(const AttachEvent& event) {
  domains_[event.domain.value].endpoints.push_back(event.endpoint.value);
}

void GuestCalls::mapped(const TargetEvent& target, Ticks at) {
  const auto end = ends_.find(target.domain.value);
  const auto domain = domains_.find(target.domain.value);
  if (end == ends_.end() || domain == domains_.end()) return;
  const Mapping mapping{end->second, target.phys.value, target.flags, at};
  domain->second.live[target.iova.value] = mapping;
  leave(EventKind::kDmaMap, domain->second.endpoints.front(), target.iova.value, mapping, at);
}

void GuestCalls::unmapped(const MappingEvent& gone, Ticks at) {
  const std::uint64_t first = gone.range.first.value, last = gone.range.last.value;
  const auto found = domains_.find(gone.domain.value);
  if (found == domains_.end()) return;
  auto& live = found->second.live;
  for (auto one = live.lower_bound(first); one != live.end() && one->second.last <= last;) {
    leave(EventKind::kDmaUnmap, found->second.endpoints.front(), one->first, one->second,
          std::max(at, one->second.since));
    one = live.erase(one);
  }
}

// With a domain's last endpoint go its mappings, without calls of the guest: those who read kDetach know.
void GuestCalls::detached(const AttachEvent& event) {
  const auto found = domains_.find(event.domain.value);
  if (found == domains_.end()) return;
  auto& endpoints = found->second.endpoints;
  if (endpoints.size() == 1) {
    domains_.erase(found);
    ends_.erase(event.domain.value);
  } else {
    std::erase(endpoints, event.endpoint.value);
  }
}

// A mapping of 4 GiB or more is shown as one of 4 GiB less a byte.
void GuestCalls::leave(EventKind kind, std::uint32_t endpoint, std::uint64_t first,
                       const Mapping& mapping, Ticks at) {
  const std::uint64_t bytes = std::min(mapping.last - first, kMostBytes - 1) + 1;
  const auto direction = static_cast<Permissions>(mapping.flags & kDirections);
  guest_.record(DmaEvent{.endpoint = {endpoint},
                         .iova = {first},
                         .bytes = static_cast<std::uint32_t>(bytes),
                         .phys_page = mapping.phys >> kGranuleShift4K,
                         .needed = direction,
                         .granted = direction}
                    .event(kind, at));
}

std::uint64_t GuestCalls::requests() const {
  using protocol::Type;
  std::uint64_t all = 0;
  for (const Type type : {Type::kAttach, Type::kDetach, Type::kMap, Type::kUnmap, Type::kProbe}) {
    all += engine_.counters().requests_of(type).value();
  }
  return all;
}

}  // namespace violet::linux_guest
